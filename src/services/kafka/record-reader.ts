import { isRecord, jsonObject, type RecordContent, type RecordFault } from '../../domain/kafka/record-content.ts';
import {
  beginsLikeJson,
  type FramedRecord,
  frameContent,
  framedRecord,
  type SchemaName,
} from '../../domain/registry/framed-record.ts';
import type { ParsedSchema } from '../../domain/registry/schema-format.ts';
import { schemaIdHeaders } from '../../domain/registry/wire-format.ts';
import { toLinewardError } from '../../errors/lineward-error.ts';
import type { MessageGate } from '../registry/message-gate.ts';
import type { KafkaMessage } from './ports.ts';

/** Most schemas that one pass remembers; whoever writes to a topic may make ids up. */
const schemasMax = 1_000;

/** How a record stands in a value. The payload is the end of the value; what is before it names the schema. */
export type RecordForm =
  | { readonly kind: 'JSON'; readonly payload: Uint8Array }
  | {
      readonly kind: 'ENCODED';
      readonly payload: Uint8Array;
      readonly schema: ParsedSchema;
      readonly schemaName: SchemaName;
      /** Null where the schema is not Protobuf. */
      readonly messageIndexes: readonly number[] | null;
    };

/** A record with its form, or why the value says nothing. */
export type ReadValue =
  | { readonly ok: true; readonly record: RecordContent; readonly form: RecordForm }
  | { readonly ok: false; readonly fault: RecordFault };

/** Reads the values of topics, whether they are bare JSON or name a schema of the registry. */
export class RecordReader {
  readonly #gate: Pick<MessageGate, 'schemaNamed'>;

  constructor(deps: { readonly gate: Pick<MessageGate, 'schemaNamed'> }) {
    this.#gate = deps.gate;
  }

  /** A pass over messages, in which each schema is looked up once; what is not registered now may be so in the next. */
  pass(): RecordPass {
    return new RecordPass(this.#gate);
  }
}

export class RecordPass {
  readonly #gate: Pick<MessageGate, 'schemaNamed'>;
  readonly #schemas = new Map<SchemaName, ParsedSchema | null>();

  constructor(gate: Pick<MessageGate, 'schemaNamed'>) {
    this.#gate = gate;
  }

  /** Bare JSON at once: a promise for each record would take as long as reading it. Rejects only when the registry cannot be asked. */
  read(value: Buffer, headers: KafkaMessage['headers']): ReadValue | Promise<ReadValue> {
    const bare = beginsLikeJson(value) ? jsonObject(value) : null;
    return bare === null
      ? this.#readFramed(value, headers)
      : { ok: true, record: bare, form: { kind: 'JSON', payload: value } };
  }

  async #readFramed(value: Buffer, headers: KafkaMessage['headers']): Promise<ReadValue> {
    const framed = framedRecord(value, headers[schemaIdHeaders.value]);
    if (framed === null) return { ok: false, fault: { kind: 'NOT_JSON' } };
    const schema = await this.#schemaOf(framed.schema);
    if (schema === null) return { ok: false, fault: { kind: 'SCHEMA_UNKNOWN', schema: framed.schema } };
    return decoded(schema, framed) ?? { ok: false, fault: { kind: 'MISFIT', schema: framed.schema } };
  }

  async #schemaOf(name: SchemaName): Promise<ParsedSchema | null> {
    const known = this.#schemas.get(name);
    if (known !== undefined) return known;
    const found = await this.#lookUp(name);
    if (this.#schemas.size >= schemasMax) this.#schemas.clear();
    this.#schemas.set(name, found);
    return found;
  }

  async #lookUp(name: SchemaName): Promise<ParsedSchema | null> {
    try {
      return (await this.#gate.schemaNamed(name)).schema;
    } catch (error) {
      const { code } = toLinewardError(error);
      if (code === 'SCHEMA_NOT_FOUND' || code === 'SCHEMA_INVALID') return null;
      throw error;
    }
  }
}

/** Null for bytes that are no record of the schema. */
function decoded(schema: ParsedSchema, framed: FramedRecord): ReadValue | null {
  try {
    const { messageIndexes, payload } = frameContent(framed, schema.format === 'PROTOBUF');
    const record = schema.decode(payload, messageIndexes);
    if (!isRecord(record)) return null;
    if (schema.format === 'JSON') return { ok: true, record, form: { kind: 'JSON', payload } };
    return { ok: true, record, form: { kind: 'ENCODED', payload, schema, schemaName: framed.schema, messageIndexes } };
  } catch (error) {
    const { code } = toLinewardError(error);
    if (code === 'VALUE_INVALID' || code === 'MESSAGE_INVALID') return null;
    throw error;
  }
}
