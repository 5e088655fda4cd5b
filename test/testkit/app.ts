import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { type App, startApp } from '../../src/app.ts';
import { loadEnv } from '../../src/config/env.ts';
import { testDatabase } from './database.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
export type Data = any;

export interface GraphqlAnswer {
  readonly status: number;
  readonly requestId: string;
  readonly data: Data;
  readonly errors: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: Readonly<Record<string, unknown>>;
  }[];
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: Data;
}

/** An app in this process on a database and a data directory of its own, spoken to as any client would. */
export interface TestApp {
  readonly urls: App['urls'];
  /** As the owner of the tables; the app itself works as the role of an application. */
  readonly em: EntityManager;
  readonly lakeRoot: string;
  /** What another process of the same installation is started with. */
  readonly settings: Readonly<Record<string, string>>;
  /** The whole answer. */
  graphql(query: string, variables?: Record<string, unknown>): Promise<GraphqlAnswer>;
  /** `data` of an answer that has no errors and whose mutation was not refused. */
  done(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /** `userErrors` of the only mutation in the query. */
  refusals(query: string, variables?: Record<string, unknown>): Promise<Data>;
  post(path: string, body: unknown): Promise<JsonAnswer>;
  produce(topic: string, body: unknown, format?: string): Promise<JsonAnswer>;
  restart(settings?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
}

async function postJson(url: string, body: unknown, type = 'application/json'): Promise<JsonAnswer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body: text });
  return { status: response.status, body: await response.json() };
}

export async function postGraphql(
  url: string,
  body: { query: string; variables?: Record<string, unknown> },
): Promise<GraphqlAnswer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { data = null, errors = [] } = (await response.json()) as Partial<GraphqlAnswer>;
  return { status: response.status, requestId: response.headers.get('x-request-id') ?? '', data, errors };
}

export async function testApp(
  settings: Record<string, string> = {},
  logTo?: { write(line: string): void },
): Promise<TestApp> {
  const database = await testDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'lineward-app-'));
  const installation = {
    DATABASE_URL: database.applicationUrl,
    LINEWARD_DATA_DIR: dataDir,
    PORT: '0',
    REGISTRY_PORT: '0',
    PRODUCE_PORT: '0',
    LOG_LEVEL: process.env.LOG_TESTS === '1' ? 'debug' : 'silent',
    LANDING_FLUSH_MS: '100',
    SWEEP_INTERVAL_MS: '200',
    // Brokers are shared: topics of other tests are nobody's business.
    TOPIC_RETENTION_SECONDS: '0',
    TOPIC_DISCOVERY_SECONDS: '0',
    ...settings,
  };
  const start = async (more: Record<string, string> = {}) => {
    const env = loadEnv({ ...installation, ...more });
    return startApp(env, createLogger(env.LOG_LEVEL, logTo));
  };
  let app = await start();
  const graphql = (query: string, variables: Record<string, unknown> = {}) =>
    postGraphql(app.urls.main, { query, variables });
  const refusals = async (query: string, variables?: Record<string, unknown>) => {
    const { data, errors } = await graphql(query, variables);
    if (errors.length > 0) throw new Error(`unexpected errors: ${JSON.stringify(errors)}`);
    return (Object.values(data)[0] as Data).userErrors;
  };
  return {
    get urls() {
      return app.urls;
    },
    em: database.em,
    lakeRoot: join(dataDir, 'lake'),
    settings: installation,
    graphql,
    refusals,
    async done(query, variables) {
      const { data, errors } = await graphql(query, variables);
      const refused = Object.values((data ?? {}) as Data).flatMap((value) => (value as Data)?.userErrors ?? []);
      if (errors.length > 0 || refused.length > 0) throw new Error(JSON.stringify([...errors, ...refused]));
      return data;
    },
    post: (path, body) => postJson(`${app.urls.main}${path}`, body),
    produce: (topic, body, format = 'json') =>
      postJson(`${app.urls.produce}/topics/${topic}`, body, `application/vnd.kafka.${format}.v2+json`),
    async restart(more) {
      await app.stop();
      app = await start(more);
    },
    async stop() {
      await app.stop();
      await database.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A `graphql-transport-ws` client; without `token` it sends none. */
export function webSocketClient(mainUrl: string, token?: string) {
  return createClient({
    url: `${mainUrl.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...(token === undefined ? {} : { connectionParams: { authorization: `Bearer ${token}` } }),
  });
}

/** Asks until `isThere` says yes; the test's own time limit ends it otherwise. */
export async function eventually<T>(ask: () => Promise<T>, isThere: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isThere(answer)) return answer;
    await sleep(50);
  }
}

export const register = `mutation ($input: RegisterEntityVersionInput!) {
  registerEntityVersion(input: $input) {
    clientMutationId
    userErrors { code message field }
    isNew
    entity { id fullName aliases catalogNamespace }
    version { id number label schemaId fingerprint createdBy document
      fields(first: 100) { totalCount nodes { id path type nullable required semanticType classifications doc } } }
  }
}`;

/** A document with fields of the given types; the shortest that registers. */
export function documentOf(
  name: string,
  fields: readonly Record<string, unknown>[] = [{ name: 'id', type: 'string' }],
  version = '1.0',
) {
  return {
    version,
    created_by: 'tester',
    namespace: 'Team',
    schema: { name, namespace: 'Demo', type: 'record', fields },
  };
}
