import type { Residue } from '../../domain/operations/target.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import type { ProtectionReadModel } from './protection.read-model.ts';

/** Most places that are told; more are summed up. */
const toldMax = 1_000;

/** Where personal values lie that no key encrypts: a destroyed key leaves them as they are. */
export class UnencryptedPlaces {
  readonly #registry: RegistryReadModel;
  readonly #protection: ProtectionReadModel;

  constructor(deps: {
    readonly registry: RegistryReadModel;
    readonly protection: ProtectionReadModel;
  }) {
    this.#registry = deps.registry;
    this.#protection = deps.protection;
  }

  /** One per mapped dataset whose entity has such fields under the policies in force now. */
  async residues(): Promise<readonly Residue[]> {
    const ids = await this.#registry.allEntityIds();
    const places = await this.#registry.placesOf(ids);
    const told: Residue[] = [];
    for (const { mapping, dataset } of places) {
      const fields = unencrypted(await this.#protection.planOf(mapping.entityId, mapping));
      if (fields.length === 0) continue;
      const names = fields.slice(0, 20).join(', ') + (fields.length > 20 ? ' …' : '');
      const reason = `fields ${names} are not encrypted by the policies in force; an erasure is needed for them`;
      told.push({ dataset: `${dataset.namespace}/${dataset.name}`, reason, until: null });
      if (told.length >= toldMax) break;
    }
    const before =
      'values written before a policy said ENCRYPT are as they were written; an erasure is needed for them';
    return places.length === 0 ? told : [...told, { dataset: '*', reason: before, until: null }];
  }
}

function unencrypted(plan: ProtectionPlan): readonly string[] {
  const shown = plan.steps.filter(
    ({ action, isPersonal }) => isPersonal && action !== 'ENCRYPT' && action !== 'REMOVE',
  );
  return [...shown.map(({ path }) => path), ...plan.gaps];
}
