import { join } from 'node:path';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Pool } from 'pg';
import { openDatabase } from '../src/adapters/postgres/orm.ts';
import { createLogger } from '../src/adapters/telemetry/logger.ts';
import { startApp } from '../src/app.ts';
import { loadEnv } from '../src/config/env.ts';
import { auditEvent } from '../src/services/audit/audit.service.ts';
import { AuditBatches } from '../src/services/audit/audit-batches.ts';
import { actor } from './crypto-parts.ts';
import { type BenchCase, beside, measureInTurns } from './harness.ts';

const rows = 1_000;
const hidden = 100;
const page = 100;
const openCatalog = 'bench_open';
const rootToken = 'token-of-the-bench';

/** A database for each of its two roles; others are made beside it. */
export interface BenchServer {
  readonly ownerUrl: string;
  readonly applicationUrl: string;
  readonly dataDir: string;
}
type OnClose = (close: () => Promise<unknown>) => void;
type Ask = (query: string, variables?: object) => Promise<Record<string, { [field: string]: unknown }>>;

const named = (url: string, name: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;

/** What a policy that hides costs who reads, and what the role that owns nothing costs who writes. */
export async function accessCases(server: BenchServer): Promise<readonly BenchCase[]> {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const onClose: OnClose = (close) => closers.push(close);
    return [...(await readingCases(server, onClose)), ...(await roleCases(server, onClose))];
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function readingCases(server: BenchServer, onClose: OnClose): Promise<readonly BenchCase[]> {
  const open = await catalog(server, openCatalog, {}, onClose);
  const governed = await catalog(server, 'bench_governed', { LINEWARD_API_TOKEN: rootToken }, onClose);
  const root = asking(governed, rootToken);
  await root(
    `mutation ($rule: AccessRuleInput!) {
    createAccessPolicy(input: { name: "payroll", reason: "bench", rule: $rule }) { accessPolicy { id } userErrors { message } } }`,
    {
      rule: { effect: 'DENY', actions: ['DISCOVER'], roles: ['viewer'], names: ['payroll*'] },
    },
  );
  const { createApiToken } = await root(
    `mutation { createApiToken(input: { name: "ann", roles: [viewer] }) { secret userErrors { message } } }`,
  );
  const viewer = asking(governed, String(createApiToken?.secret));
  const rates = await measureInTurns({
    none: () => readAll(asking(open), rows + hidden),
    root: () => readAll(root, rows + hidden),
    policy: () => readAll(viewer, rows),
  });
  const millisecondsOf = (rate: number, count: number): number => (rows * 1_000) / (rate * count);
  const reference = { name: 'no authentication, no policies', value: millisecondsOf(rates.none, rows + hidden) };
  return [
    beside('1,000 rows x 5 fields, by a token', millisecondsOf(rates.root, rows + hidden), 'ms', reference),
    beside('1,000 rows x 5 fields, some hidden by a policy', millisecondsOf(rates.policy, rows), 'ms', reference),
  ];
}

/** The address of a service over a database of its own, with entities of which some are of payroll. */
async function catalog(server: BenchServer, name: string, settings: object, onClose: OnClose): Promise<string> {
  const pool = new Pool({ connectionString: server.ownerUrl });
  await pool.query(`create database ${name}`);
  await pool.end();
  const env = loadEnv({
    LINEWARD_DATA_DIR: join(server.dataDir, name),
    DATABASE_URL: named(server.applicationUrl, name),
    DATABASE_MIGRATION_URL: named(server.ownerUrl, name),
    ...{ PORT: '0', REGISTRY_PORT: '0', PRODUCE_PORT: '0', LOG_LEVEL: 'silent', LINEWARD_ROLES: 'api' },
    ...settings,
  });
  const app = await startApp(env, createLogger('silent'));
  onClose(() => app.stop());
  const owner = new Pool({ connectionString: named(server.ownerUrl, name) });
  // The server may stop before a connection that is ended is gone.
  owner.on('error', () => undefined);
  onClose(() => owner.end());
  await owner.query(
    `insert into entity (id, namespace, name, catalog_namespace, created_at, updated_at)
     select 'E' || n, 'bench', case when n % $1 = 0 then 'payroll' else 'name' end || n, 'bench', now(), now()
     from generate_series(1, $2::int) n`,
    [(rows + hidden) / hidden, rows + hidden],
  );
  await owner.query('analyze');
  return app.urls.main;
}

function asking(url: string, token?: string): Ask {
  const login = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return async (query, variables = {}) => {
    const headers = { 'content-type': 'application/json', ...login };
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, variables }),
    });
    const text = await response.text();
    if (text.includes('"errors"') || text.includes('"message"')) throw new Error(text.slice(0, 500));
    return (JSON.parse(text) as { data: Record<string, { [field: string]: unknown }> }).data;
  };
}

const pageQuery = `query ($after: String) { entities(first: ${page}, after: $after) {
  nodes { id namespace name createdAt updatedAt } pageInfo { hasNextPage endCursor } } }`;

async function readAll(ask: Ask, expected: number): Promise<void> {
  let [found, after]: [number, string | null] = [0, null];
  do {
    const { entities } = (await ask(pageQuery, { after })) as unknown as {
      entities: { nodes: unknown[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    };
    found += entities.nodes.length;
    after = entities.pageInfo.hasNextPage ? entities.pageInfo.endCursor : null;
  } while (after !== null);
  if (found !== expected) throw new Error(`${found} rows instead of ${expected}`);
}

const event = () =>
  auditEvent(actor, { action: 'registerSchema', resourceType: 'SubjectVersion', resourceId: 'subject/1' });

/** The same statements by both roles: what grants and row-level security cost. */
async function roleCases(server: BenchServer, onClose: OnClose): Promise<readonly BenchCase[]> {
  // Of the service above, which has migrated it: what is written here is not to be sealed by the cases that follow.
  const [ownerUrl, url] = [named(server.ownerUrl, openCatalog), named(server.applicationUrl, openCatalog)];
  const [owner, application] = await Promise.all([openDatabase(ownerUrl), openDatabase(url)]);
  for (const { close } of [owner, application]) onClose(close);
  const lookUp = (em: EntityManager) => () => em.fork().execute('select id from api_token where digest = ?', ['none']);
  const write = (em: EntityManager) => {
    const events = new AuditBatches({ em });
    return () => events.write(Array.from({ length: 100 }, event));
  };
  const rates = await measureInTurns({
    lookUp: lookUp(application.em),
    lookUpByOwner: lookUp(owner.em),
    write: write(application.em),
    writeByOwner: write(owner.em),
  });
  const byOwner = (value: number) => ({ name: 'by the owner, whom row-level security passes over', value });
  return [
    beside('look up a token by the role of the service', rates.lookUp, '/s', byOwner(rates.lookUpByOwner)),
    beside('write 100 audit events by the role of the service', rates.write, '/s', byOwner(rates.writeByOwner)),
  ];
}
