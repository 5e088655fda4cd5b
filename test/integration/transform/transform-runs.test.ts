import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TransformRunSchema } from '../../../src/entities/transform-run.entity.ts';
import { tester } from '../../testkit/actor.ts';
import { mappedTopic, ran, tableRows, transformerOf } from '../../testkit/transform-runs.ts';
import { killed, type RunKill } from './killed-run.ts';
import { erased, expectedTable, leaseOf, message } from './messages.ts';
import { runSuite } from './run-suite.ts';

const suite = runSuite();

const first = Array.from({ length: 12 }, (_, n) => message(n, 1));
const second = Array.from({ length: 7 }, (_, n) => message(n, 2));

const { partsOf, requested } = suite;

const kills: readonly (RunKill & { readonly stage: string })[] = [
  { stage: 'REQUESTED', port: 'kafka', verb: 'offsets', when: 'after', nth: 1 },
  { stage: 'READING', port: 'engine', verb: 'shape', when: 'after', nth: 1 },
  { stage: 'MERGING', port: 'engine', verb: 'merge', when: 'after', nth: 1 },
  { stage: 'PUBLISHING', port: 'store', verb: 'publish', when: 'after', nth: 2 },
  { stage: 'SETTLING', port: 'store', verb: 'removeIf', when: 'after', nth: 1 },
];

describe('a run', () => {
  it.each(kills)('that is killed while $stage makes the table of an undisturbed one', async ({ stage, ...kill }) => {
    const { name } = await mappedTopic(suite.em);
    const before = await partsOf(first);
    const { transformerId, location } = await transformerOf(before, name);
    await ran(suite.em, before, await requested(before, transformerId));
    const rows = [...first, ...second];
    const after = await partsOf(rows);
    const runId = await requested(after, transformerId);
    expect(await killed({ url: suite.url, root: suite.root, runId, rows, kill })).toBe('SIGKILL');
    const { status } = await suite.em.fork().findOneOrFail(TransformRunSchema, { id: runId });
    expect(status).toBe(stage);
    expect(await ran(suite.em, after, runId)).toMatchObject({ status: 'COMPLETED' });
    expect(await tableRows(suite.root, location)).toEqual(expectedTable(rows));
    expect((await readdir(join(suite.root, 'lake', location))).sort()).toEqual(['2018']);
    const again = await ran(suite.em, after, await requested(after, transformerId));
    expect(again).toMatchObject({ status: 'COMPLETED', statistics: { read: 0, filesWritten: 0 } });
  });

  it('that lost its lease to others on the way makes its files again, so that nothing comes back which they erased', async () => {
    const { name, entityId } = await mappedTopic(suite.em);
    const before = await partsOf(first);
    const { transformerId, datasetId, location } = await transformerOf(before, name);
    const runId = await requested(before, transformerId);
    const kill: RunKill = { port: 'store', verb: 'publish', when: 'after', nth: 1 };
    expect(await killed({ url: suite.url, root: suite.root, runId, rows: first, kill })).toBe('SIGKILL');
    const lease = await leaseOf(before, datasetId);
    await erased(suite.em, { accountId: 'AC1', subject: { field: 'to', value: '+1' } }, before, { entityId });
    await lease.release();
    expect(await ran(suite.em, before, runId)).toMatchObject({ status: 'COMPLETED', statistics: { suppressed: 1 } });
    const rows = first.filter(({ to }) => to !== '+1');
    expect(await tableRows(suite.root, location)).toEqual(expectedTable(rows));
  });

  it('leaves out who was erased since, and takes what was written after that', async () => {
    const { name, entityId } = await mappedTopic(suite.em);
    const now = Date.now();
    const rows = [
      message(2, 1, { writtenAt: 1 }),
      message(4, 1, { writtenAt: now + 3_600_000 }),
      message(6, 1, { writtenAt: 1, account_sid: 'AC9' }),
    ];
    const parts = await partsOf(rows);
    await erased(suite.em, { accountId: 'AC0', subject: { field: 'to', value: '+2' } }, parts, { entityId });
    await erased(suite.em, { accountId: 'AC0', subject: { field: 'to', value: '+4' } }, parts, { entityId });
    await erased(suite.em, { accountId: 'AC9' }, parts, { entityId });
    const { transformerId, location } = await transformerOf(parts, name);
    const run = await ran(suite.em, parts, await requested(parts, transformerId));
    expect(run.statistics).toMatchObject({ read: 3, suppressed: 2 });
    expect(Object.values(await tableRows(suite.root, location)).flat()).toMatchObject([{ message_id: 'M4' }]);
  });

  it('waits for whoever holds the lease of the table, and does nothing meanwhile', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf(first);
    const { transformerId, datasetId, location } = await transformerOf(parts, name);
    const runId = await requested(parts, transformerId);
    const lease = await leaseOf(parts, datasetId);
    await parts.runner.run(runId, { signal: new AbortController().signal, report: async () => undefined });
    const waiting = await suite.em.fork().findOneOrFail(TransformRunSchema, { id: runId });
    expect(waiting).toMatchObject({ status: 'REQUESTED', reason: expect.stringContaining('waiting') });
    expect(await tableRows(suite.root, location)).toEqual({});
    await lease.release();
    expect(await ran(suite.em, parts, runId)).toMatchObject({ status: 'COMPLETED' });
  });

  it('that is cancelled leaves the table as it was, and is no second one beside another', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf(first);
    const { transformerId, location } = await transformerOf(parts, name);
    const runId = await requested(parts, transformerId);
    await expect(requested(parts, transformerId)).rejects.toMatchObject({ code: 'TRANSFORMER_STATE' });
    await expect(parts.service.retire(tester, transformerId)).rejects.toMatchObject({ code: 'TRANSFORMER_STATE' });
    await parts.runs.cancel(tester, runId);
    expect(await ran(suite.em, parts, runId)).toMatchObject({ status: 'CANCELLED' });
    expect(await tableRows(suite.root, location)).toEqual({});
    await expect(parts.runs.cancel(tester, runId)).rejects.toMatchObject({ code: 'TRANSFORMER_STATE' });
    await parts.service.retire(tester, transformerId);
    await expect(requested(parts, transformerId)).rejects.toMatchObject({ code: 'TRANSFORMER_STATE' });
  });

  it('refuses to count records twice', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf(first);
    const { transformerId, location } = await transformerOf(parts, name);
    await ran(suite.em, parts, await requested(parts, transformerId));
    const batch = await parts.runs.request(tester, transformerId, 'BATCH');
    const run = parts.runner.run(batch.id, { signal: new AbortController().signal, report: async () => undefined });
    const fault = await run.then(
      () => null,
      (error: unknown) => error,
    );
    expect(fault).toMatchObject({ code: 'TRANSFORMER_STATE' });
    await parts.runner.fail(batch.id, fault as never);
    expect(await suite.em.fork().findOneOrFail(TransformRunSchema, { id: batch.id })).toMatchObject({
      status: 'FAILED',
      code: 'TRANSFORMER_STATE',
    });
    expect(await tableRows(suite.root, location)).toEqual(expectedTable(first));
  });
});
