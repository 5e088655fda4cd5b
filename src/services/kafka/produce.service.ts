import { setImmediate } from 'node:timers/promises';
import type { Actor } from '../../domain/access/actor.ts';
import { UntaggedValues } from '../../domain/privacy/untagged-values.ts';
import { depthMax, isTooDeep } from '../../domain/registry/json-text.ts';
import { faultsText } from '../../domain/registry/message.ts';
import type { Mapping } from '../../entities/dataset.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import type { KafkaGateway, KafkaMessage, OutgoingMessage, SendResult } from './ports.ts';
import type { MessageProtection } from './protect-messages.ts';
import type { RecordReader } from './record-reader.ts';
import { messageOf, type RecordToProduce } from './record-writer.ts';
import type { EncodedRecords, RecordWriters } from './record-writers.ts';
import type { NamedTopic, TopicNames } from './topic-names.ts';

export interface ProducedRecords {
  readonly keySchemaId: number | null;
  /** Null for values that are given as bytes. */
  readonly valueSchemaId: number | null;
  /** In the order of the records. */
  readonly results: readonly ProducedRecord[];
}

export type ProducedRecord =
  | {
      readonly ok: true;
      readonly partition: number;
      readonly offset: string;
      /** Bytes as written; null where there is none. */
      readonly keySize: number | null;
      readonly valueSize: number | null;
    }
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
  readonly #writers: RecordWriters;
  readonly #protection: MessageProtection;
  readonly #records: RecordReader;
  readonly #names: TopicNames;

  constructor(deps: {
    readonly kafka: KafkaGateway;
    readonly kafkaNamespace: string | null;
    readonly registry: RegistryReadModel;
    readonly recordWriters: RecordWriters;
    readonly messageProtection: MessageProtection;
    readonly records: RecordReader;
    readonly names: TopicNames;
  }) {
    this.#kafka = deps.kafka;
    this.#kafkaNamespace = deps.kafkaNamespace;
    this.#registry = deps.registry;
    this.#writers = deps.recordWriters;
    this.#protection = deps.messageProtection;
    this.#records = deps.records;
    this.#names = deps.names;
  }

  /**
   * @throws LinewardError KAFKA_NOT_CONFIGURED, TOPIC_NOT_MAPPED, LIMIT_EXCEEDED, KAFKA_UNAVAILABLE; KEY_SCHEMA_MISSING,
   * VALUE_SCHEMA_MISSING, SCHEMA_NOT_USABLE and what the registry says of the schemas that the request names.
   */
  async produce(actor: Actor, request: EncodedRecords): Promise<ProducedRecords> {
    const { records } = request;
    if (records.length > recordsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `records: at most ${recordsMax} in one request`, { path: ['records'] });
    const { topic, mapping } = await this.#mapped(request.topic);
    const keys = await this.#writers.ofKeys(actor, request);
    const values = await this.#writers.ofValues(actor, request, mapping.entityId);
    const written = await this.#guarded(mapping, values.schemaId, await writeAll(records, { keys, values }));
    const messages = written.filter((message) => typeof message !== 'string');
    const sent =
      messages.length === 0 ? [] : await this.#names.writing(topic, (name) => this.#kafka.produce(name, messages));
    const answers = sent[Symbol.iterator]();
    const results = written.map((message): ProducedRecord => {
      if (typeof message === 'string') return { ok: false, kind: 'INVALID', message };
      return resultOf(message, answers.next().value);
    });
    return { keySchemaId: keys?.schemaId ?? null, valueSchemaId: values.schemaId, results };
  }

  /** What may go to Kafka, as the mapping has it. */
  async #guarded(mapping: Mapping, schemaId: number | null, written: Written): Promise<Written> {
    const tagged = mapping.refuseUntagged ? await this.#withoutUntagged(mapping, schemaId, written) : written;
    return mapping.protectOnProduce ? this.#protected(mapping, tagged) : tagged;
  }

  async #withoutUntagged({ entityId }: Mapping, schemaId: number | null, written: Written): Promise<Written> {
    const version = await this.#registry.latestVersion(entityId, schemaId);
    const untagged = new UntaggedValues(version?.fields ?? []);
    const pass = this.#records.pass();
    return Promise.all(
      written.map(async (message) => {
        if (typeof message === 'string') return message;
        const { value, headers } = asRead(message);
        if (value === null) return message;
        const read = await pass.read(value, headers);
        const faults = read.ok ? untagged.in(read.record) : [{ path: '(message)', message: 'cannot be read back' }];
        return faults.length > 0 ? faultsText(faults) : message;
      }),
    );
  }

  async #protected(mapping: Mapping, written: Written): Promise<Written> {
    const messages = written.filter((message) => typeof message !== 'string');
    // A value that is an envelope already was sealed by the sender, who may have the right to.
    const answers = await this.#protection.answers(mapping, messages.map(asRead), { keepSealed: true });
    const answersInOrder = answers[Symbol.iterator]();
    return written.map((message) => {
      if (typeof message === 'string') return message;
      const answer = answersInOrder.next().value;
      if (message.value === null) return message;
      return answer?.ok ? { ...message, value: answer.value } : `cannot be protected: ${answer?.code}`;
    });
  }

  /** A topic with the mapping that says what it holds. */
  async #mapped(name: string): Promise<{ readonly topic: NamedTopic; readonly mapping: Mapping }> {
    const namespace = this.#kafkaNamespace;
    if (namespace === null) throw new LinewardError('KAFKA_NOT_CONFIGURED');
    const topic = topicPattern.test(name) ? await this.#names.find({ namespace, name }) : null;
    const mapping = topic === null ? null : await this.#registry.mappingOf({ namespace, name: topic.name }, 'TOPIC');
    if (topic !== null && mapping !== null) return { topic, mapping };
    throw topicNotMapped();
  }
}

export const topicNotMapped = (): LinewardError =>
  new LinewardError(
    'TOPIC_NOT_MAPPED',
    'No entity is mapped to this topic; call mapEntity or createStreamProtection first.',
  );

/** Messages, and for records that do not fit, why. */
type Written = readonly (OutgoingMessage | string)[];

async function writeAll(
  records: readonly RecordToProduce[],
  writers: Parameters<typeof messageOf>[1],
): Promise<Written> {
  const written: (OutgoingMessage | string)[] = [];
  let bytes = 0;
  for (const record of records) {
    if (written.length % recordsAtOnce === recordsAtOnce - 1) await setImmediate();
    const message =
      bytes > writtenBytesMax ? `comes after ${writtenBytesMax} bytes of this request` : await one(record, writers);
    if (typeof message !== 'string') bytes += (message.key?.length ?? 0) + (message.value?.length ?? 0);
    written.push(message);
  }
  return written;
}

async function one(
  record: RecordToProduce,
  writers: Parameters<typeof messageOf>[1],
): Promise<OutgoingMessage | string> {
  const deep = (['key', 'value'] as const).find((part) => isTooDeep(record[part]));
  return deep === undefined ? messageOf(record, writers) : `${deep} is nested deeper than ${depthMax} levels`;
}

/** A message as it will be read. */
function asRead({ key, value, headers }: OutgoingMessage): KafkaMessage {
  const buffers = Object.entries(headers ?? {}).map(([name, header]) => [name, Buffer.from(header)] as const);
  return {
    ...{ partition: 0, offset: '0', timestamp: '0' },
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.fromEntries(buffers),
  };
}

function resultOf({ key, value }: OutgoingMessage, answer: SendResult | undefined): ProducedRecord {
  if (answer?.ok) return { ...answer, keySize: sizeOf(key), valueSize: sizeOf(value) };
  const kind =
    answer?.code === 'KAFKA_UNAVAILABLE' ? 'UNAVAILABLE' : answer?.code === 'NOT_FOUND' ? 'NO_PARTITION' : 'REFUSED';
  return { ok: false, kind, message: answer?.message ?? 'not answered' };
}

function sizeOf(part: string | Buffer | null): number | null {
  return part === null ? null : Buffer.byteLength(part);
}
