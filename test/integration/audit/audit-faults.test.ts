import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CheckpointDirectory } from '../../../src/adapters/audit/checkpoint-directory.ts';
import { LocalNotary } from '../../../src/adapters/keys/local/local-notary.ts';
import { openDatabase } from '../../../src/adapters/postgres/orm.ts';
import { audit, auditEvent } from '../../../src/services/audit/audit.service.ts';
import { AuditBatches } from '../../../src/services/audit/audit-batches.ts';
import { AuditCheckpoints } from '../../../src/services/audit/audit-checkpoints.ts';
import { AuditSealer } from '../../../src/services/audit/audit-sealer.ts';
import { AuditVerifier } from '../../../src/services/audit/audit-verification.ts';
import { LeaseService } from '../../../src/services/operations/lease.service.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { eventually } from '../../testkit/app.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

const childModule = fileURLToPath(new URL('../../testkit/sealer-child.ts', import.meta.url));

let database: TestDatabase;
let directory: string;
let notary: LocalNotary;
beforeEach(async () => {
  database = await testDatabase();
  directory = await mkdtemp(join(tmpdir(), 'lineward-audit-'));
  notary = await LocalNotary.open(join(directory, 'keys'));
});
afterEach(async () => {
  vi.useRealTimers();
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const sink = () => new CheckpointDirectory(join(directory, 'published'));
const sealer = () => new AuditSealer({ em: database.em });
const verify = () => new AuditVerifier({ em: database.em, notary, sink: sink() }).verify(0);
const checkpoint = () =>
  new AuditCheckpoints({ em: database.em, notary, sink: sink(), intervalMs: 0, logger: quietLogger }).keepUp();
const entry = (n: number) =>
  ({ action: 'mapEntity', resourceType: 'Entity', resourceId: `e${n}`, details: { n } }) as const;

async function write(count: number): Promise<void> {
  await database.em.fork().transactional(async (tx) => {
    for (let n = 0; n < count; n += 1) audit(tx, tester, entry(n));
  });
}
/** Numbers and events of the chain; both must be without a gap and without a fork. */
async function assertOneChain(count: number): Promise<void> {
  const [chain] = await database.em.fork().execute(
    `select count(*)::integer as links, max(seq)::integer as head, count(distinct event_id)::integer as events,
       count(distinct prev)::integer as behind from audit_seal`,
  );
  expect(chain).toEqual({ links: count, head: count, events: count, behind: count });
  expect(await verify()).toMatchObject({ fault: null, links: count, pending: 0 });
}

describe('the chain', () => {
  it('of 16 writers with 2,000 events each and four sealers is one, with every event once', async () => {
    const [writers, each, together] = [16, 2_000, 50];
    const others = await Promise.all(Array.from({ length: 3 }, () => openDatabase(database.url)));
    try {
      const sealers = [database.em, ...others.map(({ em }) => em)].map((em) => new AuditSealer({ em }));
      let isWriting = true;
      const sealing = sealers.map(async (one) => {
        while (isWriting) await one.seal();
      });
      await Promise.all(
        Array.from({ length: writers }, async (_, writer) => {
          // Each a writer of its own: events that come at once by one would be committed together.
          const events = new AuditBatches({ em: others[writer % others.length]?.em ?? database.em });
          for (let n = 0; n < each; n += together)
            await events.write(Array.from({ length: together }, (_none, m) => auditEvent(tester, entry(n + m))));
        }),
      );
      isWriting = false;
      await Promise.all(sealing);
      await sealer().seal();
      await assertOneChain(writers * each);
    } finally {
      for (const other of others) await other.close();
    }
  });

  it('goes on without a gap or a fork where its sealer was killed in the middle, time and again', async () => {
    const gate = 4_711;
    await database.em.fork().execute(
      `create function wait_at_gate() returns trigger language plpgsql as
         $$ begin perform pg_advisory_xact_lock_shared(${gate}); return null; end $$`,
    );
    await database.em
      .fork()
      .execute('create trigger gate after insert on audit_seal for each statement execute function wait_at_gate()');
    const keeper = new Client({ connectionString: database.url });
    await keeper.connect();
    try {
      for (let round = 1; round <= 3; round += 1) {
        await write(40);
        await keeper.query(`select pg_advisory_lock(${gate})`);
        const child = spawn(process.execPath, [childModule, database.url], { stdio: 'ignore' });
        // It has taken the events and written their links, and has not committed.
        await eventually(
          async () => (await keeper.query(`select from pg_locks where objid = ${gate} and not granted`)).rowCount,
          (waiting) => waiting === 1,
        );
        child.kill('SIGKILL');
        await once(child, 'exit');
        await keeper.query(`select pg_advisory_unlock(${gate})`);
        // Its server process finds out that nobody is there when it answers; until then it holds the lock of the sealer.
        await eventually(
          async () => {
            await sealer().seal();
            return (await keeper.query('select from audit_pending')).rowCount;
          },
          (pending) => pending === 0,
        );
        await checkpoint();
        await assertOneChain(40 * round);
      }
    } finally {
      await keeper.end();
    }
  });
});

describe('a clock that goes back', () => {
  const hours = (count: number): void => {
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + count * 3_600_000);
  };

  it('leaves the log in the order in which it was sealed, and whole', async () => {
    await write(3);
    await sealer().seal();
    await checkpoint();
    hours(-26);
    await write(3);
    await sealer().seal();
    await checkpoint();
    hours(30);
    await write(2);
    await sealer().seal();
    await assertOneChain(8);
    const times = await database.em
      .fork()
      .execute<{ at: Date }[]>('select e.at from audit_seal s join audit_event e on e.id = s.event_id order by s.seq');
    expect(new Date(times[3]?.at ?? 0).getTime()).toBeLessThan(new Date(times[2]?.at ?? 0).getTime());
    // Checkpoints are dated by the database, and those behind a later one are not before it.
    const dates = (await sink().checkpoints()).map(({ body }) => body.at);
    expect(dates).toEqual(dates.toSorted());
    expect(dates).toHaveLength(2);
  });

  it('neither loses a lease nor lets two have it, whichever way it goes: the clock of the database counts', async () => {
    const service = () => new LeaseService({ em: database.em, logger: quietLogger, ttlMs: 60_000 });
    const lease = await service().acquire('place');
    for (const way of [-48, 96, -48]) {
      hours(way);
      expect(await service().acquire('place')).toBeNull();
      await lease?.assertHeld();
    }
    await lease?.release();
    hours(-48);
    const next = await service().acquire('place');
    expect(next?.fencingToken).toBe(2);
    await expect(lease?.assertHeld()).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await next?.release();
  });
});
