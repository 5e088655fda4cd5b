import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import { LakeReadModel } from '../../../src/services/lake/lake.read-model.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  around,
  type LakeParts,
  lakeParts,
  landMessages,
  messageKeys,
  messageTable,
  planOf,
} from '../../testkit/lake.ts';

let db: TestDatabase;
let root: string;
let parts: LakeParts;
/** Data files that were searched by their own columns since the last look. */
let scans = 0;
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-index-'));
  parts = await lakeParts(db.em, root, {
    engine: (engine) => ({
      ...around(engine, (_verb, call) => call()),
      write: (request) => engine.write(request),
      index: (request) => engine.index(request),
      close: () => engine.close(),
      find: (request) => {
        scans += request.files.filter((file) => !file.includes('/_index/')).length;
        return engine.find(request);
      },
    }),
  });
});
afterAll(async () => {
  await parts.engine.close();
  await db.close();
  await rm(root, { recursive: true, force: true });
});

const plan = (table: LakeTable, act: Selection['act']) => planOf(parts, table, { act, keep: [] });

const withoutIndex = (table: LakeTable) =>
  db.em.fork().execute('update lake_file set indexed_version = null where table_id = ?', [table.id]);

const account = fc.constantFrom('AC1', 'AC2', 'AC3', '', 'ÄC');
const to = fc.constantFrom('+1', '+2', '01', '1', '');
const message = fc.record({
  account,
  to: fc.option(to, { nil: null }),
  day: fc.constantFrom('2018-06-01', '2018-06-02', 'never'),
});
const selector = fc.record({
  accountId: account,
  subject: fc.option(
    to.map((value) => ({ field: 'to', value })),
    { nil: undefined },
  ),
});

describe('the subject index', () => {
  it('never hides a file that holds a match', async () => {
    const batches = fc.array(fc.array(message, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 });
    const acts = fc.array(selector, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(batches, acts, async (landed, act) => {
        const made = await messageTable(parts);
        let first = 0;
        for (const batch of landed) {
          await landMessages(parts, made, batch, first);
          first += batch.length;
        }
        const indexed = await plan(made.table, act);
        await withoutIndex(made.table);
        expect(indexed).toEqual(await plan(made.table, act));
      }),
      { numRuns: 15 },
    );
  });

  async function twoDays() {
    const made = await messageTable(parts);
    await landMessages(parts, made, [
      { account: 'AC1', to: '+1', day: '2018-06-01' },
      { account: 'AC2', to: '+2', day: '2018-06-02' },
    ]);
    return made.table;
  }
  const scansOf = async (table: LakeTable, act: Selection['act']) => {
    scans = 0;
    const { records } = await plan(table, act);
    return { scans, records };
  };

  it('spares the scan of files that hold none of the asked subjects', async () => {
    const table = await twoDays();
    expect(await scansOf(table, [{ accountId: 'AC1' }])).toEqual({ scans: 1, records: 1 });
    expect(await scansOf(table, [{ accountId: 'AC9' }])).toEqual({ scans: 0, records: 0 });
    const person = { accountId: 'AC2', subject: { field: 'to', value: '+2' } };
    expect(await scansOf(table, [person])).toEqual({ scans: 1, records: 1 });
  });

  it('is not asked about a file that changed, a column it does not speak of, or with a damaged segment', async () => {
    const table = await twoDays();
    const [first] = await parts.store.list(table.location);
    const rows = [{ account_sid: 'AC9' }];
    await parts.engine.write({ path: parts.localPath(first?.path ?? ''), columns: table.columns, rows });
    expect(await scansOf(table, [{ accountId: 'AC9' }])).toEqual({ scans: 1, records: 1 });
    const bySid = { accountId: 'AC2', subject: { field: 'sid', value: 'SM1' } };
    expect(await scansOf(table, [bySid])).toMatchObject({ scans: 2, records: 1 });
    const folder = `${table.location}/_index`;
    for (const name of await parts.store.names(folder)) {
      await writeFile(parts.localPath(`${folder}/${name}`), 'damaged');
    }
    expect(await scansOf(table, [{ accountId: 'AC7' }])).toEqual({ scans: 2, records: 0 });
  });

  it('brings the registry up to what the store has when it is refreshed', async () => {
    const table = await twoDays();
    const [first, second] = await parts.store.list(table.location);
    const path = first?.path ?? '';
    await parts.engine.write({
      path: parts.localPath(path),
      columns: table.columns,
      rows: [{ account_sid: 'AC9' }, { account_sid: 'AC9' }],
    });
    await rm(parts.localPath(second?.path ?? ''));
    await withoutIndex(table);
    await parts.index.refresh(table, [path, second?.path ?? ''], messageKeys);
    const summary = (await new LakeReadModel({ em: db.em }).summaryOfDatasets([table.datasetId])).get(table.datasetId);
    expect(summary).toMatchObject({ files: 1, rows: 2, indexedFiles: 1 });
    expect(await scansOf(table, [{ accountId: 'AC2' }])).toEqual({ scans: 0, records: 0 });
  });
});
