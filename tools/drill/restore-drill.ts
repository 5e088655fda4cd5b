import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { exportAuditLog, verifyFile } from '../../src/cli/audit-log.ts';
import { reach } from '../../src/cli/reach.ts';
import { replayLedger } from '../../src/cli/replay-ledger.ts';
import { LinewardError } from '../../src/errors/lineward-error.ts';

const run = promisify(execFile);

/** What a drill works with. Nothing of it is changed but the database that is named as empty. */
export interface DrillSettings {
  /** Database of the installation, as its owner. */
  readonly source: string;
  /** A database without a table, on a server of at least the same version, as its owner. */
  readonly target: string;
  readonly dataDir: string;
  readonly ledgerDir: string;
  /** Directory or bucket of published checkpoints; null for those in the ledger directory. */
  readonly checkpoints: string | null;
  /** Environment of the service, e.g. its keys. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pgDump: string;
  readonly pgRestore: string;
  /** Told of each step when it is done. */
  tell(step: string, seconds: number, outcome: string): void;
}

/** What is outside must not be touched by a copy: brokers, buckets, queues. Lake tables are those of the data directory. */
const leftOut = [
  'DATABASE_MIGRATION_URL',
  'KAFKA_BROKERS',
  'REDIS_URL',
  'LAKE_URL',
  'AUDIT_CHECKPOINT_URL',
  'OIDC_ISSUER',
  'NODE_OPTIONS',
];
/** An embedded database lives there; it is restored from the dump. */
const notCopied = /[\\/]postgres(-application)?(\.\w+)?$/;
const startSeconds = 120;
const replaySeconds = 3_600;

/**
 * Proves that an installation can be lived from after a restore: dumps its database, restores it into an empty one, starts a
 * service over copies of it and of the data directory, looks for data of subjects that were erased, and verifies the audit log.
 * @throws LinewardError BAD_INPUT with the step that cannot be done, AUDIT_LOG_INVALID for a log that does not hold.
 */
export async function restoreDrill(
  settings: DrillSettings,
): Promise<{ readonly found: number; readonly gaps: number }> {
  const work = await mkdtemp(join(tmpdir(), 'lineward-drill-'));
  const step = async <T>(name: string, of: () => Promise<T>, outcome: (done: T) => string): Promise<T> => {
    const start = performance.now();
    const done = await of();
    settings.tell(name, (performance.now() - start) / 1_000, outcome(done));
    return done;
  };
  const dump = join(work, 'dump');
  const copies = { data: join(work, 'data'), ledger: join(work, 'ledger') };
  let service: ChildProcess | null = null;
  try {
    await step(
      'copy ledger and data',
      () => copyOf(settings, copies),
      () => 'keys, ledger, lake tables of the data directory',
    );
    await step(
      'dump',
      () => dumped(settings, dump),
      () => 'by pg_dump',
    );
    await step(
      'restore',
      () => restored(settings, dump),
      (tables) => `${tables} tables, without webhooks`,
    );
    service = serviceOver(settings, copies);
    const url = await step(
      'start',
      () => urlOf(service as ChildProcess),
      (of) => of,
    );
    const replay = await step(
      'replay the ledger',
      () => replayed(url),
      (of) =>
        `${of.erased} erased subjects; data of ${of.found} is there again, ${of.gaps} places could not be looked through`,
    );
    await step(
      'verify the audit log',
      () => verified(url, work, settings.checkpoints ?? join(copies.ledger, 'audit')),
      (text) =>
        text
          .split('\n')
          .filter((line) => /^(valid|checkpoint|kept)/.test(line))
          .join('; '),
    );
    return replay;
  } finally {
    if (service !== null) await ended(service);
    await rm(work, { recursive: true, force: true });
  }
}

async function copyOf({ dataDir, ledgerDir }: DrillSettings, to: { readonly data: string; readonly ledger: string }) {
  await cp(dataDir, to.data, { recursive: true, filter: (path) => !notCopied.test(path) });
  await mkdir(to.ledger, { recursive: true });
  await cp(ledgerDir, to.ledger, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function dumped({ source, pgDump }: DrillSettings, dump: string): Promise<void> {
  await tool(pgDump, ['--format=custom', '--no-owner', '--no-privileges', `--file=${dump}`, source]);
}

async function restored({ target, pgRestore }: DrillSettings, dump: string): Promise<number> {
  const count = `select count(*)::integer as tables from pg_tables where schemaname = 'public'`;
  const client = new Client({ connectionString: target });
  await client.connect().catch((cause: unknown) => {
    throw new LinewardError('BAD_INPUT', 'The empty database does not accept a connection.', { cause });
  });
  try {
    const { rows } = await client.query<{ tables: number }>(count);
    if (rows[0]?.tables !== 0)
      throw new LinewardError(
        'BAD_INPUT',
        `The database that is to be empty has ${rows[0]?.tables} tables; name another.`,
      );
    await tool(pgRestore, ['--no-owner', '--no-privileges', '--exit-on-error', `--dbname=${target}`, dump]);
    // A copy must not tell anybody of changes.
    await client.query('delete from webhook');
    return (await client.query<{ tables: number }>(count)).rows[0]?.tables ?? 0;
  } finally {
    await client.end();
  }
}

/** @throws LinewardError BAD_INPUT with what the tool says; addresses of databases are not in it. */
async function tool(command: string, args: readonly string[]): Promise<void> {
  await run(command, args).catch((cause: { readonly code?: unknown; readonly stderr?: string }) => {
    const why = cause.code === 'ENOENT' ? 'is not there; name it by PG_DUMP and PG_RESTORE' : cause.stderr?.trim();
    throw new LinewardError('BAD_INPUT', `${command} ${why?.replaceAll(/postgres(ql)?:\/\/\S+/g, '…')}`);
  });
}

function serviceOver({ env, target }: DrillSettings, copies: { readonly data: string; readonly ledger: string }) {
  const kept = Object.entries(env).filter(([name]) => !leftOut.includes(name) && !name.startsWith('LAKE_S3'));
  const service = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
    env: {
      ...Object.fromEntries(kept),
      ...{ DATABASE_URL: target, DATABASE_OWNER_ALLOWED: 'true' },
      ...{ LINEWARD_DATA_DIR: copies.data, LINEWARD_LEDGER_DIR: copies.ledger, LINEWARD_ROLES: 'api,worker' },
      ...{ PORT: '0', REGISTRY_PORT: '0', PRODUCE_PORT: '0', LOG_LEVEL: 'error' },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Passed on, not shared: a service that outlived us would hold the output of who runs the drill.
  service.stderr.pipe(process.stderr);
  return service;
}

async function ended(service: ChildProcess): Promise<void> {
  if (service.exitCode !== null || service.signalCode !== null) return;
  service.kill();
  await once(service, 'exit');
}

async function urlOf(service: ChildProcess): Promise<string> {
  const started = new Promise<string>((resolve, reject) => {
    let text = '';
    service.once('exit', (code) =>
      reject(new LinewardError('BAD_INPUT', `The service ended with ${code}; see above.`)),
    );
    service.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /(http:\/\/\S+\/graphql)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const late = sleep(startSeconds * 1_000, undefined, { ref: false }).then(() => {
    throw new LinewardError('BAD_INPUT', `The service is not there after ${startSeconds} seconds.`);
  });
  return Promise.race([started, late]);
}

interface Replayed {
  readonly erased: number;
  readonly found: number;
  readonly gaps: number;
}

async function replayed(url: string): Promise<Replayed> {
  const before = (await outcomes(url)).length;
  await replayLedger(url);
  for (let waited = 0; waited < replaySeconds; waited += 1) {
    const found = await outcomes(url);
    const [latest] = found;
    if (found.length > before && latest !== undefined) return latest;
    await sleep(1_000);
  }
  throw new LinewardError('BAD_INPUT', `The replay has no outcome after ${replaySeconds} seconds.`);
}

/** Outcomes of replays, newest first. */
async function outcomes(url: string): Promise<readonly Replayed[]> {
  const query = '{ auditEvents(first: 100, filter: { action: "replayErasureLedger" }) { nodes { details } } }';
  const headers = { 'content-type': 'application/json' };
  const response = await reach(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
  const { data } = (await response.json()) as {
    data?: { auditEvents: { nodes: { details: { erased: number; found: number; gaps: unknown[] } }[] } };
  };
  return (data?.auditEvents.nodes ?? [])
    .map(({ details }) => details)
    .filter(({ gaps }) => gaps !== undefined)
    .map(({ erased, found, gaps }) => ({ erased, found, gaps: gaps.length }));
}

async function verified(url: string, work: string, checkpoints: string): Promise<string> {
  const file = join(work, 'audit.ndjson');
  await exportAuditLog(url, file);
  return verifyFile(file, { publicKey: null, checkpoints });
}
