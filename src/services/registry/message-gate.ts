import { AvroSchema } from '../../domain/registry/avro/avro-schema.ts';
import type { AvroRecord } from '../../domain/registry/avro/avro-type.ts';
import type { EncodedMessage, MessageFault } from '../../domain/registry/message.ts';
import type { ParsedSchema, SchemaFormat } from '../../domain/registry/schema-format.ts';
import { defaultContext } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegistryReadModel } from './registry.read-model.ts';
import { parsedLimits, type SchemaStore } from './schema-store.ts';
import { WeighedCache } from './weighed-cache.ts';

interface Gate {
  readonly guid: string;
  readonly schema: ParsedSchema;
}

/** A check over one version. */
export interface MessageCheck {
  readonly schemaId: number;
  /** The schema's name over all installations. */
  readonly guid: string;
  /** The faults of a message, none when it fits. */
  faults(message: unknown): readonly MessageFault[];
}

/** Writes messages of one schema. */
export interface MessageEncoder {
  readonly schemaId: number;
  readonly format: SchemaFormat;
  /** The payload of a message given as JSON, or its faults. */
  encode(message: unknown): EncodedMessage;
}

/** Checks messages against the newest version of their entity. Versions never change, so each is read once. */
export class MessageGate {
  readonly #registry: RegistryReadModel;
  readonly #store: SchemaStore;
  readonly #schemas = new WeighedCache<number, Gate>(parsedLimits);

  constructor(deps: { readonly registry: RegistryReadModel; readonly schemaStore: SchemaStore }) {
    this.#registry = deps.registry;
    this.#store = deps.schemaStore;
  }

  /** The check of an entity's newest version, for a batch. @throws LinewardError NOT_FOUND */
  async checkFor(entityId: string): Promise<MessageCheck> {
    const version = await this.#registry.latestVersionOnly(entityId);
    if (version === null) throw new LinewardError('NOT_FOUND', 'the entity has no version');
    const { schemaId } = version;
    const { schema, guid } = await this.#gateOf(schemaId);
    return { schemaId, guid, faults: (message) => schema.messageFaults(message) };
  }

  /** What writes messages of a schema of the default context. @throws LinewardError SCHEMA_NOT_FOUND */
  async encoderOf(schemaId: number): Promise<MessageEncoder> {
    const { schema } = await this.#gateOf(schemaId);
    return { schemaId, format: schema.format, encode: (message) => schema.encode(message) };
  }

  /** The record that an Avro schema of the default context describes; null for another schema, or none. */
  async avroRecord(schemaId: number): Promise<AvroRecord | null> {
    const { schema } = await this.#gateOf(schemaId);
    return schema instanceof AvroSchema && schema.root.kind === 'record' ? schema.root : null;
  }

  /** The check of a JSON Schema of the default context; null for another schema, or none. */
  async jsonCheck(schemaId: number): Promise<MessageCheck | null> {
    const { schema, guid } = await this.#gateOf(schemaId);
    return schema.format === 'JSON' ? { schemaId, guid, faults: (message) => schema.messageFaults(message) } : null;
  }

  async #gateOf(schemaId: number): Promise<Gate> {
    const known = this.#schemas.get(schemaId);
    if (known !== undefined) return known;
    const stored = await this.#store.byId(defaultContext, schemaId);
    if (stored === null) throw new LinewardError('SCHEMA_NOT_FOUND');
    const gate = { guid: stored.guid, schema: await this.#store.parsed(stored) };
    this.#schemas.set(schemaId, gate, stored.text.length);
    return gate;
  }
}
