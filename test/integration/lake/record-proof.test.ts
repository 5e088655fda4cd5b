import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { avroFormat } from '../../../src/adapters/lake/avro/avro-format.ts';
import { SelectionTables } from '../../../src/adapters/lake/duckdb/selection-tables.ts';
import { ndjsonFormat } from '../../../src/adapters/lake/ndjson/ndjson-format.ts';
import { RecordFileFormat } from '../../../src/adapters/lake/records/record-file-format.ts';
import type { RecordFormat } from '../../../src/adapters/lake/records/record-format.ts';
import { RowJudge } from '../../../src/adapters/lake/records/row-judge.ts';
import { ndjson, put, type TestRecord, writeAvro } from '../../testkit/record-files.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-proof-'));
const selection = { accountColumn: 'acc', act: [{ account: 'A' }], keep: [] };
let connection: DuckDBConnection;
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect();
});
afterAll(async () => {
  connection.closeSync();
  await rm(root, { recursive: true, force: true });
});

const records: readonly TestRecord[] = Array.from({ length: 3_000 }, (_, n) => ({
  acc: n % 3 === 0 ? 'A' : 'B',
  n,
}));
const left = records.filter(({ acc }) => acc === 'B');

interface Case {
  readonly name: string;
  readonly format: RecordFormat;
  readonly ending: string;
  write(path: string, records: readonly TestRecord[]): Promise<unknown>;
}

const cases: readonly Case[] = [
  { name: 'lines', format: ndjsonFormat, ending: 'ndjson', write: (path, some) => put(path, ndjson(some)) },
  {
    name: 'compressed lines',
    format: ndjsonFormat,
    ending: 'json.gz',
    write: (path, some) => put(path, gzipSync(ndjson(some))),
  },
  {
    name: 'Avro',
    format: avroFormat,
    ending: 'avro',
    write: (path, some) => writeAvro(path, some, { codec: 'deflate' }),
  },
];

describe.each(cases)('a copy of $name', ({ format, ending, write }) => {
  const source = join(root, `source.${ending}`);
  const staged = join(root, `copy.${ending}.staged`);
  /** Rewrites by a format that writes something else than it should, and says that all went well. */
  const rewrittenAs = async (copied: readonly TestRecord[], counted = { rows: 3_000, found: 1_000 }) => {
    const faulty: RecordFormat = {
      ...format,
      copy: async (files) => {
        await write(files.staged, copied);
        return counted;
      },
    };
    await write(source, records);
    const own = await (await DuckDBInstance.create(':memory:')).connect();
    try {
      const tables = await SelectionTables.load(own, selection);
      const rows = { connection: own, tables, judge: new RowJudge(selection), tempDir: root };
      const [outcome] = await new RecordFileFormat(faulty).rewrite(rows, [{ source, staged }]);
      if (outcome?.error !== undefined) throw outcome.error;
      return outcome?.value;
    } finally {
      own.closeSync();
    }
  };
  const swapped = (at: number) => [...left.slice(0, at), left[at + 1] ?? {}, left[at] ?? {}, ...left.slice(at + 2)];

  it.each([
    ['a record is missing', left.slice(1), undefined],
    ['the last record is missing, and counted as found', left.slice(0, -1), { rows: 3_000, found: 1_001 }],
    ['a value changed', left.map((one) => (one.n === 1 ? { ...one, n: 2 } : one)), undefined],
    ['a match survived in place of a record', [records[0] ?? {}, ...left.slice(1)], undefined],
    ['two records changed places', swapped(1_000), undefined],
    ['a record is there twice', [...left, left[0] ?? {}], undefined],
    ['a match was not found', records, { rows: 3_000, found: 0 }],
    ['records of the source were not seen', left, { rows: 2_999, found: 999 }],
  ])('is told from an exact one when %s', async (_name, copied, counted) => {
    await expect(rewrittenAs(copied, counted)).rejects.toMatchObject({ code: 'LAKE_CHECK_FAILED' });
    expect(await readdir(root)).not.toContain(`copy.${ending}.staged`);
  });

  it('is taken when it is exact', async () => {
    expect(await rewrittenAs(left)).toMatchObject({ found: 1_000, rowsAfter: 2_000 });
    expect((await readFile(staged)).length).toBeGreaterThan(0);
  });
});

it('a byte order mark is a matter of the file, and its copy without one is gone after the proof', async () => {
  const path = await put(join(root, 'mark.ndjson'), `\uFEFF${ndjson(records)}`);
  const tables = await SelectionTables.load(await (await DuckDBInstance.create(':memory:')).connect(), selection);
  const own = join(root, 'own');
  await put(join(own, 'x'), '');
  const rows = { connection, tables, judge: new RowJudge(selection), tempDir: own };
  const relation = await ndjsonFormat.relation(rows, { path, like: path }, async (sql) => {
    expect(await readdir(own)).toHaveLength(2);
    return sql;
  });
  expect(relation).toContain('.ndjson');
  expect(await readdir(own)).toEqual(['x']);
});
