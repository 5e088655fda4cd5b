import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded-postgres.ts';
import { createLogger } from '../src/adapters/telemetry/logger.ts';
import { type App, startApp } from '../src/app.ts';
import { loadEnv } from '../src/config/env.ts';

export type OnClose = (close: () => Promise<unknown>) => void;

/** Does `work`, and closes what it opened, last first. */
export async function closing<T>(work: (onClose: OnClose) => Promise<T>): Promise<T> {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    return await work((close) => closers.push(close));
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** The service in this process, on a database and a directory of its own. */
export async function benchApp(
  onClose: OnClose,
  settings: Readonly<Record<string, string>> = {},
): Promise<{ readonly app: App; readonly databaseUrl: string; readonly dataDir: string }> {
  const root = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
  onClose(() => rm(root, { recursive: true, force: true }));
  const postgres = await startEmbeddedPostgres(root);
  onClose(() => postgres.stop());
  const dataDir = join(root, 'service');
  const database = { DATABASE_URL: postgres.applicationUrl, DATABASE_MIGRATION_URL: postgres.url };
  // Counted as ever, and never used up.
  const limits = { API_REQUESTS_PER_MINUTE: '1000000000', API_QUERY_COST_PER_MINUTE: '1000000000' };
  const places = { ...database, ...limits, LINEWARD_DATA_DIR: dataDir, LOG_LEVEL: 'silent' };
  const ports = { PORT: '0', REGISTRY_PORT: '0', PRODUCE_PORT: '0' };
  const app = await startApp(loadEnv({ ...places, ...ports, ...settings }), createLogger('silent'));
  onClose(() => app.stop());
  return { app, databaseUrl: postgres.url, dataDir };
}
