import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareQueueTables } from '../../src/adapters/bullmq/connection.ts';
import { startEmbeddedPostgres } from '../../src/adapters/postgres/embedded-postgres.ts';
import { openDatabase } from '../../src/adapters/postgres/orm.ts';
import { migrateAsOwner } from '../../src/adapters/postgres/prepare-database.ts';
import { brokerToolchain, startBroker } from '../../tools/kafka/broker.ts';
import { gatewayProgram, startGateway } from '../../tools/s3/gateway.ts';
import { templateDatabase, urlOfDatabase } from './database.ts';
import { startRedis } from './redis.ts';

type Stop = () => Promise<void>;

/** What the projects of one run share; each project loads this module anew, so it hangs on the process. */
interface Shared {
  projects: number;
  readonly stop: Promise<Stop>;
}
const key = Symbol.for('lineward.test.servers');
const holder: typeof globalThis & { [key]?: Shared | undefined } = globalThis;

/** PostgreSQL with a migrated template that each test copies. */
async function postgres(directory: string): Promise<Stop> {
  const server = await startEmbeddedPostgres(directory);
  process.env.LINEWARD_TEST_DATABASE = server.url;
  const admin = await openDatabase(server.url);
  await admin.em.execute(`create database ${templateDatabase}`);
  await admin.close();
  process.env.LINEWARD_TEST_APPLICATION = server.applicationUrl;
  const [url, ownerUrl] = [server.applicationUrl, server.url].map((one) => urlOfDatabase(one, templateDatabase));
  await migrateAsOwner({ url: url ?? null, ownerUrl: ownerUrl ?? '' }, prepareQueueTables);
  return () => server.stop();
}

/** One Kafka node, where Java and Maven are there. Otherwise its tests say what is missing. */
async function kafka(directory: string): Promise<Stop> {
  const toolchain = await brokerToolchain();
  if (!toolchain.ok) return async () => {};
  const broker = await startBroker({ dir: directory, log: (line) => console.log(line) });
  process.env.LINEWARD_TEST_KAFKA = broker.brokers;
  return () => broker.kill();
}

/** A server of S3, where Go is there to make it. */
async function s3(directory: string): Promise<Stop> {
  const program = await gatewayProgram();
  if (program === null) return async () => {};
  const gateway = await startGateway(program, directory);
  process.env.LINEWARD_TEST_S3 = gateway.endpoint;
  return gateway.stop;
}

async function redis(directory: string): Promise<Stop> {
  const server = await startRedis(directory);
  if (server === null) return async () => {};
  process.env.LINEWARD_TEST_REDIS = server.url;
  return server.stop;
}

async function startServers(): Promise<Stop> {
  const directory = await mkdtemp(join(tmpdir(), 'lineward-test-'));
  const folders = ['postgres', 'kafka', 'redis', 's3'].map((name) => join(directory, name));
  await Promise.all(folders.map((folder) => mkdir(folder)));
  const [postgresDir = '', kafkaDir = '', redisDir = '', s3Dir = ''] = folders;
  const starts = await Promise.allSettled([postgres(postgresDir), kafka(kafkaDir), redis(redisDir), s3(s3Dir)]);
  const stop = async () => {
    await Promise.all(starts.map((start) => (start.status === 'fulfilled' ? start.value() : undefined)));
    await rm(directory, { recursive: true, force: true });
  };
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed === undefined) return stop;
  await stop();
  throw failed.reason;
}

/** Starts the servers of the run, once for all projects, side by side. */
export async function setup(): Promise<Stop> {
  holder[key] ??= { projects: 0, stop: startServers() };
  const shared = holder[key];
  shared.projects += 1;
  const stop = await shared.stop;
  return async () => {
    shared.projects -= 1;
    if (shared.projects > 0) return;
    // In watch mode the next run starts anew.
    holder[key] = undefined;
    await stop();
  };
}
