import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/adapters/postgres/embedded-postgres.ts';
import { createLogger } from '../src/adapters/telemetry/logger.ts';
import { buildServices } from '../src/build-services.ts';
import { loadEnv } from '../src/config/env.ts';
import { openParts } from '../src/open-parts.ts';
import type { RegisterSchema } from '../src/services/registry/registration.ts';
import { type Bench, type BenchCase, beside, measure } from './harness.ts';
import { requestsPerSecond } from './pipelined-requests.ts';
import { insertRows } from './registration-rows.ts';
import { compatibilities } from './registry-compatibility.ts';

type OnClose = (close: () => Promise<unknown>) => void;

const actor = { id: 'bench', kind: 'local', roles: [], requestId: 'bench' } as const;
const many = 100_000;

let made = 0;
/** A schema that nobody has registered before, without a record, so that the registry alone is measured, or with one. */
function freshSchema(asRecord: boolean): RegisterSchema {
  made += 1;
  const named = { name: `S${made}`, namespace: 'bench' };
  const schema = asRecord
    ? { type: 'record', ...named, fields: [{ name: 'a', type: 'string' }] }
    : { type: 'fixed', ...named, size: 8 };
  const more = { references: [], metadata: null, ruleSet: null, normalize: false, id: null, version: null };
  return { format: 'AVRO', text: JSON.stringify(schema), ...more };
}

async function run(): Promise<readonly BenchCase[]> {
  const closers: (() => Promise<unknown>)[] = [];
  const onClose: OnClose = (close) => closers.push(close);
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
    onClose(() => rm(dataDir, { recursive: true, force: true }));
    const postgres = await startEmbeddedPostgres(dataDir);
    onClose(() => postgres.stop());
    const inService = await registrations(dataDir, postgres, onClose);
    return [...compatibilities(), ...inService, ...(await reads(dataDir, postgres, onClose))];
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** What a service is told of the database. */
const databaseOf = ({ applicationUrl, url }: EmbeddedPostgres) => ({
  DATABASE_URL: applicationUrl,
  DATABASE_MIGRATION_URL: url,
});

async function registrations(
  dataDir: string,
  postgres: EmbeddedPostgres,
  onClose: OnClose,
): Promise<readonly BenchCase[]> {
  const env = loadEnv({ LINEWARD_DATA_DIR: join(dataDir, 'service'), ...databaseOf(postgres), LOG_LEVEL: 'silent' });
  const logger = createLogger('silent');
  const parts = await openParts(env, logger, onClose);
  const { subjectService, subjects } = buildServices(env, logger, parts);
  const pool = new Pool({ connectionString: postgres.url, max: 20 });
  onClose(() => pool.end());
  await pool.query('create table raw_insert (id serial primary key, text text)');
  const register = (asRecord: boolean) => () =>
    subjectService.register(actor, { context: '.', name: `subject-${made}` }, freshSchema(asRecord));
  const insert = async (): Promise<void> => {
    const client = await pool.connect();
    await client.query('begin');
    await client.query('insert into raw_insert (text) values ($1)', [JSON.stringify(freshSchema(true))]);
    await client.query('commit');
    client.release();
  };
  const held = await pool.connect();
  const rows = (asRecord: boolean) => () => {
    const { text } = freshSchema(asRecord);
    const record = asRecord ? { namespace: 'raw', name: `S${made}` } : null;
    return insertRows(pool, { subject: `raw-${made}`, text, record });
  };
  const roundTripWork = () => held.query('select 1');
  // Each kind of schema takes turns with its own references alone: what another kind leaves in the caches is not its cost.
  const keyTurns = { raw: insert, roundTrip: roundTripWork, ours: register(false), rows: rows(false) };
  const { ours: key, rows: keyRows, ...keyOther } = await mediansInTurns(keyTurns);
  const recordTurns = { raw: insert, roundTrip: roundTripWork, ours: register(true), rows: rows(true) };
  const { ours: record, rows: recordRows, raw, roundTrip } = await mediansInTurns(recordTurns);
  held.release();
  const crowd = await crowded(register(true));
  const rawCrowd = await crowded(insert);
  const rowsCrowd = await crowded(rows(true));
  const reference = { name: 'raw begin, insert of one row, commit', value: raw };
  const rawOf = { name: 'raw begin, insert of one row, commit', value: keyOther.raw };
  const keyReference = { name: 'its 4 rows written by hand', value: keyRows };
  const recordReference = { name: 'its 8 rows written by hand', value: recordRows };
  const trips = (ours: number, theirs: number, trip = roundTrip): number => (ours - theirs) / trip;
  const aim = { name: 'aim', value: 2 };
  const page = () => subjects.subjects({ prefix: 'bulk-5', deleted: 'none', offset: 0, limit: 100 });
  const fewPage = (await measure(page, 1)).medianMs;
  const fewLookup = (await measure(lookupOf(subjectService), 1)).medianMs;
  await fill(pool);
  const among = await mediansInTurns({ ours: register(true), rows: rows(true) });
  return [
    beside('register a schema without a record, p50', key, 'ms', rawOf),
    beside('register a schema without a record, p50', key, 'ms', keyReference),
    beside('register a record with its entity, p50', record, 'ms', reference),
    beside('register a record with its entity, p50', record, 'ms', recordReference),
    beside('a round trip: select 1 on a held connection, p50', roundTrip, 'ms', reference),
    beside('without a record, trips over one row', trips(key, keyOther.raw, keyOther.roundTrip), 'trips', aim),
    beside('without a record, trips over its rows', trips(key, keyRows, keyOther.roundTrip), 'trips', aim),
    beside('a record, trips over one row', trips(record, raw), 'trips', aim),
    beside('a record, trips over its rows', trips(record, recordRows), 'trips', aim),
    beside('64 registrations at once, a second', crowd, '/s', { name: '64 times one row at once', value: rawCrowd }),
    beside('64 registrations at once, a second', crowd, '/s', { name: '64 times 8 rows at once', value: rowsCrowd }),
    beside('list 100 of 100,000 subjects', (await measure(page, 1)).medianMs, 'ms', {
      name: 'of a few',
      value: fewPage,
    }),
    beside('look up among 100,000 subjects', (await measure(lookupOf(subjectService), 1)).medianMs, 'ms', {
      name: 'among a few',
      value: fewLookup,
    }),
    beside('register among 100,000 subjects', among.ours, 'ms', {
      name: 'its 8 rows written by hand',
      value: among.rows,
    }),
    beside('the same', among.ours, 'ms', { name: 'among a few', value: record }),
  ];
}

/** Median milliseconds of each work. They take turns, so that what disturbs the machine disturbs all of them alike. */
async function mediansInTurns<Name extends string>(
  works: Readonly<Record<Name, () => Promise<unknown>>>,
): Promise<Readonly<Record<Name, number>>> {
  const names = Object.keys(works) as Name[];
  const times = names.map((name) => ({ name, all: [] as number[] }));
  const end = performance.now() + 15_000;
  for (let turn = 0; turn < 300 || performance.now() < end; turn += 1) {
    for (const { name, all } of times) {
      const start = performance.now();
      await works[name]();
      // The first ones open connections, plan statements and are compiled.
      if (turn >= 200) all.push(performance.now() - start);
    }
  }
  const medians = times.map(({ name, all }) => [name, all.sort((one, other) => one - other)[all.length >> 1] ?? 0]);
  return Object.fromEntries(medians) as Record<Name, number>;
}

function lookupOf(service: ReturnType<typeof buildServices>['subjectService']): () => Promise<unknown> {
  const schema = { ...freshSchema(true) };
  const subject = { context: '.', name: `lookup-${made}` };
  const registered = service.register(actor, subject, schema);
  return async () => {
    await registered;
    return service.lookup(subject, schema, { normalize: false, deleted: false });
  };
}

async function crowded(work: () => Promise<unknown>): Promise<number> {
  const rounds = 10;
  const start = performance.now();
  for (let round = 0; round < rounds; round += 1) await Promise.all(Array.from({ length: 64 }, work));
  return (rounds * 64 * 1_000) / (performance.now() - start);
}

async function fill(pool: Pool): Promise<void> {
  await pool.query(
    `insert into registry_subject (context, name) select '.', 'bulk-' || n from generate_series(1, ${many}) n`,
  );
  await pool.query(
    `insert into subject_version (context, subject, version, schema_id)
     select '.', 'bulk-' || n, 1, (select min(id) from schema where context = '.') from generate_series(1, ${many}) n`,
  );
  await pool.query('analyze');
}

/** A schema by its id over HTTP, beside a route of the same framework that answers a constant of the same size. */
async function reads(dataDir: string, postgres: EmbeddedPostgres, onClose: OnClose): Promise<readonly BenchCase[]> {
  const settings = {
    ...databaseOf(postgres),
    LINEWARD_DATA_DIR: join(dataDir, 'http'),
    LINEWARD_ROLES: 'api',
    LOG_LEVEL: 'info',
    PORT: '0',
    REGISTRY_PORT: '0',
    PRODUCE_PORT: '0',
  };
  const app = spawned(['src/main.ts'], settings, onClose);
  const registry = await printedUrl(app, /registry\D*(http:\/\/[\d.:]+)/);
  const schema = JSON.stringify({
    type: 'record',
    name: 'Read',
    namespace: 'bench',
    fields: Array.from({ length: 20 }, (_, index) => ({ name: `field_${index}`, type: 'string' })),
  });
  const registered = await fetch(`${registry}/subjects/read/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ schema }),
  });
  const { id } = (await registered.json()) as { id: number };
  const answer = await (await fetch(`${registry}/schemas/ids/${id}`)).text();
  const constant = await printedUrl(
    spawned(['bench/constant-server.ts', String(answer.length)], {}, onClose),
    /(http:\/\/[\d.:[\]]+)/,
  );
  const rates = { ours: [] as number[], theirs: [] as number[] };
  // Short turns and many of them: a machine that is busy for a second then slows one turn of each and not all of one.
  for (let round = 0; round < 15; round += 1) {
    rates.ours.push(await requestsPerSecond(`${registry}/schemas/ids/${id}`, 1));
    rates.theirs.push(await requestsPerSecond(`${constant.replace('[::1]', '127.0.0.1')}/constant`, 1));
  }
  const median = (values: readonly number[]): number =>
    values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;
  return [
    beside('GET a schema by id, from the cache', median(rates.ours), '/s', {
      name: 'a constant of the same size',
      value: median(rates.theirs),
    }),
  ];
}

function spawned(args: readonly string[], settings: Record<string, string>, onClose: OnClose): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', ...args], {
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stderr.pipe(process.stderr);
  onClose(async () => child.kill());
  return child;
}

function printedUrl(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`ended with ${code} and printed ${text}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = pattern.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
}

export const bench: Bench = {
  name: 'registry',
  about: 'Schemas by id, registration, lookup among many subjects, comparison of large schemas.',
  run,
};
