import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { benchApp, closing, type OnClose } from './bench-app.ts';
import { type Bench, type BenchCase, flag, plainCase } from './harness.ts';
import { generateTable, personsOf } from './lake-data.ts';
import { erasureDay } from './lake-erasure.ts';
import { countsOf, loadSubjects } from './lake-references.ts';

const location = 'events/messages';
async function measured(onClose: OnClose): Promise<readonly BenchCase[]> {
  const [megabytes, days, asked] = [flag('mb', 200), flag('days', 30), flag('subjects', 200_000)];
  const { app, dataDir } = await benchApp(onClose);
  const duckdb = await (await DuckDBInstance.create(':memory:', { memory_limit: '1GB' })).connect();
  const files = await generateTable(duckdb, join(dataDir, 'lake', location), { megabytes, days });
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const persons = Math.ceil(rows / 10);
  const subjects = personsOf(Math.min(asked, Math.ceil(persons / 10)), persons);
  await loadSubjects(duckdb, 'gone', subjects);
  const before = await countsOf(duckdb, files);
  const day = await erasureDay(app.urls.main, location, subjects);
  const after = await countsOf(duckdb, files);
  if (after.selected !== 0 || after.others !== before.others || day.erased !== before.selected)
    throw new Error(`not exact: ${JSON.stringify({ before, after, erased: day.erased })}`);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return [
    plainCase(`register ${files.length} files, ${(bytes / 1e6).toFixed(0)} MB, and index them`, day.registered, 's'),
    plainCase(`take in ${subjects.length} subjects`, day.takenIn, 's'),
    plainCase('plan', day.planned, 's'),
    plainCase('erase, read back, certify', day.certified, 's'),
    plainCase('plan to certificate', bytes / 1e6 / (day.planned + day.certified), 'MB/s'),
    plainCase(`${before.selected} rows erased; survivors and lost rows, by plain SQL`, 0, 'rows'),
  ];
}

export const bench: Bench = {
  name: 'lake-day',
  about:
    'a day of erasures by the API, from plan to certificate, checked by plain SQL; --mb=200 --days=30 --subjects=200000',
  run: () => closing(measured),
};
