import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Selection } from '../../src/domain/governance/selection.ts';
import { newId } from '../../src/domain/id.ts';
import type { OperationWork, TargetEstimate, TargetPlace } from '../../src/domain/operations/target.ts';
import { DatasetSchema } from '../../src/entities/dataset.entity.ts';
import type { StreamKind } from '../../src/entities/stream.entity.ts';
import { PlacedRetentions } from '../../src/services/kafka/placed-retentions.ts';
import type { KafkaGateway, KafkaMessage } from '../../src/services/kafka/ports.ts';
import { StreamReadModel } from '../../src/services/kafka/stream.read-model.ts';
import { StreamActivity } from '../../src/services/kafka/stream-activity.ts';
import { StreamProgress } from '../../src/services/kafka/stream-progress.ts';
import { TopicExecutor, type TopicExecutorDeps } from '../../src/services/kafka/topic.executor.ts';
import type { ExecutionContext } from '../../src/services/operations/ports.ts';
import { scanAll } from './kafka.ts';
import { bareRecords } from './records.ts';

/** Namespace of the topics that tests put in the catalog. */
export const kafkaNamespace = 'kafka://test';

/** A topic in the catalog, with an entity mapped to it. */
export interface SeededTopic {
  readonly datasetId: string;
  readonly entityId: string;
}

export async function seedTopic(em: EntityManager, name: string, entityId = newId()): Promise<SeededTopic> {
  const datasetId = newId();
  const run = em.fork();
  await run.execute(
    `insert into entity (id, namespace, name, catalog_namespace, created_at, updated_at)
     values (?, 'Demo', ?, 'c', now(), now()) on conflict do nothing`,
    [entityId, `E${entityId.replaceAll('-', '')}`],
  );
  await run.execute('insert into dataset (id, namespace, name, created_at) values (?, ?, ?, now())', [
    datasetId,
    kafkaNamespace,
    name,
  ]);
  await run.execute(
    `insert into mapping (id, entity_id, dataset_id, role, account_field, subject_fields, created_at)
     values (?, ?, ?, 'TOPIC', 'account', '{user}', now())`,
    [newId(), entityId, datasetId],
  );
  return { datasetId, entityId };
}

/** A stream between topics of the catalog, as it is declared. */
export async function seedStream(
  em: EntityManager,
  stream: { readonly kind: StreamKind; readonly from: SeededTopic; readonly to: string },
): Promise<string> {
  const id = newId();
  await em.fork().execute(
    `insert into stream (id, kind, entity_id, source_dataset_id, target_dataset_id, state, state_since, created_at)
     values (?, ?, ?, ?, ?, 'RUNNING', now(), now())`,
    [id, stream.kind, stream.from.entityId, stream.from.datasetId, stream.to],
  );
  return id;
}

export interface SeededTarget {
  readonly operationId: string;
  readonly targetId: string;
}

/** A target on the topic, as the operations core would have made it; of an operation of its own, or of the one given. */
export async function seedTarget(em: EntityManager, topic: SeededTopic, operationId = newId()): Promise<SeededTarget> {
  const targetId = newId();
  await em.fork().transactional(async (run) => {
    // Nobody listens here, so the rows need not be announced.
    await run.execute("set local session_replication_role = 'replica'");
    await run.execute(
      `insert into operation (id, kind, status, input_digest, requested_by, created_at, updated_at)
       values (?, 'ERASURE', 'EXECUTING', '', 'tester', now(), now()) on conflict do nothing`,
      [operationId],
    );
    await run.execute(
      `insert into operation_target (id, operation_id, dataset_id, role, round, sequence, account_field, subject_fields,
                                     status, estimate, updated_at)
       values (?, ?, ?, 'TOPIC', (select count(*) + 1 from operation_target where operation_id = ?), 0, 'account',
               '{user}', 'EXECUTING', '{}', now())`,
      [targetId, operationId, topic.datasetId, operationId],
    );
  });
  return { operationId, targetId };
}

export async function placeOf(em: EntityManager, { datasetId }: SeededTopic, targetId = ''): Promise<TargetPlace> {
  const { name } = await em.fork().findOneOrFail(DatasetSchema, { id: datasetId });
  const keys = { accountField: 'account', subjectFields: ['user'] };
  return { targetId, datasetId, namespace: kafkaNamespace, name, role: 'TOPIC', ...keys };
}

export interface TopicRun extends SeededTarget {
  readonly topic: SeededTopic;
  readonly selection: Selection | (() => Selection);
  readonly work?: OperationWork;
  readonly planned?: TargetEstimate;
  readonly fencingToken?: number;
  readonly assertHeld?: () => Promise<void>;
}

const rewritten: TargetEstimate = {
  action: 'REWRITE',
  files: 0,
  bytes: 0,
  records: 0,
  seconds: 0,
  gaps: [],
  manifest: [],
};

export async function topicContext(em: EntityManager, run: TopicRun): Promise<ExecutionContext> {
  const selection = () => (typeof run.selection === 'function' ? run.selection() : run.selection);
  return {
    operationId: run.operationId,
    work: run.work ?? { kind: 'ERASURE', entityId: run.topic.entityId },
    planned: run.planned ?? rewritten,
    place: await placeOf(em, run.topic, run.targetId),
    lease: {
      resource: `dataset:${run.topic.datasetId}`,
      fencingToken: run.fencingToken ?? 1,
      assertHeld: run.assertHeld ?? (async () => undefined),
    },
    signal: new AbortController().signal,
    selectionNow: async () => selection(),
    requested: async () => ({ ...selection(), keep: [] }),
    report: async () => undefined,
  };
}

const refuse = async (): Promise<never> => {
  throw new Error('this test only erases');
};
/** For tests that only erase. */
export const untouched: TopicExecutorDeps['transformations'] = { PROTECTION: refuse, REWRAP: refuse };

/** The executor of topics over real parts. */
export function topicExecutor(
  em: EntityManager,
  kafka: KafkaGateway,
  more: Partial<TopicExecutorDeps> = {},
): TopicExecutor {
  const streams = new StreamReadModel({ em });
  const progress = new StreamProgress({ kafka, streams, activity: new StreamActivity({ em }) });
  const parts = { em, kafka, streams, progress, records: bareRecords, quietMs: 200, transformations: untouched };
  return new TopicExecutor({ ...parts, ...more });
}

/** Follows policies about topics. */
export const placedOf = (em: EntityManager, kafka: Pick<KafkaGateway, 'cluster'>): PlacedRetentions =>
  new PlacedRetentions({ em, kafka });

/** A record of a person, as JSON. */
export const recordOf = (account: string, user: string, n: number): string => JSON.stringify({ account, user, n });

/** `<partition>: <value>` of all messages, each partition in its order. */
export async function valuesIn(gateway: KafkaGateway, topic: string): Promise<Record<number, string[]>> {
  const byPartition = Map.groupBy(await scanAll(gateway, topic), ({ partition }) => partition);
  return Object.fromEntries(
    [...byPartition].map(([partition, all]) => [partition, all.map(({ value }) => String(value))]),
  );
}

/** Everything of a message but its place and the mark of its copy. */
export const contentOf = ({ key, value, timestamp, headers }: KafkaMessage) => {
  const { 'lineward-src-offset': _mark, ...others } = headers;
  return { key: key?.toString('base64') ?? null, value: value?.toString('base64') ?? null, timestamp, headers: others };
};

/** Files of a broker's log directory that hold a text. */
export async function filesWith(logDir: string, text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(logDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const bytes = entry.isFile() ? await readFile(path).catch(() => Buffer.alloc(0)) : Buffer.alloc(0);
    if (bytes.includes(text)) found.push(path);
  }
  return found;
}
