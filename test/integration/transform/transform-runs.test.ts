import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../../src/domain/id.ts';
import { TransformRunSchema } from '../../../src/entities/transform-run.entity.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import type { Row } from '../../testkit/transform.ts';
import {
  mappedTopic,
  type RunParts,
  ran,
  runParts,
  runRoot,
  tableRows,
  topicOf,
  transformerOf,
} from '../../testkit/transform-runs.ts';
import type { ChildRun, RunKill } from './run-child.ts';

let db: TestDatabase;
let place: Awaited<ReturnType<typeof runRoot>>;
const opened: RunParts[] = [];
beforeAll(async () => {
  db = await testDatabase();
  place = await runRoot();
});
afterAll(async () => {
  await Promise.all(opened.map((parts) => parts.close()));
  await db.close();
  await place.remove();
});

const message = (n: number, batch: number, more: Row = {}): Row => ({
  message_id: `M${n}`,
  account_sid: `AC${n % 2}`,
  date_created: `2018-06-0${1 + ((n + batch) % 3)}T10:00:00Z`,
  date_updated: `2018-07-0${batch}`,
  to: `+${n}`,
  segments: 1,
  ...more,
});
const first = Array.from({ length: 12 }, (_, n) => message(n, 1));
const second = Array.from({ length: 7 }, (_, n) => message(n, 2));

async function partsOf(rows: readonly Row[]): Promise<RunParts> {
  const parts = await runParts(db.em, place.root, { kafka: topicOf(rows) });
  opened.push(parts);
  return parts;
}

async function requested(parts: RunParts, transformerId: string): Promise<string> {
  return (await parts.runs.request(tester, transformerId, 'INCREMENTAL')).id;
}

/** The table as plain JavaScript computes it: the row of the last batch, and how often it came. */
function expected(rows: readonly Row[]): Record<string, Row[]> {
  const kept = new Map<string, Row>();
  for (const row of rows) {
    const segments = Number(kept.get(String(row.message_id))?.segments ?? 0) + Number(row.segments);
    kept.set(String(row.message_id), {
      ...row,
      date_created: String(row.date_created).replace('Z', '.000000Z'),
      segments,
    });
  }
  const sorted = [...kept].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  return Object.fromEntries(
    [...Map.groupBy(sorted, (row) => String(row.date_created).slice(0, 10).replaceAll('-', '/'))].sort(),
  );
}

const childModule = fileURLToPath(new URL('./run-child.ts', import.meta.url));
const killed = (work: ChildRun): Promise<string | null> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [childModule, JSON.stringify(work)], () => resolve(child.signalCode));
  });

const kills: readonly (RunKill & { readonly stage: string })[] = [
  { stage: 'REQUESTED', port: 'kafka', verb: 'offsets', when: 'after', nth: 1 },
  { stage: 'READING', port: 'engine', verb: 'shape', when: 'after', nth: 1 },
  { stage: 'MERGING', port: 'engine', verb: 'merge', when: 'after', nth: 1 },
  { stage: 'PUBLISHING', port: 'store', verb: 'publish', when: 'after', nth: 2 },
  { stage: 'SETTLING', port: 'store', verb: 'removeIf', when: 'after', nth: 1 },
];

describe('a run', () => {
  it.each(kills)('that is killed while $stage makes the table of an undisturbed one', async ({ stage, ...kill }) => {
    const { name } = await mappedTopic(db.em);
    const before = await partsOf(first);
    const { transformerId, location } = await transformerOf(before, name);
    await ran(db.em, before, await requested(before, transformerId));
    const rows = [...first, ...second];
    const after = await partsOf(rows);
    const runId = await requested(after, transformerId);
    expect(await killed({ url: db.url, root: place.root, runId, rows, kill })).toBe('SIGKILL');
    const { status } = await db.em.fork().findOneOrFail(TransformRunSchema, { id: runId });
    expect(status).toBe(stage);
    expect(await ran(db.em, after, runId)).toMatchObject({ status: 'COMPLETED' });
    expect(await tableRows(place.root, location)).toEqual(expected(rows));
    expect((await readdir(join(place.root, 'lake', location))).sort()).toEqual(['2018']);
    const again = await ran(db.em, after, await requested(after, transformerId));
    expect(again).toMatchObject({ status: 'COMPLETED', statistics: { read: 0, filesWritten: 0 } });
  });

  it('that lost its lease to others on the way makes its files again, so that nothing comes back which they erased', async () => {
    const { name, entityId } = await mappedTopic(db.em);
    const before = await partsOf(first);
    const { transformerId, datasetId, location } = await transformerOf(before, name);
    const runId = await requested(before, transformerId);
    const kill: RunKill = { port: 'store', verb: 'publish', when: 'after', nth: 1 };
    expect(await killed({ url: db.url, root: place.root, runId, rows: first, kill })).toBe('SIGKILL');
    const lease = await leaseOf(before, datasetId);
    await erased({ accountId: 'AC1', subject: { field: 'to', value: '+1' } }, before, entityId);
    await lease.release();
    expect(await ran(db.em, before, runId)).toMatchObject({ status: 'COMPLETED', statistics: { suppressed: 1 } });
    const rows = first.filter(({ to }) => to !== '+1');
    expect(await tableRows(place.root, location)).toEqual(expected(rows));
  });

  it('leaves out who was erased since, and takes what was written after that', async () => {
    const { name, entityId } = await mappedTopic(db.em);
    const now = Date.now();
    const rows = [
      message(2, 1, { writtenAt: 1 }),
      message(4, 1, { writtenAt: now + 3_600_000 }),
      message(6, 1, { writtenAt: 1, account_sid: 'AC9' }),
    ];
    const parts = await partsOf(rows);
    await erased({ accountId: 'AC0', subject: { field: 'to', value: '+2' } }, parts, entityId);
    await erased({ accountId: 'AC0', subject: { field: 'to', value: '+4' } }, parts, entityId);
    await erased({ accountId: 'AC9' }, parts, entityId);
    const { transformerId, location } = await transformerOf(parts, name);
    const run = await ran(db.em, parts, await requested(parts, transformerId));
    expect(run.statistics).toMatchObject({ read: 3, suppressed: 2 });
    expect(Object.values(await tableRows(place.root, location)).flat()).toMatchObject([{ message_id: 'M4' }]);
  });

  it('waits for whoever holds the lease of the table, and does nothing meanwhile', async () => {
    const { name } = await mappedTopic(db.em);
    const parts = await partsOf(first);
    const { transformerId, datasetId, location } = await transformerOf(parts, name);
    const runId = await requested(parts, transformerId);
    const lease = await leaseOf(parts, datasetId);
    await parts.runner.run(runId, { signal: new AbortController().signal, report: async () => undefined });
    const waiting = await db.em.fork().findOneOrFail(TransformRunSchema, { id: runId });
    expect(waiting).toMatchObject({ status: 'REQUESTED', reason: expect.stringContaining('waiting') });
    expect(await tableRows(place.root, location)).toEqual({});
    await lease.release();
    expect(await ran(db.em, parts, runId)).toMatchObject({ status: 'COMPLETED' });
  });

  it('that is cancelled leaves the table as it was, and is no second one beside another', async () => {
    const { name } = await mappedTopic(db.em);
    const parts = await partsOf(first);
    const { transformerId, location } = await transformerOf(parts, name);
    const runId = await requested(parts, transformerId);
    await expect(requested(parts, transformerId)).rejects.toMatchObject({ code: 'TRANSFORMER_STATE' });
    await expect(parts.service.retire(tester, transformerId)).rejects.toMatchObject({ code: 'TRANSFORMER_STATE' });
    await parts.runs.cancel(tester, runId);
    expect(await ran(db.em, parts, runId)).toMatchObject({ status: 'CANCELLED' });
    expect(await tableRows(place.root, location)).toEqual({});
    await expect(parts.runs.cancel(tester, runId)).rejects.toMatchObject({ code: 'TRANSFORMER_STATE' });
    await parts.service.retire(tester, transformerId);
    await expect(requested(parts, transformerId)).rejects.toMatchObject({ code: 'TRANSFORMER_STATE' });
  });

  it('refuses to count records twice', async () => {
    const { name } = await mappedTopic(db.em);
    const parts = await partsOf(first);
    const { transformerId, location } = await transformerOf(parts, name);
    await ran(db.em, parts, await requested(parts, transformerId));
    const batch = await parts.runs.request(tester, transformerId, 'BATCH');
    const run = parts.runner.run(batch.id, { signal: new AbortController().signal, report: async () => undefined });
    const fault = await run.then(
      () => null,
      (error: unknown) => error,
    );
    expect(fault).toMatchObject({ code: 'TRANSFORMER_STATE' });
    await parts.runner.fail(batch.id, fault as never);
    expect(await db.em.fork().findOneOrFail(TransformRunSchema, { id: batch.id })).toMatchObject({
      status: 'FAILED',
      code: 'TRANSFORMER_STATE',
    });
    expect(await tableRows(place.root, location)).toEqual(expected(first));
  });
});

async function leaseOf(parts: RunParts, datasetId: string) {
  // A killed worker keeps its lease for a while.
  for (;;) {
    const lease = await parts.leases.acquire(`dataset:${datasetId}`);
    if (lease !== null) return lease;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** An erasure that was approved now, as operations leave it: nobody is named any more. */
async function erased(selector: object, { notary }: RunParts, entityId: string): Promise<void> {
  const id = newId();
  await db.em.fork().transactional(async (run) => {
    // Nobody listens here, so the rows need not be announced.
    await run.execute("set local session_replication_role = 'replica'");
    await run.execute(
      `insert into operation (id, kind, status, entity_id, input_digest, requested_by, created_at, approved_at, updated_at)
       values (?, 'ERASURE', 'COMPLETED', ?, '', 'tester', now(), now(), now())`,
      [id, entityId],
    );
    await run.execute('insert into operation_subject (id, operation_id, digest, held) values (?, ?, ?, false)', [
      newId(),
      id,
      notary.digest(selector),
    ]);
  });
}
