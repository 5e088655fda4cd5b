import { readFile } from 'node:fs/promises';
import Fastify from 'fastify';
import { buildASTSchema, execute, parse } from 'graphql';
import { Pool } from 'pg';
import { benchApp, closing, type OnClose } from './bench-app.ts';
import { type Bench, beside, measureInTurns } from './harness.ts';

const entities = 50;
const versions = 3;
const fields = 20;

const query = `{
  entities(first: ${entities}) {
    nodes {
      id namespace name catalogNamespace createdAt updatedAt
      versions(first: ${versions}) {
        nodes { id number schemaId label fingerprint createdBy createdAt
          fields(first: ${fields}) { nodes { id path type nullable required semanticType classifications doc } } }
      }
    }
  }
}`;

const statements = [
  'select * from entity order by namespace, name, id limit 50',
  'select * from entity_version where entity_id = any($1) order by entity_id, number desc',
  'select * from entity_field where version_id = any($1) order by version_id, ordinal',
] as const;

interface Row {
  readonly id: string;
  readonly [column: string]: unknown;
}

/** The same rows nested by hand: what the wire, PostgreSQL and JSON cost without any GraphQL. */
async function readRaw(pool: Pool): Promise<unknown> {
  const top = (await pool.query<Row>(statements[0])).rows;
  const middle = (await pool.query<Row>(statements[1], [top.map((row) => row.id)])).rows;
  const leaves = (await pool.query<Row>(statements[2], [middle.map((row) => row.id)])).rows;
  const fieldsOf = Map.groupBy(leaves, (row) => row.version_id);
  const versionsOf = Map.groupBy(middle, (row) => row.entity_id);
  return top.map((entity) => ({
    ...entity,
    versions: versionsOf
      .get(entity.id)
      ?.map(({ document: _, ...version }) => ({ ...version, fields: fieldsOf.get(version.id) })),
  }));
}

async function seed(url: string): Promise<void> {
  for (let entity = 0; entity < entities; entity += 1) {
    for (let version = 1; version <= versions; version += 1) {
      const document = {
        version: String(version),
        namespace: 'Bench',
        schema: {
          type: 'record',
          namespace: 'Bench',
          name: `Entity${entity}`,
          fields: Array.from({ length: fields }, (_, field) => ({
            name: `field_${field}`,
            type: 'string',
            twilio_type: field % 4 === 0 ? 'email' : 'opaque',
            doc: `v${version}`,
          })),
        },
      };
      const body = JSON.stringify({
        query: 'mutation ($input: RegisterEntityVersionInput!) { registerEntityVersion(input: $input) { isNew } }',
        variables: { input: { document } },
      });
      await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    }
  }
}

/**
 * The same document executed by graphql-js over the finished answer: the least that validating, walking and completing
 * some 27,000 fields costs, whatever stands behind them.
 */
async function executionOnly(url: string): Promise<() => Promise<void>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data } = (await response.json()) as { data: Record<string, unknown> };
  const schema = buildASTSchema(parse(await readFile(new URL('../schema.graphql', import.meta.url), 'utf8')));
  const document = parse(query);
  return async () => {
    JSON.stringify(execute({ schema, document, rootValue: data }));
  };
}

async function readPages(onClose: OnClose) {
  const { app, databaseUrl } = await benchApp(onClose, { LINEWARD_ROLES: 'api' });
  const pool = new Pool({ connectionString: databaseUrl });
  onClose(() => pool.end());
  const raw = Fastify();
  onClose(() => raw.close());
  raw.post('/raw', () => readRaw(pool));
  const rawUrl = `${await raw.listen({ host: '127.0.0.1', port: 0 })}/raw`;
  const url = `${app.urls.main}/graphql`;
  await seed(url);
  const rates = await measureInTurns({
    execution: await executionOnly(url),
    page: () => post(url, { query }),
    names: () => post(url, { query: '{ entities(first: 50) { nodes { id namespace name } } }' }),
    raw: () => post(rawUrl, {}),
  });
  return [
    beside(`${entities} entities × ${versions} versions × ${fields} fields`, rates.page, 'pages/s', {
      name: 'raw SQL, same rows',
      value: rates.raw,
    }),
    beside('of that, GraphQL execution alone', rates.execution, 'pages/s', {
      name: 'the page through HTTP',
      value: rates.page,
    }),
    { case: '50 entities without nesting', value: rates.names, unit: 'pages/s', reference: null, ratio: null },
  ];
}

async function post(to: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(to, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (response.status !== 200 || text.includes('"errors"')) throw new Error(text.slice(0, 500));
}

export const bench: Bench = {
  name: 'graphql-read',
  about: 'a nested page through GraphQL over HTTP, beside the same rows by raw SQL over the same kind of HTTP server',
  run: () => closing(readPages),
};
