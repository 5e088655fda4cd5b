import { isRecord, jsonObject, type ReadRecord } from '../../domain/kafka/record-content.ts';
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

  /** Rejects only when the registry cannot be asked. */
  async read(value: Buffer, headers: KafkaMessage['headers']): Promise<ReadRecord> {
    const bare = beginsLikeJson(value) ? jsonObject(value) : null;
    if (bare !== null) return { ok: true, record: bare };
    const framed = framedRecord(value, headers[schemaIdHeaders.value]);
    if (framed === null) return { ok: false, fault: { kind: 'NOT_JSON' } };
    const schema = await this.#schemaOf(framed.schema);
    if (schema === null) return { ok: false, fault: { kind: 'SCHEMA_UNKNOWN', schema: framed.schema } };
    const record = decoded(schema, framed);
    return isRecord(record) ? { ok: true, record } : { ok: false, fault: { kind: 'MISFIT', schema: framed.schema } };
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

function decoded(schema: ParsedSchema, framed: FramedRecord): unknown {
  try {
    const { messageIndexes, payload } = frameContent(framed, schema.format === 'PROTOBUF');
    return schema.decode(payload, messageIndexes);
  } catch (error) {
    const { code } = toLinewardError(error);
    if (code === 'VALUE_INVALID' || code === 'MESSAGE_INVALID') return null;
    throw error;
  }
}
