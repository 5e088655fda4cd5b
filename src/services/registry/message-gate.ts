import type { MessageFault } from '../../domain/registry/message.ts';
import type { ParsedSchema } from '../../domain/registry/schema-format.ts';
import { defaultContext } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegistryReadModel } from './registry.read-model.ts';
import type { SchemaStore } from './schema-store.ts';

const versionsKept = 1_000;

/** Checks messages against the newest version of their entity. Versions never change, so each is read once. */
export class MessageGate {
  readonly #registry: RegistryReadModel;
  readonly #store: SchemaStore;
  readonly #schemas = new Map<number, ParsedSchema>();

  constructor(deps: { readonly registry: RegistryReadModel; readonly schemaStore: SchemaStore }) {
    this.#registry = deps.registry;
    this.#store = deps.schemaStore;
  }

  /** A check over one version for a batch: answers the faults of a message, none when it fits. */
  async checkFor(
    entityId: string,
  ): Promise<{ readonly schemaId: number; faults(message: unknown): readonly MessageFault[] }> {
    const version = await this.#registry.latestVersionOnly(entityId);
    if (version === null) throw new LinewardError('NOT_FOUND', 'the entity has no version');
    const { schemaId } = version;
    const schema = await this.#schemaOf(schemaId);
    return { schemaId, faults: (message) => schema.messageFaults(message) };
  }

  async #schemaOf(schemaId: number): Promise<ParsedSchema> {
    const known = this.#schemas.get(schemaId);
    if (known !== undefined) return known;
    const stored = await this.#store.byId(defaultContext, schemaId);
    if (stored === null) throw new LinewardError('SCHEMA_NOT_FOUND');
    const schema = await this.#store.parsed(stored);
    if (this.#schemas.size >= versionsKept) this.#schemas.clear();
    this.#schemas.set(schemaId, schema);
    return schema;
  }
}
