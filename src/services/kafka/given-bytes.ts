import { isRecord, jsonObject } from '../../domain/kafka/record-content.ts';
import { beginsLikeJson, frameContent, framedRecord, type SchemaName } from '../../domain/registry/framed-record.ts';
import { depthMax, isTooDeep, repeatsKeys } from '../../domain/registry/json-text.ts';
import type { MessageFault } from '../../domain/registry/message.ts';
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
    if (bare !== null) return jsonFaults(bytes, bare, (record) => this.#check.faults(record)) ?? read;
    const framed = framedRecord(bytes, headers?.[schemaIdHeaders.value]);
    if (framed === null) return refused('is neither the JSON of a record nor names a schema of the registry');
    const schema = await this.#schemaOf(framed.schema);
    if (schema === null) return refused(`names the schema ${framed.schema}, which is no version of the mapped entity`);
    try {
      const { messageIndexes, payload } = frameContent(framed, schema.format === 'PROTOBUF');
      const isDescribed = messageIndexes === null || messageIndexes.join() === firstMessage;
      const record = isDescribed ? schema.decode(payload, messageIndexes) : null;
      if (isRecord(record) && schema.format !== 'JSON') return read;
      if (isRecord(record)) return jsonFaults(payload, record, (given) => schema.messageFaults(given)) ?? read;
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

/** Why JSON that goes on as it stands is not let in; null when it is. `record` is what a reader makes of it. */
function jsonFaults(
  bytes: Uint8Array,
  record: unknown,
  check: (record: unknown) => readonly MessageFault[],
): WrittenPart | null {
  if (isTooDeep(record)) return refused(`is nested deeper than ${depthMax} levels`);
  const text = Buffer.from(bytes).toString('utf8');
  // Which of the two counts is the reader's choice, and only one of them would be looked at.
  if (repeatsKeys(text, record)) return refused('has a key twice in one object');
  const faults = check(JSON.parse(text));
  return faults.length > 0 ? { ok: false, faults } : null;
}

function refused(message: string): WrittenPart {
  return { ok: false, faults: [{ path: '(message)', message }] };
}
