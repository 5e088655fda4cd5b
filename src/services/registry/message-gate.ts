import type { SchemaName } from '../../domain/registry/framed-record.ts';
import type { EncodedMessage, MessageFault } from '../../domain/registry/message.ts';
import type { ParsedSchema, SchemaFormat } from '../../domain/registry/schema-format.ts';
import { defaultContext } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegistryReadModel } from './registry.read-model.ts';
import { parsedLimits, type SchemaStore } from './schema-store.ts';
import { WeighedCache } from './weighed-cache.ts';

/** A schema of the default context. */
export interface KnownSchema {
  readonly schemaId: number;
  /** The schema's name over all installations. */
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
  readonly #schemas = new WeighedCache<SchemaName, KnownSchema>(parsedLimits);

  constructor(deps: { readonly registry: RegistryReadModel; readonly schemaStore: SchemaStore }) {
    this.#registry = deps.registry;
    this.#store = deps.schemaStore;
  }

  /** The check of an entity's newest version, for a batch. @throws LinewardError NOT_FOUND */
  async checkFor(entityId: string): Promise<MessageCheck> {
    const version = await this.#registry.latestVersionOnly(entityId);
    if (version === null) throw new LinewardError('NOT_FOUND', 'the entity has no version');
    const { schemaId, schema, guid } = await this.schemaNamed(version.schemaId);
    return { schemaId, guid, faults: (message) => schema.messageFaults(message) };
  }

  /** What writes messages of a schema of the default context. @throws LinewardError SCHEMA_NOT_FOUND */
  async encoderOf(schemaId: number): Promise<MessageEncoder> {
    const { schema } = await this.schemaNamed(schemaId);
    return { schemaId, format: schema.format, encode: (message) => schema.encode(message) };
  }

  /** The schema that a record names. @throws LinewardError SCHEMA_NOT_FOUND */
  async schemaNamed(name: SchemaName): Promise<KnownSchema> {
    const found = this.#schemas.get(name);
    if (found !== undefined) return found;
    const stored =
      typeof name === 'number'
        ? await this.#store.byId(defaultContext, name)
        : await this.#store.byGuid(defaultContext, name);
    if (stored === null) throw new LinewardError('SCHEMA_NOT_FOUND');
    const known = { schemaId: stored.id, guid: stored.guid, schema: await this.#store.parsed(stored) };
    this.#schemas.set(name, known, stored.text.length);
    return known;
  }
}
