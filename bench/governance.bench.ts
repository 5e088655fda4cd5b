import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Pool } from 'pg';
import { CheckpointDirectory } from '../src/adapters/audit/checkpoint-directory.ts';
import { LocalNotary } from '../src/adapters/keys/local/local-notary.ts';
import { openDatabase } from '../src/adapters/postgres/orm.ts';
import { type ActiveHold, byReach } from '../src/domain/governance/hold-scope.ts';
import { permitted, permittedIn } from '../src/domain/governance/permission.ts';
import { newId } from '../src/domain/id.ts';
import { auditEvent } from '../src/services/audit/audit.service.ts';
import { AuditBatches } from '../src/services/audit/audit-batches.ts';
import { AuditSealer } from '../src/services/audit/audit-sealer.ts';
import { AuditVerifier } from '../src/services/audit/audit-verification.ts';
import { actor, withPostgres } from './crypto-parts.ts';
import { accessCases } from './governance-access.ts';
import { type Bench, type BenchCase, beside } from './harness.ts';

const batch = 1_000;
const batches = 50;
const batchesAtOnce = 10;
const rows = batch * batches;
/** Writers whose events commit one by one, as those of mutations do. */
const writers = 16;
const eventsOfWriter = 2_000;
/** As a worker does. */
const sealEveryMs = 250;

const eventOf = (n: number) =>
  auditEvent(actor, {
    action: 'registerSchema',
    resourceType: 'SubjectVersion',
    resourceId: `subject-${n}/1`,
    details: { format: 'AVRO', schemaId: n },
  });

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}

async function run(): Promise<readonly BenchCase[]> {
  const directory = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
  try {
    return await withPostgres(async (url, dataDir, applicationUrl) => [
      ...(await accessCases({ ownerUrl: url, applicationUrl, dataDir })),
      ...(await measured(url, directory)),
    ]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measured(url: string, directory: string): Promise<readonly BenchCase[]> {
  const database = await openDatabase(url);
  const pool = new Pool({ connectionString: url });
  // The server may stop before a connection that is ended is gone.
  pool.on('error', () => undefined);
  try {
    await database.migrate();
    await pool.query(
      'create table bare_event as select * from audit_event; alter table bare_event add primary key (id)',
    );
    await pool.query('create table indexed_event (like audit_event including indexes)');
    const single = await oneByOne(pool, database.em);
    const written = await writing(pool, database.em);
    const notary = await LocalNotary.open(join(directory, 'keys'));
    const verifier = new AuditVerifier({ em: database.em, notary, sink: new CheckpointDirectory(directory) });
    const verify = await secondsOf(async () => {
      const { fault, pending } = await verifier.verify(0);
      // Speed of a log that is not whole would be worth nothing.
      if (fault !== null || pending > 0)
        throw new Error(`the log does not verify: ${JSON.stringify({ fault, pending })}`);
    });
    const { records, read } = await allRecords(pool);
    const hashing = await secondsOf(async () => {
      for (const record of records) createHash('sha256').update(record).digest('hex');
    });
    return [
      ...holdCases(),
      single,
      ...written,
      beside('verify chain and events', records.length / verify, 'rows/s', {
        name: 'SHA-256 of the same texts',
        value: records.length / hashing,
      }),
      beside('verify chain and events', records.length / verify, 'rows/s', {
        name: 'select of the same texts',
        value: records.length / read,
      }),
    ];
  } finally {
    await pool.end();
    await database.close();
  }
}

/**
 * A round of each after the other, so that what disturbs the machine disturbs all of them alike. Sealing beside appending is what
 * a service does: it ends when the last event is in the chain.
 */
async function writing(pool: Pool, em: EntityManager): Promise<readonly BenchCase[]> {
  const events = new AuditBatches({ em });
  const sealer = new AuditSealer({ em });
  const append = async (round: number) => {
    for (let n = 0; n < batchesAtOnce; n += 1) await events.write(batchOf(round * batchesAtOnce + n));
  };
  const sideBySide = (round: number) => sealedBeside(sealer, () => append(round));
  const seconds = { bare: 0, indexed: 0, append: 0, seal: 0, together: 0 };
  for (let round = 0; round < batches / batchesAtOnce; round += 1) {
    const texts = Array.from({ length: batchesAtOnce }, (_, n) => JSON.stringify(batchOf(round * batchesAtOnce + n)));
    seconds.bare += await secondsOf(() => bareInserts(pool, 'bare_event', texts));
    seconds.indexed += await secondsOf(() => bareInserts(pool, 'indexed_event', texts));
    seconds.append += await secondsOf(() => append(round));
    seconds.seal += await secondsOf(() => sealer.seal());
    seconds.together += await secondsOf(() => sideBySide(round));
  }
  const bare = { name: `bare insert of ${batch} rows a commit`, value: rows / seconds.bare };
  const indexed = { name: `the same into a table with the indexes of the log`, value: rows / seconds.indexed };
  const both = rows / (seconds.append + seconds.seal);
  return [
    beside('append audit events', rows / seconds.append, 'rows/s', bare),
    beside('append audit events', rows / seconds.append, 'rows/s', indexed),
    beside('seal them', rows / seconds.seal, 'rows/s', bare),
    beside('append and seal, one after the other', both, 'rows/s', bare),
    beside('append and seal, one after the other', both, 'rows/s', indexed),
    beside('append and seal, side by side', rows / seconds.together, 'rows/s', bare),
    beside('append and seal, side by side', rows / seconds.together, 'rows/s', indexed),
  ];
}

/** Seals while `work` appends, until its last event is in the chain. */
async function sealedBeside(sealer: AuditSealer, work: () => Promise<unknown>): Promise<void> {
  let isDone = false;
  const sealing = (async () => {
    while (!isDone) {
      await sealer.seal();
      await sleep(sealEveryMs);
    }
  })();
  await work();
  isDone = true;
  await sealing;
  await sealer.seal();
}

/** Each event commits by itself, which waits for the disk; the chain grows in batches beside. In turns, as `writing`. */
async function oneByOne(pool: Pool, em: EntityManager): Promise<BenchCase> {
  // Of one writer each: events that come at once by the same would be committed together.
  const events = Array.from({ length: writers }, () => new AuditBatches({ em }));
  const sealer = new AuditSealer({ em });
  const seconds = { bare: 0, sealed: 0 };
  const rounds = 10;
  const each = eventsOfWriter / rounds;
  const all = (write: (n: number, writer: number) => Promise<unknown>) =>
    Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let n = 0; n < each; n += 1) await write(writer * each + n, writer);
      }),
    );
  for (let round = 0; round < rounds; round += 1) {
    seconds.bare += await secondsOf(() => all((n) => bareInserts(pool, 'bare_event', [JSON.stringify([eventOf(n)])])));
    seconds.sealed += await secondsOf(() =>
      sealedBeside(sealer, () => all((n, writer) => events[writer]?.write([eventOf(n)]) ?? Promise.resolve())),
    );
  }
  const count = writers * eventsOfWriter;
  return beside(`append and seal, ${writers} writers, a commit each`, count / seconds.sealed, 'rows/s', {
    name: 'bare insert of a row a commit, by as many',
    value: count / seconds.bare,
  });
}

const batchOf = (number: number) => Array.from({ length: batch }, (_, n) => eventOf(number * batch + n));

const people = 200_000;
const holdsMax = 1_000;
const placesMax = 20;

/** What is left of many persons under many holds, a tenth of them about one place each; beside looking each up in one set. */
function holdCases(): readonly BenchCase[] {
  const act = Array.from({ length: people }, (_, n) => ({
    accountId: `AC${n % 500}`,
    subject: { field: 'to', value: `${n}` },
  }));
  const holds = act.slice(0, holdsMax).map((selector, n): ActiveHold => {
    const datasets = n % 10 === 0 ? new Set([`D${(n / 10) % placesMax}`]) : null;
    return { id: `${n}`, confidential: false, selectors: [selector], datasets, dates: null, byLineage: new Set() };
  });
  const evaluate = () => {
    const { everywhere, local } = byReach(holds);
    const selection = permitted({ kind: 'ERASURE', act }, { holds: everywhere, local, minimums: new Map() });
    const places = Array.from({ length: placesMax }, (_, n) => ({
      datasetId: `D${n}`,
      name: `D${n}`,
      subjectFields: ['to'],
    }));
    return places.map((place) => permittedIn(place, selection).act.length);
  };
  const lookUp = () => {
    const held = new Set(holds.map(({ selectors }) => JSON.stringify(selectors?.[0])));
    return act.filter((one) => !held.has(JSON.stringify(one))).length;
  };
  const timed = (work: () => unknown): number => {
    const start = performance.now();
    work();
    return (performance.now() - start) / 1_000;
  };
  const [evaluation, reference] = [timed(evaluate), timed(lookUp)];
  const name = `hold evaluation of ${people} subjects x ${holdsMax} holds in ${placesMax} places`;
  return [
    beside(name, 1 / evaluation, 'evaluations/s', { name: 'one look-up of each in a set', value: 1 / reference }),
  ];
}

/** The same rows into a table without triggers, and a commit for each thousand. */
async function bareInserts(pool: Pool, table: string, texts: readonly string[]): Promise<void> {
  for (const text of texts)
    await pool.query(
      `insert into ${table}
       select id || $2, at, "actorId", "actorKind", action, "resourceType", "resourceId", outcome, details, "requestId"
       from jsonb_to_recordset($1::jsonb) as given
         (id text, at timestamptz, "actorId" text, "actorKind" text, action text, "resourceType" text, "resourceId" text,
          outcome text, details jsonb, "requestId" text)`,
      [text, newId()],
    );
}

async function allRecords(pool: Pool): Promise<{ readonly records: readonly string[]; readonly read: number }> {
  let records: readonly string[] = [];
  const read = await secondsOf(async () => {
    const found = await pool.query<{ record: string }>('select record from audit_seal order by seq');
    records = found.rows.map(({ record }) => record);
  });
  return { records, read };
}

export const bench: Bench = {
  name: 'governance',
  about: `Reads under policies and roles, holds weighed, and audit events written, sealed and verified, ${rows} of them.`,
  run,
};
