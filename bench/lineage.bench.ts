import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded-postgres.ts';
import { openDatabase } from '../src/adapters/postgres/orm.ts';
import { createLogger } from '../src/adapters/telemetry/logger.ts';
import { startApp } from '../src/app.ts';
import { loadEnv } from '../src/config/env.ts';
import { newId } from '../src/domain/id.ts';
import { DatasetFieldReadModel } from '../src/services/lineage/dataset-field.read-model.ts';
import { LabelReadModel } from '../src/services/lineage/label.read-model.ts';
import { LineageReadModel } from '../src/services/lineage/lineage.read-model.ts';
import { LineageGraphs } from '../src/services/lineage/lineage-graphs.ts';
import { SemanticTypeReadModel } from '../src/services/privacy/semantic-type.read-model.ts';
import { type Bench, beside, measureInTurns } from './harness.ts';
import { batchOf, seedGraph } from './lineage-data.ts';

const batchEvents = 1_000;
const rounds = 3;

async function run() {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    return await measured((close) => closers.push(close));
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function measured(onClose: (close: () => Promise<unknown>) => void) {
  const dataDir = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
  onClose(() => rm(dataDir, { recursive: true, force: true }));
  const postgres = await startEmbeddedPostgres(dataDir);
  onClose(() => postgres.stop());
  const env = loadEnv({
    LINEWARD_DATA_DIR: dataDir,
    DATABASE_URL: postgres.url,
    PORT: '0',
    REGISTRY_PORT: '0',
    PRODUCE_PORT: '0',
    LOG_LEVEL: 'silent',
    LINEWARD_ROLES: 'api',
  });
  const app = await startApp(env, createLogger('silent'));
  onClose(() => app.stop());
  const database = await openDatabase(postgres.url);
  onClose(() => database.close());
  const pool = new Pool({ connectionString: postgres.url });
  onClose(() => pool.end());
  const taken = await ingest(app.urls.main, pool);
  await pool.query('truncate dataset, lineage_event, lineage_job cascade');
  const { em } = database;
  return [...taken, ...(await walks(app.urls.main, pool, em)), ...(await spreads(pool, em))];
}

/** Batches of runs of 200 jobs, each with schemas and columns, beside a bare insert of the same texts into the same table. */
async function ingest(url: string, pool: Pool) {
  let round = 0;
  const insert = `insert into lineage_event (id, digest, kind, event_time, body)
    select id, digest, 'RUN', now(), body from json_to_recordset($1) as given (id text, digest text, body text)`;
  const rates = await measureInTurns(
    {
      batch: async () => {
        round += 1;
        const body = JSON.stringify(batchOf(round, batchEvents));
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(`${url}/api/v1/lineage/batch`, { method: 'POST', headers, body });
        if (response.status !== 204) throw new Error(await response.text());
      },
      raw: async () => {
        round += 1;
        const rows = batchOf(round, batchEvents).map((event) => ({
          id: newId(),
          digest: newId(),
          body: JSON.stringify(event),
        }));
        await pool.query(insert, [JSON.stringify(rows)]);
      },
    },
    rounds,
  );
  return [
    beside('ingest in batches of 1,000', rates.batch * batchEvents, 'events/s', {
      name: 'bare INSERT of the same texts',
      value: rates.raw * batchEvents,
    }),
  ];
}

const closure = `with recursive reach (id) as (
    select $1::text union
    select target_dataset_id from reach join lineage_edge on source_dataset_id = reach.id and valid_to is null
  ) select count(*) from reach`;

async function walks(url: string, pool: Pool, em: Awaited<ReturnType<typeof openDatabase>>['em']) {
  const { datasetId } = await seedGraph(pool, { layers: 40, width: 500, inputs: 2 });
  const lineage = new LineageReadModel({ em, graphs: new LineageGraphs({ em }) });
  const limits = { startDatasetId: datasetId, direction: 'DOWNSTREAM', maxDepth: 50, maxNodes: 10_000 } as const;
  const { nodes, steps, complete } = await lineage.walk(limits);
  const query = `{ lineage(start: "${Buffer.from(`Dataset:${datasetId}`).toString('base64url')}", direction: DOWNSTREAM,
    maxDepth: 50, maxNodes: 10000) { complete nodes { depth } } }`;
  const rates = await measureInTurns(
    {
      walk: () => lineage.walk(limits),
      graphql: async () => {
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
        const text = await response.text();
        if (text.includes('"errors"')) throw new Error(text.slice(0, 500));
      },
      raw: () => pool.query(closure, [datasetId]),
    },
    rounds,
  );
  const reference = { name: 'recursive SQL, ids only', value: rates.raw };
  const about = `20,000 jobs, 40,000 edges; ${nodes.length} datasets, ${steps.length} edges${complete ? '' : ' (cut)'}`;
  return [
    beside(`walk: ${about}`, rates.walk, 'walks/s', reference),
    beside('the same through GraphQL, depths only', rates.graphql, 'walks/s', reference),
  ];
}

const columnClosure = `with recursive reach (id) as (
    select $1::text union
    select target_field_id from reach join column_edge on source_field_id = reach.id and valid_to is null and kind = 'DIRECT' and not masking
  ) select count(*) from reach`;

async function spreads(pool: Pool, em: Awaited<ReturnType<typeof openDatabase>>['em']) {
  await pool.query('truncate dataset, lineage_event, lineage_job cascade');
  const { fieldId } = await seedGraph(pool, { layers: 100, width: 500, inputs: 2 });
  await pool.query(
    `insert into dataset_field_label (field_id, classifications, set_by, set_at) values ($1, '{PII}', 'bench', now())`,
    [fieldId],
  );
  const labels = new LabelReadModel({
    em,
    graphs: new LineageGraphs({ em }),
    datasetFields: new DatasetFieldReadModel({ em }),
    semanticTypes: new SemanticTypeReadModel({ em }),
  });
  const found = await labels.spread({ classification: 'PII' });
  const rates = await measureInTurns(
    {
      spread: () => labels.spread({ classification: 'PII' }),
      raw: () => pool.query(columnClosure, [fieldId]),
    },
    rounds,
  );
  const about = `one label over 100,000 column edges; ${found.labels.length} fields${found.complete ? '' : ' (cut)'}`;
  return [beside(about, rates.spread, 'answers/s', { name: 'recursive SQL, ids only', value: rates.raw })];
}

export const bench: Bench = {
  name: 'lineage',
  about: 'ingest beside a bare insert, walks and labels beside the bare recursive SQL',
  run,
};
