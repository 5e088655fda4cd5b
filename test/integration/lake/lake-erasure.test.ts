import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import { newId } from '../../../src/domain/id.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { LakeReadModel } from '../../../src/services/lake/lake.read-model.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import {
  around,
  bytesOf,
  erasureTarget,
  executionContext,
  type LakeParts,
  lakeParts,
  landMessages,
  type Message,
  messageColumns,
  messageTable,
  planOf,
  tableContent,
} from '../../testkit/lake.ts';

let db: TestDatabase;
let root: string;
let parts: LakeParts;
/** What happens around each call of a port in the test at hand. */
let hook: (verb: string, call: () => unknown) => unknown = (_verb, call) => call();

beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-erasure-'));
  parts = await lakeParts(db.em, root, {
    store: (store) => around(store, (verb, call) => hook(verb, call)),
    engine: (engine) => around(engine, (verb, call) => hook(verb, call)),
  });
});
afterEach(() => {
  hook = (_verb, call) => call();
});
afterAll(async () => {
  await parts.engine.close();
  await db.close();
  await rm(root, { recursive: true, force: true });
});

const days = ['2018-06-01', '2018-06-02', '2018-06-03'] as const;
/** Two days with three accounts; the third day is of AC0 alone. */
const messages: readonly Message[] = [
  ...Array.from({ length: 12 }, (_, n) => ({ account: `AC${n % 3}`, to: `+${n % 4}`, day: days[n % 2] ?? '' })),
  { account: 'AC0', to: null, day: days[2] },
];
const account: Selection = { act: [{ accountId: 'AC0' }], keep: [] };
const subject: Selection = { act: [{ accountId: 'AC1', subject: { field: 'to', value: '+1' } }], keep: [] };

async function filledTable() {
  const made = await messageTable(parts);
  await landMessages(parts, made, messages);
  return made;
}

type Table = Awaited<ReturnType<typeof filledTable>>['table'];

/** Begins an operation; each call of a verb is a task of its own under the next fencing token. */
async function operation(table: Table, selection: Selection | (() => Selection)) {
  const target = await erasureTarget(db.em, table);
  let fencingToken = 0;
  const context = () => {
    fencingToken += 1;
    return executionContext({ table, ...target, selection, fencingToken });
  };
  return {
    ...target,
    execute: () => parts.executor.execute(context()),
    verify: () => parts.executor.verify(context()),
  };
}

const fileOf = async (table: Table, day: string) => {
  const files = await parts.store.list(`${table.location}/${day.replaceAll('-', '/')}`);
  const [first] = files;
  if (first === undefined) throw new Error(`no file on ${day}`);
  return first;
};

/** Adds a file of its own to the table, as another writer would. */
async function addForeignFile(table: Table, name: string, accounts: readonly string[]): Promise<string> {
  const path = `${table.location}/2018/06/09/${name}.parquet`;
  const rows = accounts.map((sid) => ({ sid, account_sid: sid, to: '+1' }));
  await parts.engine.write({ path: parts.localPath(path), columns: messageColumns, rows });
  return path;
}

describe('planning the erasure of a lake table', () => {
  it('counts files, bytes and records by their exact identity and writes nothing', async () => {
    const { table } = await filledTable();
    const before = await tableContent(parts, table);
    const estimate = await planOf(parts, table, account);
    expect(estimate).toMatchObject({ action: 'REWRITE', files: 3, records: 5, gaps: [] });
    expect(estimate.manifest.map(({ rows, matches }) => [rows, matches])).toEqual([
      [6, 2],
      [6, 2],
      [1, 1],
    ]);
    expect(await planOf(parts, table, subject)).toMatchObject({ files: 1, records: 1 });
    expect(await tableContent(parts, table)).toEqual(before);
  });

  it('answers nothing to do for a subject that is nowhere', async () => {
    const { table } = await filledTable();
    const nobody = { act: [{ accountId: 'AC9' }], keep: [] };
    expect(await planOf(parts, table, nobody)).toMatchObject({ action: 'NONE', manifest: [] });
  });

  it('lists a damaged file as a gap, and a table of a table engine as refused', async () => {
    const { table } = await filledTable();
    const { path } = await fileOf(table, days[0]);
    await writeFile(parts.localPath(path), 'PAR1 not parquet');
    const { gaps, files } = await planOf(parts, table, account);
    expect(files).toBe(2);
    expect(gaps).toMatchObject([{ code: 'LAKE_FILE_UNREADABLE', reason: expect.stringContaining(path) }]);
    await mkdir(parts.localPath(`${table.location}/_delta_log`));
    expect(await planOf(parts, table, account)).toMatchObject({
      action: 'NONE',
      gaps: [{ code: 'LAKE_TABLE_REFUSED', reason: expect.stringContaining('Delta Lake') }],
    });
  });
});

describe('erasing from a lake table', () => {
  it('rewrites what holds the subject, removes what held nothing else, and verifies', async () => {
    const { table } = await filledTable();
    const untouched = await planOf(parts, table, { act: [{ accountId: 'AC1' }], keep: [] });
    const job = await operation(table, account);
    const receipt = await job.execute();
    expect(receipt).toMatchObject({ recordsErased: 5, recordsKept: 8, filesRewritten: 2, filesRemoved: 1, open: [] });
    expect(receipt.evidence).toHaveLength(3);
    expect(await job.verify()).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 8, open: [] });
    expect(await planOf(parts, table, { act: [{ accountId: 'AC1' }], keep: [] })).toMatchObject({
      records: untouched.records,
    });
    expect(Object.keys(await tableContent(parts, table))).toHaveLength(2);
    const states = await db.em
      .fork()
      .execute<{ state: string }[]>('select state from operation_file where target_id = ?', [job.targetId]);
    expect(states.map(({ state }) => state)).toEqual(['VERIFIED', 'VERIFIED', 'VERIFIED']);
  });

  it('keeps registry and index in step, without a trace of the subject, and leaves no staged file', async () => {
    const { table } = await filledTable();
    await (await operation(table, account)).execute();
    const summary = (await new LakeReadModel({ em: db.em }).summaryOfDatasets([table.datasetId])).get(table.datasetId);
    expect(summary).toMatchObject({ files: 2, rows: 8, indexedFiles: 2 });
    expect(await readdir(parts.localPath(`${table.location}/_index`))).toHaveLength(2);
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
    const files = await parts.store.list(table.location);
    const asked = (accountId: string) =>
      parts.index.withoutMatch(table, files, { accountField: 'account_sid', selectors: [{ accountId }] });
    expect((await asked('AC0')).size).toBe(2);
    expect((await asked('AC1')).size).toBe(0);
  });

  it('erases one subject and keeps the others of its account', async () => {
    const { table } = await filledTable();
    const job = await operation(table, subject);
    expect(await job.execute()).toMatchObject({ recordsErased: 1, filesRewritten: 1 });
    expect(await job.verify()).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 12 });
  });

  it('removes what a dead worker of another operation had staged, and nothing that a later one has', async () => {
    const { table } = await filledTable();
    const folder = parts.localPath(`${table.location}/_erasure/${newId()}`);
    await mkdir(folder, { recursive: true });
    for (const token of [1, 7]) await writeFile(join(folder, `${token}-1.staged`), 'rows');
    await (await operation(table, account)).execute();
    expect(await readdir(folder)).toEqual(['7-1.staged']);
  });

  it('finds nothing and touches no file the second time', async () => {
    const { table } = await filledTable();
    await (await operation(table, account)).execute();
    const before = await parts.store.list(table.location);
    const again = await operation(table, account);
    expect(await again.execute()).toMatchObject({ recordsErased: 0, filesRewritten: 0, evidence: [], open: [] });
    expect(await again.verify()).toMatchObject({ survivors: 0, lost: 0 });
    expect(await parts.store.list(table.location)).toEqual(before);
  });

  it('answers the same receipt when it is executed again', async () => {
    const { table } = await filledTable();
    const job = await operation(table, account);
    const receipt = await job.execute();
    expect(await job.execute()).toEqual(receipt);
  });

  it('reports a damaged file as open, leaves its bytes alone, and does the others', async () => {
    const { table } = await filledTable();
    const { path } = await fileOf(table, days[0]);
    const whole = await bytesOf(parts, path);
    // The footer stays good: the damage shows only while rows are read.
    whole.fill(0xff, 4, Math.floor(whole.length / 2));
    await writeFile(parts.localPath(path), whole);
    const job = await operation(table, account);
    const receipt = await job.execute();
    expect(receipt).toMatchObject({ recordsErased: 3, filesRewritten: 1, filesRemoved: 1 });
    expect(receipt.open).toMatchObject([{ dataset: table.location, reason: expect.stringContaining(path) }]);
    expect(await bytesOf(parts, path)).toEqual(whole);
    expect((await job.verify()).open).toMatchObject([{ reason: expect.stringContaining(path) }]);
  });

  it('keeps what a hold covers that is placed between staging and swap', async () => {
    const { table } = await filledTable();
    let keep: Selection['keep'] = [];
    const held = { accountId: 'AC0', subject: { field: 'to', value: '+0' } };
    hook = async (verb, call) => {
      const result = await call();
      if (verb === 'rewrite') keep = [held];
      return result;
    };
    const job = await operation(table, () => ({ act: account.act, keep }));
    expect(await job.execute()).toMatchObject({ recordsErased: 4, open: [] });
    expect(await job.verify()).toMatchObject({ survivors: 0, lost: 0 });
    expect(await planOf(parts, table, { act: [held], keep: [] })).toMatchObject({
      records: 1,
    });
  });

  it('takes up again what a hold that is released meanwhile had kept', async () => {
    const { table } = await filledTable();
    let keep: Selection['keep'] = [{ accountId: 'AC0', subject: { field: 'to', value: '+0' } }];
    hook = async (verb, call) => {
      const result = await call();
      if (verb === 'removeIf') keep = [];
      return result;
    };
    const job = await operation(table, () => ({ act: account.act, keep }));
    expect(await job.execute()).toMatchObject({ recordsErased: 5, open: [] });
    expect(await job.verify()).toMatchObject({ survivors: 0, lost: 0 });
  });

  it('works on a file afresh that somebody else wrote under it', async () => {
    const { table } = await filledTable();
    const { path } = await fileOf(table, days[0]);
    let isFirst = true;
    hook = async (verb, call) => {
      if (verb === 'swapIf' && isFirst) {
        isFirst = false;
        const rows = [{ account_sid: 'AC0' }, { account_sid: 'AC0' }, { account_sid: 'ACnew' }];
        await parts.engine.write({ path: parts.localPath(path), columns: messageColumns, rows });
      }
      return call();
    };
    const job = await operation(table, account);
    expect(await job.execute()).toMatchObject({ recordsErased: 5, open: [] });
    expect(await job.verify()).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 5 });
  });

  it('reports a file as open that never stops changing, and does the others', async () => {
    const { table } = await filledTable();
    const { path } = await fileOf(table, days[0]);
    let stamp = 1_000;
    hook = async (verb, call) => {
      if (verb === 'swapIf') {
        stamp += 1;
        await utimes(parts.localPath(path), stamp, stamp);
      }
      return call();
    };
    const job = await operation(table, account);
    const receipt = await job.execute();
    expect(receipt).toMatchObject({ recordsErased: 3, filesRewritten: 1 });
    expect(receipt.open).toMatchObject([{ code: 'LAKE_FILE_CHANGED', reason: expect.stringContaining(path) }]);
  });

  it('catches files that are added while it runs', async () => {
    const { table } = await filledTable();
    let added = 0;
    hook = async (verb, call) => {
      const result = await call();
      if (verb === 'swapIf' && added < 3) {
        added += 1;
        await addForeignFile(table, `late-${added}`, ['AC0', 'AC5']);
      }
      return result;
    };
    const job = await operation(table, account);
    expect(await job.execute()).toMatchObject({ recordsErased: 8, open: [] });
    expect(added).toBe(3);
    expect(await job.verify()).toMatchObject({ survivors: 0, lost: 0, recordsScanned: 11 });
  });

  it('does the other files when the engine fails at one, and asks to be called again', async () => {
    const { table } = await filledTable();
    const { files } = await planOf(parts, table, account);
    let rewrites = 0;
    hook = (verb, call) => {
      if (verb !== 'rewrite') return call();
      rewrites += 1;
      // The first of those that are staged together, and again in its own turn.
      return [1, files + 1].includes(rewrites) ? Promise.reject(new LinewardError('LAKE_ENGINE_FAILED')) : call();
    };
    const job = await operation(table, account);
    await expect(job.execute()).rejects.toMatchObject({ code: 'LAKE_ENGINE_FAILED' });
    expect(await planOf(parts, table, account)).toMatchObject({
      files: 1,
      records: 2,
    });
    expect(await job.execute()).toMatchObject({ recordsErased: 5, open: [] });
  });

  it('stops at a file boundary when it is cancelled, and goes on later', async () => {
    const { table } = await filledTable();
    const target = await erasureTarget(db.em, table);
    const cancel = new AbortController();
    hook = async (verb, call) => {
      const result = await call();
      if (verb === 'swapIf') cancel.abort();
      return result;
    };
    const run = { table, ...target, selection: account };
    await expect(parts.executor.execute(executionContext({ ...run, signal: cancel.signal }))).rejects.toThrow();
    hook = (_verb, call) => call();
    expect(await parts.store.names(`${table.location}/_erasure`)).toEqual([]);
    expect(await parts.executor.execute(executionContext({ ...run, fencingToken: 2 }))).toMatchObject({
      recordsErased: 5,
    });
  });

  it('lets a worker that lost its lease record nothing more', async () => {
    const { table } = await filledTable();
    const target = await erasureTarget(db.em, table);
    const run = { table, ...target, selection: account };
    const before = await tableContent(parts, table);
    await db.em.fork().transactional(async (tx) => {
      await tx.execute("set local session_replication_role = 'replica'");
      await tx.execute('update operation_target set fencing_token = 5 where id = ?', [target.targetId]);
    });
    await expect(parts.executor.execute(executionContext({ ...run, fencingToken: 4 }))).rejects.toMatchObject({
      code: 'LEASE_LOST',
    });
    expect(await tableContent(parts, table)).toEqual(before);
  });
});

describe('verifying a lake table', () => {
  it('sees a planted survivor', async () => {
    const { table } = await filledTable();
    const job = await operation(table, account);
    await job.execute();
    await addForeignFile(table, 'planted', ['AC0', 'AC0', 'AC1']);
    expect(await job.verify()).toMatchObject({ survivors: 2, lost: 0 });
  });

  it('sees a planted loss in a rewritten file, and says that it was written since', async () => {
    const { table } = await filledTable();
    const job = await operation(table, account);
    await job.execute();
    const { path } = await fileOf(table, days[0]);
    const rows = [{ account_sid: 'AC1' }, { account_sid: 'AC2' }, { account_sid: 'AC2' }];
    await parts.engine.write({ path: parts.localPath(path), columns: messageColumns, rows });
    const { lost, open } = await job.verify();
    expect(lost).toBe(1);
    expect(open).toMatchObject([{ code: 'LAKE_FILE_CHANGED', reason: expect.stringContaining(path) }]);
  });

  it('sees a rewritten file that is gone', async () => {
    const { table } = await filledTable();
    const job = await operation(table, account);
    await job.execute();
    await rm(parts.localPath((await fileOf(table, days[0])).path));
    expect(await job.verify()).toMatchObject({ lost: 4, open: [{ code: 'LAKE_FILE_CHANGED' }] });
  });

  it('accepts a rewritten file that was copied, or that another erasure took up', async () => {
    const { table } = await filledTable();
    const job = await operation(table, account);
    await job.execute();
    const { path } = await fileOf(table, days[0]);
    const local = parts.localPath(path);
    await writeFile(local, await readFile(local));
    expect(await job.verify()).toMatchObject({ lost: 0, open: [] });
    const next = await operation(table, { act: [{ accountId: 'AC1' }], keep: [] });
    const first = await operation(table, { act: [{ accountId: 'AC2' }], keep: [] });
    await first.execute();
    await next.execute();
    expect(await first.verify()).toMatchObject({ survivors: 0, lost: 0, open: [] });
  });

  it('names a file it cannot read as open', async () => {
    const { table } = await filledTable();
    const job = await operation(table, account);
    await job.execute();
    const path = `${table.location}/2018/06/09/broken.parquet`;
    await mkdir(dirname(parts.localPath(path)), { recursive: true });
    await writeFile(parts.localPath(path), 'broken');
    expect((await job.verify()).open).toMatchObject([{ code: 'LAKE_FILE_UNREADABLE' }]);
  });
});
