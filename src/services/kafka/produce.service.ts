import { setImmediate } from 'node:timers/promises';
import type { Actor } from '../../domain/access/actor.ts';
import { depthMax, isTooDeep } from '../../domain/registry/json-text.ts';
import type { SchemaFormat } from '../../domain/registry/schema-format.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { MessageEncoder, MessageGate } from '../registry/message-gate.ts';
import type { NamedSchema, RecordSchemas } from '../registry/record-schemas.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import type { KafkaGateway, OutgoingMessage, SendResult } from './ports.ts';
import { framedWriter, isAbsent, plainWriter, type RecordToProduce, type RecordWriter } from './record-writer.ts';
import type { NamedTopic, TopicNames } from './topic-names.ts';

export interface RecordsToProduce {
  readonly topic: string;
  /** Null for plain JSON without a frame; else the schema language of framed keys and values. */
  readonly format: SchemaFormat | null;
  readonly records: readonly RecordToProduce[];
  readonly keySchema: NamedSchema;
  readonly valueSchema: NamedSchema;
}

export interface ProducedRecords {
  readonly keySchemaId: number | null;
  readonly valueSchemaId: number;
  /** In the order of the records. */
  readonly results: readonly ProducedRecord[];
}

export type ProducedRecord =
  | { readonly ok: true; readonly partition: number; readonly offset: string }
  | {
      readonly ok: false;
      readonly kind: 'INVALID' | 'NO_PARTITION' | 'REFUSED' | 'UNAVAILABLE';
      readonly message: string;
    };

/** Most records of one request. */
const recordsMax = 10_000;
/** Most bytes of one request once written: defaults may make a message much longer than its JSON. */
const writtenBytesMax = 64 * 1024 * 1024;
/** Records that are written before other requests have their turn. */
const recordsAtOnce = 200;
const topicPattern = /^[\w.-]{1,249}$/;

/**
 * The compliance gate in front of the broker: only records that fit the entity mapped to the topic get in. One bad
 * record never takes the others with it.
 */
export class ProduceService {
  readonly #kafka: KafkaGateway;
  readonly #kafkaNamespace: string | null;
  readonly #registry: RegistryReadModel;
  readonly #gate: MessageGate;
  readonly #schemas: RecordSchemas;
  readonly #names: TopicNames;

  constructor(deps: {
    readonly kafka: KafkaGateway;
    readonly kafkaNamespace: string | null;
    readonly registry: RegistryReadModel;
    readonly gate: MessageGate;
    readonly recordSchemas: RecordSchemas;
    readonly names: TopicNames;
  }) {
    this.#kafka = deps.kafka;
    this.#kafkaNamespace = deps.kafkaNamespace;
    this.#registry = deps.registry;
    this.#gate = deps.gate;
    this.#schemas = deps.recordSchemas;
    this.#names = deps.names;
  }

  /**
   * @throws LinewardError KAFKA_NOT_CONFIGURED, TOPIC_NOT_MAPPED, LIMIT_EXCEEDED, KAFKA_UNAVAILABLE; KEY_SCHEMA_MISSING,
   * VALUE_SCHEMA_MISSING, SCHEMA_NOT_USABLE and what the registry says of the schemas that the request names.
   */
  async produce(actor: Actor, request: RecordsToProduce): Promise<ProducedRecords> {
    const { records } = request;
    if (records.length > recordsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `records: at most ${recordsMax} in one request`, { path: ['records'] });
    const topic = await this.#mapped(request.topic);
    const writer = await this.#writerFor(actor, request, topic.entityId);
    const written = await writeAll(writer, records);
    const messages = written.filter((message) => typeof message !== 'string');
    const sent =
      messages.length === 0 ? [] : await this.#names.writing(topic, (name) => this.#kafka.produce(name, messages));
    const answers = sent[Symbol.iterator]();
    const results = written.map((message): ProducedRecord => {
      if (typeof message === 'string') return { ok: false, kind: 'INVALID', message };
      return resultOf(answers.next().value);
    });
    return { keySchemaId: writer.keySchemaId, valueSchemaId: writer.valueSchemaId, results };
  }

  async #writerFor(actor: Actor, request: RecordsToProduce, entityId: string): Promise<RecordWriter> {
    const { format, topic, records } = request;
    if (format === null) return plainWriter(await this.#gate.checkFor(entityId));
    const ofTopic = { topic, format };
    const keyId = records.every(({ key }) => isAbsent(key))
      ? null
      : await this.#schemas.ofKeys(actor, ofTopic, request.keySchema);
    const keys = keyId === null ? null : await this.#encoderOf(keyId, format, 'SCHEMA_NOT_USABLE');
    const valueId = await this.#schemas.ofValues(actor, ofTopic, entityId, request.valueSchema);
    const code = isUnnamed(request.valueSchema) ? 'VALUE_SCHEMA_MISSING' : 'SCHEMA_NOT_USABLE';
    return framedWriter(keys, await this.#encoderOf(valueId, format, code));
  }

  /** The topic that an entity is mapped to. */
  async #mapped(name: string): Promise<NamedTopic & { readonly entityId: string }> {
    const namespace = this.#kafkaNamespace;
    if (namespace === null) throw new LinewardError('KAFKA_NOT_CONFIGURED');
    const topic = topicPattern.test(name) ? await this.#names.find({ namespace, name }) : null;
    const mapping = topic === null ? null : await this.#registry.mappingOf({ namespace, name: topic.name }, 'TOPIC');
    if (topic !== null && mapping !== null) return { ...topic, entityId: mapping.entityId };
    throw new LinewardError(
      'TOPIC_NOT_MAPPED',
      'No entity is mapped to this topic; call mapEntity or createStreamProtection first.',
    );
  }

  async #encoderOf(schemaId: number, format: SchemaFormat, code: ErrorCode): Promise<MessageEncoder> {
    const encoder = await this.#gate.encoderOf(schemaId);
    if (encoder.format === format) return encoder;
    throw new LinewardError(
      code,
      `The schema ${schemaId} is of the type ${encoder.format}, and the request is for records of the type ${format}.`,
    );
  }
}

function isUnnamed({ id, text, subject, version }: NamedSchema): boolean {
  return id === null && text === null && subject === null && version === null;
}

async function writeAll(
  writer: RecordWriter,
  records: readonly RecordToProduce[],
): Promise<readonly (OutgoingMessage | string)[]> {
  const written: (OutgoingMessage | string)[] = [];
  let bytes = 0;
  for (const record of records) {
    if (written.length % recordsAtOnce === recordsAtOnce - 1) await setImmediate();
    const message =
      bytes > writtenBytesMax ? `comes after ${writtenBytesMax} bytes of this request` : one(writer, record);
    if (typeof message !== 'string') bytes += (message.key?.length ?? 0) + (message.value?.length ?? 0);
    written.push(message);
  }
  return written;
}

function one(writer: RecordWriter, record: RecordToProduce): OutgoingMessage | string {
  const deep = (['key', 'value'] as const).find((part) => isTooDeep(record[part]));
  return deep === undefined ? writer.write(record) : `${deep} is nested deeper than ${depthMax} levels`;
}

function resultOf(answer: SendResult | undefined): ProducedRecord {
  if (answer?.ok) return answer;
  const kind =
    answer?.code === 'KAFKA_UNAVAILABLE' ? 'UNAVAILABLE' : answer?.code === 'NOT_FOUND' ? 'NO_PARTITION' : 'REFUSED';
  return { ok: false, kind, message: answer?.message ?? 'not answered' };
}
