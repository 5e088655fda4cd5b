import { isRecord, jsonObject } from '../../domain/kafka/record-content.ts';
import { beginsLikeJson, frameContent, framedRecord, type SchemaName } from '../../domain/registry/framed-record.ts';
import { depthMax, isTooDeep } from '../../domain/registry/json-text.ts';
import type { ParsedSchema } from '../../domain/registry/schema-format.ts';
import { schemaIdHeaders } from '../../domain/registry/wire-format.ts';
import { toLinewardError } from '../../errors/lineward-error.ts';
import type { MessageCheck, MessageGate } from '../registry/message-gate.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { bytesOf, type PartWriter, type RecordToProduce, type WrittenPart } from './record-writer.ts';

/** Message of a Protobuf file that the entity describes. */
const firstMessage = '0';

/**
 * Values that are given as bytes, for one request. Only what can be read is let in: the JSON of a record that fits the entity's
 * newest version, or a record that names one of the entity's schemas and is data of it. They go on as they are.
 */
export class GivenBytes implements PartWriter {
  readonly schemaId = null;
  readonly #kind: 'STRING' | 'BINARY';
  readonly #entityId: string;
  readonly #check: MessageCheck;
  readonly #gate: MessageGate;
  readonly #registry: RegistryReadModel;
  readonly #schemas = new Map<SchemaName, ParsedSchema | null>();

  constructor(deps: {
    readonly kind: 'STRING' | 'BINARY';
    readonly entityId: string;
    readonly check: MessageCheck;
    readonly gate: MessageGate;
    readonly registry: RegistryReadModel;
  }) {
    this.#kind = deps.kind;
    this.#entityId = deps.entityId;
    this.#check = deps.check;
    this.#gate = deps.gate;
    this.#registry = deps.registry;
  }

  async write(given: unknown, headers: RecordToProduce['headers']): Promise<WrittenPart> {
    const read = bytesOf(this.#kind, given);
    if (!read.ok) return read;
    const { bytes } = read;
    const bare = beginsLikeJson(bytes) ? jsonObject(bytes) : null;
    if (bare !== null) {
      if (isTooDeep(bare)) return refused(`is nested deeper than ${depthMax} levels`);
      const faults = this.#check.faults(JSON.parse(bytes.toString('utf8')));
      return faults.length > 0 ? { ok: false, faults } : read;
    }
    const framed = framedRecord(bytes, headers?.[schemaIdHeaders.value]);
    if (framed === null) return refused('is neither the JSON of a record nor names a schema of the registry');
    const schema = await this.#schemaOf(framed.schema);
    if (schema === null) return refused(`names the schema ${framed.schema}, which is no version of the mapped entity`);
    try {
      const { messageIndexes, payload } = frameContent(framed, schema.format === 'PROTOBUF');
      const isDescribed = messageIndexes === null || messageIndexes.join() === firstMessage;
      if (isDescribed && isRecord(schema.decode(payload, messageIndexes))) return read;
    } catch (error) {
      if (!['VALUE_INVALID', 'MESSAGE_INVALID'].includes(toLinewardError(error).code)) throw error;
    }
    return refused(`is no record of the schema ${framed.schema}`);
  }

  async #schemaOf(name: SchemaName): Promise<ParsedSchema | null> {
    const known = this.#schemas.get(name);
    if (known !== undefined) return known;
    const found = await this.#lookUp(name);
    this.#schemas.set(name, found);
    return found;
  }

  async #lookUp(name: SchemaName): Promise<ParsedSchema | null> {
    try {
      const { schemaId, schema } = await this.#gate.schemaNamed(name);
      return (await this.#registry.versionOfSchema(this.#entityId, schemaId)) === null ? null : schema;
    } catch (error) {
      if (['SCHEMA_NOT_FOUND', 'SCHEMA_INVALID'].includes(toLinewardError(error).code)) return null;
      throw error;
    }
  }
}

function refused(message: string): WrittenPart {
  return { ok: false, faults: [{ path: '(message)', message }] };
}
