import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EntityManager } from '@mikro-orm/postgresql';
import { LocalNotary } from '../../src/adapters/keys/local/local-notary.ts';
import { DuckdbEngine } from '../../src/adapters/lake/duckdb/duckdb-engine.ts';
import { DuckdbTransformEngine } from '../../src/adapters/lake/duckdb/duckdb-transform-engine.ts';
import { LocalLakeStore } from '../../src/adapters/store/local/local-store.ts';
import { newId } from '../../src/domain/id.ts';
import { TransformRunSchema } from '../../src/entities/transform-run.entity.ts';
import type { JobScheduler } from '../../src/jobs/kit.ts';
import type { KafkaGateway, KafkaMessage } from '../../src/services/kafka/ports.ts';
import { RecordReader } from '../../src/services/kafka/record-reader.ts';
import type { LakeStore } from '../../src/services/lake/ports.ts';
import { SubjectIndex } from '../../src/services/lake/subject-index.ts';
import { LineageIngestService } from '../../src/services/lineage/lineage-ingest.service.ts';
import { LeaseService } from '../../src/services/operations/lease.service.ts';
import { RegistryReadModel } from '../../src/services/registry/registry.read-model.ts';
import { SearchEntries } from '../../src/services/registry/search-entries.ts';
import type { TransformEngine } from '../../src/services/transform/ports.ts';
import { RunLineage } from '../../src/services/transform/run-lineage.ts';
import type { SourceRights } from '../../src/services/transform/source-rights.ts';
import { TransformRunService } from '../../src/services/transform/transform-run.service.ts';
import { TransformRunner } from '../../src/services/transform/transform-runner.ts';
import { TransformerService } from '../../src/services/transform/transformer.service.ts';
import { TransformerFacts } from '../../src/services/transform/transformer-facts.ts';
import { quietLogger, tester } from './actor.ts';
import { type Row, rowsOfFile } from './transform.ts';

const topic = 'messages';
const kafkaNamespace = 'kafka://here';
const columns = ['message_id', 'account_sid', 'date_created', 'date_updated', 'to', 'segments'];

/** A topic of one partition that is an array: what is read is the same each time. */
export function topicOf(rows: readonly (Row & { readonly writtenAt?: number })[]): KafkaGateway {
  const messages = rows.map(({ writtenAt = 0, ...row }, index): KafkaMessage => {
    return {
      partition: 0,
      offset: String(index),
      timestamp: String(writtenAt),
      key: null,
      value: Buffer.from(JSON.stringify(row)),
      headers: {},
    };
  });
  const gateway: Pick<KafkaGateway, 'offsets' | 'scan'> = {
    offsets: async () => [{ partition: 0, earliest: '0', latest: String(messages.length) }],
    scan: async (_topic, each, _signal, within) => {
      const [from, to] = [Number(within?.from?.get(0) ?? 0), Number(within?.to?.get(0) ?? messages.length)];
      for (const message of messages.slice(from, to)) await each(message);
    },
  };
  return gateway as KafkaGateway;
}

export interface RunWraps {
  readonly kafka: KafkaGateway;
  readonly store?: (store: LakeStore) => LakeStore;
  readonly engine?: (engine: TransformEngine) => TransformEngine;
}

/** The services that run transformers, on a database and a directory. */
export async function runParts(em: EntityManager, root: string, wraps: RunWraps) {
  await mkdir(join(root, 'lake'), { recursive: true });
  const local = new LocalLakeStore({ root: join(root, 'lake') });
  const options = { memoryLimitMb: 128, threads: 2, timeoutMs: 60_000, tempDir: join(root, 'tmp') };
  const own = new DuckdbTransformEngine(options);
  const lakeEngine = new DuckdbEngine(options);
  const [store, engine] = [wraps.store?.(local) ?? local, wraps.engine?.(own) ?? own];
  const notary = await LocalNotary.open(join(root, 'keys'));
  const index = new SubjectIndex({ em, store: local, engine: lakeEngine, notary, logger: quietLogger });
  const registry = new RegistryReadModel({ em, searchEntries: new SearchEntries({ em }) });
  const facts = new TransformerFacts({ em, registry, store, kafkaNamespace });
  const nothing: JobScheduler = { enqueue: async () => undefined, stateOf: async () => 'WAITING' };
  const unused = undefined as never;
  // Who may read what is asked where there are actors of all sorts: through HTTP.
  const rights: Pick<SourceRights, 'check' | 'assertNewest' | 'assertStill'> = {
    check: (_actor, given, { isNew }) => facts.check(given, { isNew }),
    assertNewest: async () => undefined,
    assertStill: async () => undefined,
  };
  const leases = new LeaseService({ em, logger: quietLogger, ttlMs: 1_000 });
  const runner = new TransformRunner({
    ...{ em, store, engine, index, notary, facts, rights, leases, kafkaNamespace },
    kafka: wraps.kafka,
    logger: quietLogger,
    records: new RecordReader({ gate: unused }),
    policies: unused,
    protection: unused,
    lineage: new RunLineage({ em, ingest: new LineageIngestService({ em }), logger: quietLogger }),
  });
  return {
    leases,
    notary,
    runner,
    runs: new TransformRunService({ em, scheduler: nothing, logger: quietLogger, rights }),
    service: new TransformerService({ em, store, rights }),
    async close() {
      await Promise.all([own.close(), lakeEngine.close()]);
    },
  };
}
export type RunParts = Awaited<ReturnType<typeof runParts>>;

/** An entity with one version of text fields and a number, and a topic that is mapped to it. */
export async function mappedTopic(
  em: EntityManager,
  more: readonly string[] = [],
): Promise<{ readonly entityId: string; readonly name: string }> {
  const [entityId, versionId, datasetId] = [newId(), newId(), newId()];
  const name = `T${entityId.replaceAll('-', '')}`;
  const run = em.fork();
  await run.execute(
    `insert into entity (id, namespace, name, catalog_namespace, created_at, updated_at) values (?, 'Demo', ?, 'c', now(), now())`,
    [entityId, name],
  );
  const [schema] = await run.execute<{ id: number }[]>(
    `insert into schema (context, id, guid, format, text, identity, text_identity)
     select '.', 1 + coalesce(max(id), 0), ?, 'AVRO', '"string"', ?, ? from schema returning id`,
    [versionId, versionId, versionId],
  );
  await run.execute(
    `insert into entity_version (id, entity_id, number, schema_id, document, label, fingerprint, created_by, created_at)
     values (?, ?, 1, ?, '{}', '1', 'f', 'tester', now())`,
    [versionId, entityId, schema?.id],
  );
  for (const [ordinal, path] of [...columns, ...more].entries())
    await run.execute(
      `insert into entity_field (id, version_id, ordinal, path, type, nullable, required, classifications, tags)
       values (?, ?, ?, ?, ?, true, false, '{}', '{}')`,
      [newId(), versionId, ordinal, path, path === 'segments' ? 'long' : 'string'],
    );
  await run.execute('update entity set latest_version_id = ? where id = ?', [versionId, entityId]);
  await run.execute('insert into dataset (id, namespace, name, created_at) values (?, ?, ?, now())', [
    datasetId,
    kafkaNamespace,
    `${topic}-${name}`,
  ]);
  await run.execute(
    `insert into mapping (id, entity_id, dataset_id, role, account_field, subject_fields, created_at)
     values (?, ?, ?, 'TOPIC', 'account_sid', '{to}', now())`,
    [newId(), entityId, datasetId],
  );
  return { entityId, name };
}

/** Dates that are to be in UTC, as all sources here have them. */
export const localized = { transforms: [{ type: 'localizeDates', fields: ['date_created'] }] } as const;
export const topicSource = (name: string) => ({ topic: `${topic}-${name}`, ...localized });

export interface RunDocument {
  readonly sources?: readonly object[];
  /** Another name and path than those of the entity. */
  readonly as?: string;
  readonly merge?: object;
  readonly resource?: object;
}

/** A document over that topic, with sums, so that nothing may be counted twice. */
export function documentOf(name: string, { sources, as = name, merge, resource }: RunDocument = {}): string {
  const document = {
    name: as,
    sources: sources ?? [topicSource(name)],
    key: ['message_id'],
    merge: {
      strategy: 'deduplicate',
      fields: [{ name: 'date_updated', compare: 'strings', direction: 'asc' }],
      combine: [{ name: 'segments', with: 'sum' }],
      ...merge,
    },
    resource: {
      format: 'parquet',
      path: `data/${as}`,
      indexing: [{ type: 'daily', date: 'date_created' }],
      schema: { namespace: 'Demo', entity: name, version: 1 },
      ...resource,
    },
  };
  return JSON.stringify(document);
}

export async function transformerOf({ service }: RunParts, name: string, more: RunDocument = {}) {
  const { transformer, version } = await service.create(tester, { document: documentOf(name, more), orders: {} });
  return {
    transformerId: transformer.id,
    versionId: version.id,
    datasetId: version.datasetId,
    location: `data/${more.as ?? name}`,
  };
}

/** Runs it to its end, as tasks would that follow each other. */
export async function ran(em: EntityManager, { runner }: RunParts, runId: string) {
  for (;;) {
    await runner.run(runId, { signal: new AbortController().signal, report: async () => undefined });
    const run = await em.fork().findOneOrFail(TransformRunSchema, { id: runId });
    if (run.finishedAt != null) return run;
  }
}

/** All rows by folder, in the order of the key. */
export async function tableRows(root: string, location: string): Promise<Record<string, Row[]>> {
  const store = new LocalLakeStore({ root: join(root, 'lake') });
  const found: Record<string, Row[]> = {};
  for (const { path } of await store.list(location)) {
    const folder = path.slice(location.length + 1, path.lastIndexOf('/'));
    found[folder] = [...(found[folder] ?? []), ...(await rowsOfFile(join(root, 'lake', path), 'parquet'))];
  }
  for (const rows of Object.values(found)) rows.sort((a, b) => (String(a.message_id) < String(b.message_id) ? -1 : 1));
  return Object.fromEntries(Object.entries(found).sort());
}

export async function runRoot(): Promise<{ readonly root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'lineward-runs-'));
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}
