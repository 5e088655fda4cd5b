import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { signatureHolds } from '../../../src/domain/signed-statement.ts';
import { startChild } from '../../testkit/child-process.ts';
import { testDatabase } from '../../testkit/database.ts';
import { operationParts } from '../../testkit/operation-parts.ts';
import { OperationsUser, seedPlaces } from '../../testkit/operations.ts';
import { type KillAt, killPoints, type WorkerWork, worldTables } from '../../testkit/worker-child.ts';

const childModule = fileURLToPath(new URL('../../testkit/worker-child.ts', import.meta.url));
const recordsPerPlace = 3;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function worker(work: WorkerWork): ChildProcess {
  const child = startChild(childModule, JSON.stringify(work));
  closers.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

/** A database with an erasure requested, two places of records, and nobody working yet. */
async function requested() {
  const keyDir = await mkdtemp(join(tmpdir(), 'lineward-kill-'));
  closers.push(() => rm(keyDir, { recursive: true, force: true }));
  const db = await testDatabase();
  closers.push(() => db.close());
  // Only asks and looks: all work is the children's.
  const parts = await operationParts({ em: db.em, url: db.url, keyDir, executors: [] });
  closers.push(() => parts.stop());
  const run = db.em.fork();
  await run.execute(worldTables);
  const seed = await seedPlaces(db, ['LAKE_TABLE', 'LAKE_TABLE'], { chained: true });
  for (const { datasetId } of seed.places) {
    await run.execute('insert into test_world select ?, generate_series(1, ?::int)', [datasetId, recordsPerPlace]);
  }
  const user = new OperationsUser(parts);
  const { id } = await user.request(seed);
  return { work: { url: db.url, keyDir }, user, id, em: db.em };
}

describe('a worker killed by SIGKILL', () => {
  it.each(killPoints)('while %s is followed by one that ends the operation as if nothing had been', async (killAt) => {
    const { work, user, id, em } = await requested();
    const first = worker({ ...work, killAt });
    const killed = once(first, 'exit');
    if (killAt !== 'PLANNING') await user.approve(id);
    expect(await killed).toEqual([null, 'SIGKILL']);
    const left = await user.reaches(id, statusAt[killAt]);
    expect(await user.certificates(id)).toEqual([]);

    worker({ ...work, killAt: null });
    if (killAt === 'PLANNING') await user.approve(id);
    expect((await user.ended(id)).status).toBe('COMPLETED');
    const [certificate, ...more] = await user.certificates(id);
    expect(more).toEqual([]);
    expect(signatureHolds(certificate!)).toBe(true);
    expect(certificate!.body.totals.recordsErased).toBe(2 * recordsPerPlace);
    const effects = await em.fork().execute('select dataset_id, record from test_effect');
    expect(effects).toHaveLength(2 * recordsPerPlace);
    expect(new Set(effects.map((effect) => JSON.stringify(effect))).size).toBe(effects.length);
    const targets = await user.targets(left);
    expect(targets.map((target) => target.status)).toEqual(['VERIFIED', 'VERIFIED']);
    const actions = await user.auditActions(id);
    expect(actions).toEqual(['requestErasure', 'planOperation', 'approveOperation', 'certifyOperation']);
  });
});

/** Where the operation stands when its worker dies. */
const statusAt = {
  PLANNING: 'PLANNING',
  EXECUTING: 'EXECUTING',
  EXECUTED: 'EXECUTING',
  VERIFYING: 'VERIFYING',
  CERTIFYING: 'VERIFYING',
} as const satisfies Record<KillAt, string>;
