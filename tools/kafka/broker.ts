import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { freePort } from '../../src/adapters/postgres/free-port.ts';
import { LinewardError } from '../../src/errors/lineward-error.ts';
import { loggingProperties, type SecureListener, serverProperties } from './broker-config.ts';

const run = promisify(execFile);
const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const JAVA_MIN = 17;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

/** Whether this machine can run the broker; `reason` says what is missing and how to get it. */
export type BrokerToolchain = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface BrokerOptions {
  /** Everything the broker keeps: data, configuration, log. Kept over stops; delete it to start afresh. */
  readonly dir: string;
  /** 0 or absent takes a free port. */
  readonly port?: number;
  /** A second listener with TLS and logins. */
  readonly secure?: SecureListener | undefined;
  /** Receives one line per step. */
  readonly log?: (line: string) => void;
}

/** One Kafka node of ours. After `stop` or `kill`, `start` brings it back on the same port with the same data. */
export interface Broker {
  /** Value for KAFKA_BROKERS. */
  readonly brokers: string;
  readonly port: number;
  /** Null while it does not run. */
  readonly pid: number | null;
  /** Folder of the topic logs, for looking at segment files. */
  readonly logDir: string;
  start(): Promise<void>;
  /** Clean shutdown. */
  stop(): Promise<void>;
  /** SIGKILL, as a power cut. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** Walks up because the compiled form lives in `dist/`, where the compiler does not copy `pom.xml`. */
function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(dir, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'lineward') return dir;
    const parent = dirname(dir);
    if (parent === dir) throw new LinewardError('INTERNAL', 'The package root of Lineward was not found.');
    dir = parent;
  }
}

const pomPath = (): string => join(packageRoot(), 'tools', 'kafka', 'pom.xml');

/** Folder of the broker's jars: LINEWARD_KAFKA_LIBS, else `.cache/kafka-<version>` in the repository. */
export function defaultLibsDir(): string {
  const override = process.env.LINEWARD_KAFKA_LIBS;
  if (override) return resolve(override);
  const version = /<artifactId>kafka-broker<\/artifactId>\s*<version>([^<]+)/.exec(
    readFileSync(pomPath(), 'utf8'),
  )?.[1];
  return join(packageRoot(), '.cache', `kafka-${version}`);
}

async function libsComplete(libsDir: string): Promise<boolean> {
  const hash = createHash('sha256')
    .update(await readFile(pomPath()))
    .digest('hex');
  return (await readFile(join(libsDir, '.complete'), 'utf8').catch(() => '')) === hash;
}

/** Java 17 or later, and Maven unless the jars are there already. */
export async function brokerToolchain(): Promise<BrokerToolchain> {
  const version = await run('java', ['-version']).then(
    ({ stderr }) => Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0),
    () => null,
  );
  if (version === null) return { ok: false, reason: `java is not on PATH; install a JRE ${JAVA_MIN} or later.` };
  if (version < JAVA_MIN) return { ok: false, reason: `Java ${version} is too old for Kafka; install ${JAVA_MIN}+.` };
  if (await libsComplete(defaultLibsDir())) return { ok: true };
  const maven = await run('mvn', ['-v']).then(
    () => true,
    () => false,
  );
  return maven
    ? { ok: true }
    : { ok: false, reason: 'mvn is not on PATH; install Maven to fetch the Kafka jars once.' };
}

/**
 * Fetches the broker's jars with Maven unless `libsDir` holds those of the present pom. They arrive in a sibling folder
 * that is renamed at the end, so a kill half way leaves no half folder.
 */
export async function fetchBroker(libsDir = defaultLibsDir()): Promise<void> {
  if (await libsComplete(libsDir)) return;
  const staging = `${libsDir}.${process.pid}-${randomBytes(4).toString('hex')}`;
  await mkdir(staging, { recursive: true });
  try {
    const goal = [COPY_GOAL, '-DincludeScope=runtime', `-DoutputDirectory=${staging}`];
    await run('mvn', ['-B', '-q', '-f', pomPath(), ...goal], { maxBuffer: 16 << 20 });
    await writeFile(
      join(staging, '.complete'),
      createHash('sha256')
        .update(await readFile(pomPath()))
        .digest('hex'),
    );
    // Another process may have finished first: then its folder is as good as ours.
    if (await libsComplete(libsDir)) return;
    await rm(libsDir, { recursive: true, force: true });
    await rename(staging, libsDir);
  } catch (cause) {
    if (await libsComplete(libsDir)) return;
    throw new LinewardError('KAFKA_UNAVAILABLE', 'Maven could not fetch the Kafka jars; is Maven Central reachable?', {
      cause,
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** A node left by a parent that was killed still holds the data's lock: end it before we start on its folder. */
async function endLeftover(pidFile: string, config: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!pid) return;
  const command = await run('ps', ['-p', String(pid), '-o', 'command=']).then(
    ({ stdout }) => stdout,
    () => '',
  );
  if (!command.includes(config)) return;
  process.kill(pid, 'SIGKILL');
  while (alive(pid)) await sleep(50);
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function metadataAnswers(brokers: string): Promise<boolean> {
  const kafka = new kafkajs.Kafka({
    clientId: 'lineward-broker-probe',
    brokers: [brokers],
    connectionTimeout: 500,
    requestTimeout: 2000,
    retry: { retries: 0 },
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

function scramUsers(secure: SecureListener | undefined): readonly string[] {
  if (secure === undefined) return [];
  const { username, password } = secure;
  return ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${username},password=${password}]`,
  ]);
}

/** A java process with the paths it works on. */
class BrokerProcess implements Broker {
  readonly brokers: string;
  readonly port: number;
  readonly logDir: string;
  readonly #dir: string;
  readonly #classpath: string;
  readonly #secure: SecureListener | undefined;
  #child: { readonly pid: number; readonly exited: Promise<void> } | null = null;

  constructor(
    dir: string,
    libs: string,
    { port, secure }: { readonly port: number; readonly secure?: SecureListener | undefined },
  ) {
    this.#dir = dir;
    this.#secure = secure;
    this.#classpath = join(libs, '*');
    this.port = port;
    this.brokers = `127.0.0.1:${port}`;
    this.logDir = join(dir, 'data');
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Writes the configuration, and formats the data folder when it is new. */
  async prepare(): Promise<void> {
    const config = join(this.#dir, 'server.properties');
    await mkdir(this.#dir, { recursive: true });
    await endLeftover(join(this.#dir, 'broker.pid'), config);
    const ports = { port: this.port, controllerPort: await freePort([this.port]) };
    await writeFile(config, serverProperties({ ...ports, secure: this.#secure }, this.logDir));
    await writeFile(join(this.#dir, 'log4j2.properties'), loggingProperties(join(this.#dir, 'broker.log')));
    if (existsSync(join(this.logDir, 'meta.properties'))) return;
    // The tool takes a value with a leading dash for an option.
    const clusterId = `L${randomBytes(16).toString('base64url').slice(1)}`;
    const tool = ['-XX:TieredStopAtLevel=1', '-cp', this.#classpath, 'kafka.tools.StorageTool', 'format'];
    await run('java', [...tool, '-t', clusterId, '-c', config, ...scramUsers(this.#secure)]);
  }

  async start(): Promise<void> {
    if (this.#child) return;
    await this.#spawn();
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (this.#child && Date.now() < deadline) {
      if (await metadataAnswers(this.brokers)) return;
      await sleep(150);
    }
    await this.kill();
    const where = `see broker.log and console.log in ${this.#dir}`;
    throw new LinewardError('KAFKA_UNAVAILABLE', `The Kafka broker did not start; ${where}.`);
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async #spawn(): Promise<void> {
    const output = await open(join(this.#dir, 'console.log'), 'a');
    const jvm = ['-Xms128m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    const logging = `-Dlog4j2.configurationFile=${join(this.#dir, 'log4j2.properties')}`;
    const main = ['-cp', this.#classpath, 'kafka.Kafka', join(this.#dir, 'server.properties')];
    const java = spawn('java', [...jvm, logging, ...main], { stdio: ['ignore', output.fd, output.fd] });
    const killNow = () => java.kill('SIGKILL');
    process.once('exit', killNow);
    const exited = new Promise<void>((done) => {
      java.once('error', () => done());
      java.once('exit', () => done());
    }).then(() => {
      process.off('exit', killNow);
      this.#child = null;
    });
    await output.close();
    if (java.pid === undefined)
      throw new LinewardError('KAFKA_UNAVAILABLE', 'java could not be started; is it on PATH?');
    this.#child = { pid: java.pid, exited };
    await writeFile(join(this.#dir, 'broker.pid'), String(java.pid));
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child) return;
    process.kill(child.pid, signal);
    const late = setTimeout(() => process.kill(child.pid, 'SIGKILL'), STOP_TIMEOUT_MS);
    await child.exited;
    clearTimeout(late);
  }
}

/**
 * Starts a single Kafka node (KRaft, plain text, loopback only) in `dir` and waits until metadata answers. The node ends
 * with this process; one that a killed process left on the same `dir` is ended first.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const libs = defaultLibsDir();
  if (!(await libsComplete(libs))) options.log?.('Fetching the Kafka jars (once)');
  await fetchBroker(libs);
  const broker = new BrokerProcess(resolve(options.dir), libs, {
    port: options.port || (await freePort()),
    secure: options.secure,
  });
  options.log?.(`Starting Kafka on ${broker.brokers}`);
  await broker.prepare();
  await broker.start();
  return broker;
}
