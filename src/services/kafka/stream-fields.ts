import type { CarriedField } from '../../domain/lineage/stream-event.ts';
import type { EntityField } from '../../entities/entity-version.entity.ts';
import type { StreamKind } from '../../entities/stream.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ProtectionReadModel } from '../privacy/protection.read-model.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';

/** What a stream carries, and into what. */
export interface CarriedRecords {
  readonly kind: StreamKind;
  readonly entityId: string;
  /** Of the lake table that they go into; null where it is a topic. */
  readonly columns: readonly { readonly name: string; readonly type: string }[] | null;
}

/** Which fields streams carry, and what becomes of their values under the policies in force. */
export class StreamFields {
  readonly #registry: Pick<RegistryReadModel, 'latestVersion'>;
  readonly #policies: Pick<ProtectionReadModel, 'planOf'>;

  constructor(deps: {
    readonly registry: Pick<RegistryReadModel, 'latestVersion'>;
    readonly policies: Pick<ProtectionReadModel, 'planOf'>;
  }) {
    this.#registry = deps.registry;
    this.#policies = deps.policies;
  }

  /** @throws LinewardError NOT_FOUND for an entity without a version */
  async of({ kind, entityId, columns }: CarriedRecords): Promise<readonly CarriedField[]> {
    if (kind === 'LANDING')
      return (columns ?? []).map(({ name, type }) => ({ path: name, type, becomes: 'SAME' as const }));
    const latest = await this.#registry.latestVersion(entityId);
    if (latest === null) throw new LinewardError('NOT_FOUND', 'the entity has no version');
    return protectedFields(latest.fields, await this.#maskedPaths(entityId));
  }

  async #maskedPaths(entityId: string): Promise<ReadonlySet<string>> {
    const { steps } = await this.#policies.planOf(entityId, { accountField: null });
    return new Set(steps.filter(({ action }) => action !== 'NONE').map(({ path }) => path));
  }
}

const protectedFields = (fields: readonly EntityField[], masked: ReadonlySet<string>): readonly CarriedField[] =>
  fields.map(({ path, type }) => ({ path, type, becomes: masked.has(path) ? 'MASKED' : 'SAME' }));
