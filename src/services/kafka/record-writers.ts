import type { Actor } from '../../domain/access/actor.ts';
import type { SchemaFormat } from '../../domain/registry/schema-format.ts';
import { schemaIdHeaders } from '../../domain/registry/wire-format.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { MessageEncoder, MessageGate } from '../registry/message-gate.ts';
import type { NamedSchema, RecordSchemas } from '../registry/record-schemas.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { GivenBytes } from './given-bytes.ts';
import {
  bytesKeys,
  framedParts,
  isAbsent,
  jsonKeys,
  jsonValues,
  type PartWriter,
  type RecordEncoding,
  type RecordToProduce,
} from './record-writer.ts';

export interface EncodedRecords {
  readonly topic: string;
  readonly keys: RecordEncoding;
  readonly values: RecordEncoding;
  readonly records: readonly RecordToProduce[];
}

/** Finds what writes the records of a request, so that each is checked by a version of the entity mapped to the topic. */
export class RecordWriters {
  readonly #gate: MessageGate;
  readonly #schemas: RecordSchemas;
  readonly #registry: RegistryReadModel;

  constructor(deps: {
    readonly gate: MessageGate;
    readonly recordSchemas: RecordSchemas;
    readonly registry: RegistryReadModel;
  }) {
    this.#gate = deps.gate;
    this.#schemas = deps.recordSchemas;
    this.#registry = deps.registry;
  }

  /** Null when no record has a key. @throws LinewardError KEY_SCHEMA_MISSING, SCHEMA_NOT_USABLE, … */
  async ofKeys(actor: Actor, { topic, keys, records }: EncodedRecords): Promise<PartWriter | null> {
    if (records.every(({ key }) => isAbsent(key))) return null;
    if (keys.kind === 'JSON') return jsonKeys;
    if (keys.kind !== 'SCHEMA') return bytesKeys(keys.kind);
    const id = await this.#schemas.ofKeys(actor, { topic, format: keys.format }, keys.schema);
    return framedParts(await this.#encoderOf(id, keys.format, 'SCHEMA_NOT_USABLE'), schemaIdHeaders.key);
  }

  /** @throws LinewardError VALUE_SCHEMA_MISSING, SCHEMA_NOT_USABLE, … */
  async ofValues(actor: Actor, { topic, values }: EncodedRecords, entityId: string): Promise<PartWriter> {
    if (values.kind === 'JSON') return jsonValues(await this.#gate.checkFor(entityId));
    if (values.kind !== 'SCHEMA') {
      const check = await this.#gate.checkFor(entityId);
      return new GivenBytes({ kind: values.kind, entityId, check, gate: this.#gate, registry: this.#registry });
    }
    const { format, schema } = values;
    const id = await this.#schemas.ofValues(actor, { topic, format }, entityId, schema);
    const code = isUnnamed(schema) ? 'VALUE_SCHEMA_MISSING' : 'SCHEMA_NOT_USABLE';
    return framedParts(await this.#encoderOf(id, format, code), schemaIdHeaders.value);
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
