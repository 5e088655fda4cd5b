import { faultsText, type MessageFault } from '../../domain/registry/message.ts';
import { guidHeader, schemaIdHeaders } from '../../domain/registry/wire-format.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { MessageGate } from '../registry/message-gate.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import type { KafkaGateway } from './ports.ts';

export interface RecordToProduce {
  readonly key?: unknown;
  readonly value: unknown;
  readonly partition?: number | undefined;
}

export type ProducedRecord =
  | { readonly ok: true; readonly partition: number; readonly offset: string }
  | { readonly ok: false; readonly kind: 'INVALID' | 'REFUSED' | 'UNAVAILABLE'; readonly message: string };

/** Most records of one request. */
const recordsMax = 10_000;

/**
 * The compliance gate in front of the broker: only records that fit the entity mapped to the topic get in. One bad
 * record never takes the others with it.
 */
export class ProduceService {
  readonly #kafka: KafkaGateway;
  readonly #kafkaNamespace: string | null;
  readonly #registry: RegistryReadModel;
  readonly #gate: MessageGate;

  constructor(deps: {
    readonly kafka: KafkaGateway;
    readonly kafkaNamespace: string | null;
    readonly registry: RegistryReadModel;
    readonly gate: MessageGate;
  }) {
    this.#kafka = deps.kafka;
    this.#kafkaNamespace = deps.kafkaNamespace;
    this.#registry = deps.registry;
    this.#gate = deps.gate;
  }

  /** @throws LinewardError KAFKA_NOT_CONFIGURED, TOPIC_NOT_MAPPED, LIMIT_EXCEEDED, KAFKA_UNAVAILABLE. */
  async produce(
    topic: string,
    records: readonly RecordToProduce[],
  ): Promise<{ schemaId: number; results: readonly ProducedRecord[] }> {
    if (this.#kafkaNamespace === null) throw new LinewardError('KAFKA_NOT_CONFIGURED');
    if (records.length > recordsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `records: at most ${recordsMax} in one request`, { path: ['records'] });
    // The database refuses to look for a text with U+0000.
    const mapping = topic.includes('\0')
      ? null
      : await this.#registry.mappingOf({ namespace: this.#kafkaNamespace, name: topic }, 'TOPIC');
    if (mapping === null) {
      throw new LinewardError(
        'TOPIC_NOT_MAPPED',
        'No entity is mapped to this topic; call mapEntity or createStreamProtection first.',
      );
    }
    const check = await this.#gate.checkFor(mapping.entityId);
    const results: ProducedRecord[] = records.map((record) => refusalOf(check.faults(record.value)) ?? pending);
    const accepted = records.flatMap((record, index) => (results[index] === pending ? [{ record, index }] : []));
    // Clients that read the header find the schema without a prefix in the payload, which stays plain JSON.
    const headers = { [schemaIdHeaders.value]: Buffer.from(guidHeader(check.guid)) };
    const sent =
      accepted.length === 0
        ? []
        : await this.#kafka.produce(
            topic,
            accepted.map(({ record }) => ({ ...encode(record), headers })),
          );
    accepted.forEach(({ index }, position) => {
      const answer = sent[position];
      results[index] =
        answer === undefined || !answer.ok
          ? {
              ok: false,
              kind: answer?.code === 'KAFKA_UNAVAILABLE' ? 'UNAVAILABLE' : 'REFUSED',
              message: answer?.message ?? 'not answered',
            }
          : answer;
    });
    return { schemaId: check.schemaId, results };
  }
}

const pending: ProducedRecord = { ok: false, kind: 'UNAVAILABLE', message: 'not sent' };

function refusalOf(faults: readonly MessageFault[]): ProducedRecord | null {
  if (faults.length === 0) return null;
  return { ok: false, kind: 'INVALID', message: faultsText(faults) };
}

function encode(record: RecordToProduce) {
  const key =
    record.key === undefined || record.key === null
      ? null
      : typeof record.key === 'string'
        ? record.key
        : JSON.stringify(record.key);
  return { key, value: JSON.stringify(record.value), partition: record.partition };
}
