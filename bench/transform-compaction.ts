import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { benchApp, closing } from './bench-app.ts';
import { type BenchCase, beside, flag, plainCase } from './harness.ts';
import { generateTable, personsOf } from './lake-data.ts';
import { erasureDay } from './lake-erasure.ts';

const location = 'events/messages';

interface Erasure {
  /** From the plan to the certificate. */
  readonly seconds: number;
  readonly registered: number;
  readonly megabytes: number;
}

/** The erasure of one person from a table of so many files, whose rows are the same in number. */
const erasureOf = (megabytes: number, files: number): Promise<Erasure> =>
  closing(async (onClose) => {
    const { app, dataDir } = await benchApp(onClose);
    const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
    const made = await generateTable(duckdb, join(dataDir, 'lake', location), { megabytes, days: files });
    duckdb.closeSync();
    const persons = Math.ceil(made.reduce((sum, { rows }) => sum + rows, 0) / 10);
    const { planned, certified, erased, registered } = await erasureDay(app.urls.main, location, personsOf(1, persons));
    if (erased === 0) throw new Error('the person was in no file');
    const bytes = made.reduce((sum, file) => sum + file.bytes, 0);
    return { seconds: planned + certified, registered, megabytes: bytes / 1e6 };
  });

/** What it is worth to put small files together: one person erased from the same rows in many files, and in few. */
export async function compactionCases(): Promise<readonly BenchCase[]> {
  const [megabytes, small, large] = [flag('mb', 20), flag('files', 400), flag('target-files', 4)];
  const many = await erasureOf(megabytes, small);
  const few = await erasureOf(megabytes, large);
  const each = (erasure: Erasure, files: number) => `${files} files of ${(erasure.megabytes / files).toFixed(2)} MB`;
  return [
    beside(`erasures of one person, ${each(few, large)}`, 60 / few.seconds, '/min', {
      name: each(many, small),
      value: 60 / many.seconds,
    }),
    plainCase(`register and index ${each(few, large)}`, few.registered, 's'),
    plainCase(`register and index ${each(many, small)}`, many.registered, 's'),
  ];
}
