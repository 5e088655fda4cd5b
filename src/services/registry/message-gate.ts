import { semanticTypeOf, semanticTypes } from '../../domain/privacy/semantic-type.ts';
import { type MessageFault, messageFaults } from '../../domain/registry/message.ts';
import { readSchemaDocument, type SchemaDocument } from '../../domain/registry/schema-document.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegistryReadModel } from './registry.read-model.ts';

const versionsKept = 1_000;

/** Checks messages against the newest version of their entity. Versions never change, so each is read once. */
export class MessageGate {
  readonly #registry: RegistryReadModel;
  readonly #documents = new Map<string, SchemaDocument>();

  constructor(deps: { readonly registry: RegistryReadModel }) {
    this.#registry = deps.registry;
  }

  /** A check over one version for a batch: answers the faults of a message, none when it fits. */
  async checkFor(
    entityId: string,
  ): Promise<{ readonly schemaId: number; faults(message: unknown): readonly MessageFault[] }> {
    const version = await this.#registry.latestVersionOnly(entityId);
    if (version === null) throw new LinewardError('NOT_FOUND', 'the entity has no version');
    let document = this.#documents.get(version.id);
    if (document === undefined) {
      document = readSchemaDocument(JSON.parse(version.document), {
        names: semanticTypes.map((type) => type.name),
        find: semanticTypeOf,
      });
      if (this.#documents.size >= versionsKept) this.#documents.clear();
      this.#documents.set(version.id, document);
    }
    const { root } = document;
    return { schemaId: version.schemaId, faults: (message) => messageFaults(root, message) };
  }
}
