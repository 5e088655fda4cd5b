import { AccessPolicies, noPolicies } from '../../domain/access/access-decision.ts';
import type { AccessPolicyReadModel } from './access-policy.read-model.ts';
import { readWhole } from './reader.ts';

/** A change is told at once; this is for when the telling is lost. */
const rememberedMs = 30_000;

/** The policies as they are now, compiled once for each change. Who asks right after a change waits for it to be read. */
export class PoliciesInForce {
  readonly #readModel: Pick<AccessPolicyReadModel, 'living'>;
  #known: AccessPolicies | null = null;
  #latest = noPolicies;
  #readAtMs = 0;
  #underWay: Promise<AccessPolicies> | null = null;

  constructor(deps: { readonly accessPolicies: Pick<AccessPolicyReadModel, 'living'> }) {
    this.#readModel = deps.accessPolicies;
  }

  /** At once where they are known. Fails when they cannot be read: nobody is let in by rules that nobody knows. */
  current(): AccessPolicies | Promise<AccessPolicies> {
    if (this.#known !== null && Date.now() - this.#readAtMs < rememberedMs) return this.#known;
    return this.#underWay ?? this.#read();
  }

  /** As they were read last, for who was let in by {@link current} a moment ago and cannot wait. */
  latest(): AccessPolicies {
    return this.#latest;
  }

  /** They were changed, or may have been. Also what is being read now may be of before. */
  forget(): void {
    this.#known = null;
    this.#underWay = null;
  }

  #read(): Promise<AccessPolicies> {
    const readAtMs = Date.now();
    // As nobody: whoever reads asks here what they may see.
    const reading = readWhole(() => this.#readModel.living())
      .then((rules) => {
        const policies = new AccessPolicies(rules);
        if (this.#underWay !== reading) return policies;
        this.#known = policies;
        this.#latest = policies;
        this.#readAtMs = readAtMs;
        return policies;
      })
      .finally(() => {
        if (this.#underWay === reading) this.#underWay = null;
      });
    this.#underWay = reading;
    return reading;
  }
}
