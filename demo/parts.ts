import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createLogger } from '../src/adapters/telemetry/logger.ts';
import { type App, startApp } from '../src/app.ts';
import { type Env, loadEnv } from '../src/config/env.ts';
import { type Broker, brokerToolchain, defaultLibsDir, fetchBroker, startBroker } from '../tools/kafka/broker.ts';
import type { Narrator } from './narrator.ts';

/** What the story runs on. */
export interface Parts {
  readonly env: Env;
  readonly app: App;
  /** Bootstrap servers, or null when there is no broker and records go by HTTP. */
  readonly brokers: string | null;
  readonly dataDir: string;
  /** Directory of the lake. */
  readonly lakeRoot: string;
  stop(): Promise<void>;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** A running broker, or null with the reason told. */
async function brokerFor(narrator: Narrator, directory: string): Promise<Broker | null> {
  const toolchain = await brokerToolchain();
  if (!toolchain.ok) {
    narrator.fact(`no Kafka broker: ${toolchain.reason}`);
    narrator.fact('the story goes on without topics: records go to the lake by HTTP');
    return null;
  }
  narrator.fact(`broker jars in ${defaultLibsDir()} (fetched once from Maven Central when missing) …`);
  await fetchBroker();
  return startBroker({ dir: directory });
}

/** Starts a fresh installation in its own directory, with its own broker unless KAFKA_BROKERS names one. */
export async function startParts(narrator: Narrator, options: { readonly freePorts: boolean }): Promise<Parts> {
  const dataDir = join(resolve(process.env.LINEWARD_DATA_DIR ?? './.lineward'), 'demo');
  await rm(dataDir, { recursive: true, force: true });
  const given = process.env.KAFKA_BROKERS;
  const broker = given === undefined || given === '' ? await brokerFor(narrator, join(dataDir, 'kafka')) : null;
  const brokers = given !== undefined && given !== '' ? given : (broker?.brokers ?? null);
  const ports: Record<string, string> = {};
  for (const [name, otherwise] of Object.entries({ PORT: 4000, REGISTRY_PORT: 8081, PRODUCE_PORT: 8082 })) {
    const wanted = process.env[name] ?? (options.freePorts || !(await isFree(otherwise)) ? '0' : String(otherwise));
    ports[name] = wanted;
  }
  try {
    const env = loadEnv({
      LOG_LEVEL: 'error',
      REDIS_URL: process.env.REDIS_URL,
      ...ports,
      LINEWARD_DATA_DIR: dataDir,
      KAFKA_BROKERS: brokers ?? undefined,
      KAFKA_NAMESPACE: 'kafka://demo',
      LANDING_FLUSH_MS: '500',
      SWEEP_INTERVAL_MS: '500',
    });
    const app = await startApp(env, createLogger(env.LOG_LEVEL));
    const stop = async (): Promise<void> => {
      await app.stop();
      await broker?.stop();
    };
    return { env, app, brokers, dataDir, lakeRoot: join(dataDir, 'lake'), stop };
  } catch (error) {
    await broker?.stop();
    throw error;
  }
}
