import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import { directNamespace, jobNameOf } from '../../domain/kafka/stream-name.ts';
import { DatasetSchema } from '../../entities/dataset.entity.ts';
import { type Stream, StreamSchema } from '../../entities/stream.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { LakeTableService } from '../lake/lake-table.service.ts';
import { columnsOfVersion, isTopLevel } from '../lake/table-columns.ts';
import { recordEdge } from '../lineage/lineage.service.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { datasetIn, mapEntityIn } from '../registry/registry.service.ts';
import type { KafkaGateway } from './ports.ts';
import type { TopicNames } from './topic-names.ts';

export interface CreateStreamProtection {
  readonly entityId: string;
  readonly sourceTopic: string;
  readonly targetTopic: string;
  readonly accountField: string;
  readonly subjectFields: readonly string[];
  /** Partitions of topics that have to be made. */
  readonly partitions: number;
}

export interface CreateLakeLanding {
  readonly entityId: string;
  /** Null: records come by HTTP instead of a topic. */
  readonly sourceTopic: string | null;
  readonly area: string;
  readonly dateField: string;
  readonly accountField: string;
  readonly subjectFields: readonly string[];
}

export interface StreamServiceDeps {
  readonly em: EntityManager;
  readonly kafka: KafkaGateway;
  readonly names: Pick<TopicNames, 'find'>;
  readonly kafkaNamespace: string | null;
  readonly registry: RegistryReadModel;
  readonly lakeTables: LakeTableService;
  readonly lakeNamespace: string;
}

/** Kafka takes 249; the rest is for the dead-letter topic beside it. */
const topicPattern = /^[A-Za-z0-9._-]{1,237}$/;

/**
 * Settings of topics the product makes. Compaction lets an erasure replace a record by a tombstone; segments roll and
 * are cleaned soon, so that what was replaced leaves the disk within hours.
 */
const topicConfig = {
  'cleanup.policy': 'compact,delete',
  'retention.ms': String(7 * 24 * 3_600_000),
  'segment.ms': String(3_600_000),
  'max.compaction.lag.ms': String(3_600_000),
  'delete.retention.ms': String(24 * 3_600_000),
} as const;

/** Declares continuous movements of data: what the consumer role runs, what lineage shows, what an erasure follows. */
export class StreamService {
  readonly #deps: StreamServiceDeps;

  constructor(deps: StreamServiceDeps) {
    this.#deps = deps;
  }

  /** Records of `sourceTopic` go to `targetTopic` under the entity's protection policies. Makes missing topics. */
  async createStreamProtection(actor: Actor, input: CreateStreamProtection): Promise<Stream> {
    const namespace = this.#kafkaNamespace();
    for (const [name, topic] of Object.entries({ sourceTopic: input.sourceTopic, targetTopic: input.targetTopic }))
      assertTopic(topic, name);
    if (input.sourceTopic === input.targetTopic) {
      throw new LinewardError('BAD_INPUT', 'targetTopic: must be another topic than sourceTopic', {
        path: ['targetTopic'],
      });
    }
    if (!Number.isInteger(input.partitions) || input.partitions < 1 || input.partitions > 1_000) {
      throw new LinewardError('BAD_INPUT', 'partitions: must be between 1 and 1000', { path: ['partitions'] });
    }
    const partitions = await this.#ensureTopic(input.sourceTopic, input.partitions);
    const room = await this.#ensureTopic(input.targetTopic, partitions);
    if (room < partitions) {
      throw new LinewardError(
        'BAD_INPUT',
        `targetTopic: has ${room} partition(s), and sourceTopic ${partitions}; messages keep their partition, so add partitions or name another topic`,
        { path: ['targetTopic'] },
      );
    }
    return this.#deps.em.fork().transactional(async (tx) => {
      const keys = {
        entityId: input.entityId,
        role: 'TOPIC' as const,
        accountField: input.accountField,
        subjectFields: input.subjectFields,
      };
      const source = await mapEntityIn(tx, { ...keys, dataset: { namespace, name: input.sourceTopic } });
      if (source.mapping.protectOnProduce)
        throw new LinewardError(
          'MAPPING_IN_USE',
          'sourceTopic: the produce API protects its records already; switch that off by setProduceGate, or let readers read this topic',
          { path: ['sourceTopic'] },
        );
      const target = await mapEntityIn(tx, { ...keys, dataset: { namespace, name: input.targetTopic } });
      return this.#addStream(tx, actor, {
        kind: 'PROTECTION',
        entityId: input.entityId,
        sourceDatasetId: source.dataset.id,
        targetDatasetId: target.dataset.id,
      });
    });
  }

  /** Records of `sourceTopic`, or of the HTTP intake, land in a lake table by day of `dateField`. Makes the table. */
  async createLakeLanding(actor: Actor, input: CreateLakeLanding): Promise<Stream> {
    const [entity] = await this.#deps.registry.entitiesById([input.entityId]);
    const latest = await this.#deps.registry.latestVersion(input.entityId);
    if (entity === undefined || latest === null)
      throw new LinewardError('NOT_FOUND', 'entityId: there is no such entity', { path: ['entityId'] });
    if (!latest.fields.some(({ path }) => path === input.dateField && isTopLevel(path))) {
      throw new LinewardError('MAPPING_INVALID', 'dateField: the latest version has no top-level field of that name', {
        path: ['dateField'],
      });
    }
    const columns = columnsOfVersion(latest.fields, [input.accountField, ...input.subjectFields]);
    return this.#deps.em.fork().transactional(async (tx) => {
      const source = await this.#landingSource(tx, input, `${entity.namespace}.${entity.name}`);
      const table = await this.#deps.lakeTables.ensureTableIn(tx, {
        area: input.area,
        entityName: `${entity.namespace}.${entity.name}`,
        version: { major: latest.version.number, minor: 0 },
        dateField: input.dateField,
        columns,
        namespace: this.#deps.lakeNamespace,
      });
      const dataset = await tx.findOneOrFail(DatasetSchema, { id: table.datasetId });
      await mapEntityIn(tx, {
        entityId: input.entityId,
        dataset: { namespace: dataset.namespace, name: dataset.name },
        role: 'LAKE_TABLE',
        accountField: input.accountField,
        subjectFields: input.subjectFields,
      });
      return this.#addStream(tx, actor, {
        kind: 'LANDING',
        entityId: input.entityId,
        sourceDatasetId: source,
        targetDatasetId: dataset.id,
      });
    });
  }

  /** A paused stream stops at the next batch boundary and goes on there when it is resumed. */
  async setStreamState(actor: Actor, input: { readonly id: string; readonly state: Stream['state'] }): Promise<Stream> {
    return this.#deps.em.fork().transactional(async (tx) => {
      const stream = await tx.findOne(StreamSchema, { id: input.id });
      if (stream === null) throw new LinewardError('NOT_FOUND', 'id: there is no such stream', { path: ['id'] });
      stream.state = input.state;
      audit(tx, actor, {
        action: 'setStreamState',
        resourceType: 'Stream',
        resourceId: stream.id,
        details: { state: input.state },
      });
      return stream;
    });
  }

  /** Answers the partitions of the topic, which is made when there is none of that name, now or formerly. */
  async #ensureTopic(topic: string, partitions: number): Promise<number> {
    const known = await this.#deps.names.find({ namespace: this.#kafkaNamespace(), name: topic });
    const name = known?.name ?? topic;
    await this.#deps.kafka.ensureTopic({ name, partitions, config: topicConfig });
    return (await this.#deps.kafka.describeTopic(name))?.partitions ?? partitions;
  }

  #kafkaNamespace(): string {
    if (this.#deps.kafkaNamespace === null) throw new LinewardError('KAFKA_NOT_CONFIGURED');
    return this.#deps.kafkaNamespace;
  }

  async #landingSource(tx: EntityManager, input: CreateLakeLanding, entityName: string): Promise<string> {
    if (input.sourceTopic === null)
      return (await datasetIn(tx, { namespace: directNamespace, name: `intake/${entityName}` })).id;
    assertTopic(input.sourceTopic, 'sourceTopic');
    return (await datasetIn(tx, { namespace: this.#kafkaNamespace(), name: input.sourceTopic })).id;
  }

  async #addStream(
    tx: EntityManager,
    actor: Actor,
    facts: Pick<Stream, 'kind' | 'entityId' | 'sourceDatasetId' | 'targetDatasetId'>,
  ): Promise<Stream> {
    const known = await tx.findOne(StreamSchema, {
      sourceDatasetId: facts.sourceDatasetId,
      targetDatasetId: facts.targetDatasetId,
    });
    if (known !== null) return known;
    const stream = tx.create(StreamSchema, { id: newId(), state: 'RUNNING', createdAt: new Date(), ...facts });
    await tx.persist(stream).flush();
    await recordEdge(tx, {
      sourceDatasetId: facts.sourceDatasetId,
      targetDatasetId: facts.targetDatasetId,
      job: jobNameOf(stream),
    });
    audit(tx, actor, {
      action: facts.kind === 'PROTECTION' ? 'createStreamProtection' : 'createLakeLanding',
      resourceType: 'Stream',
      resourceId: stream.id,
      details: {
        entityId: facts.entityId,
        sourceDatasetId: facts.sourceDatasetId,
        targetDatasetId: facts.targetDatasetId,
      },
    });
    return stream;
  }
}

function assertTopic(topic: string, path: string): void {
  if (!topicPattern.test(topic) || topic === '.' || topic === '..') {
    throw new LinewardError('BAD_INPUT', `${path}: a topic name has 1 to 237 letters, digits, ".", "_" or "-"`, {
      path: [path],
    });
  }
}
