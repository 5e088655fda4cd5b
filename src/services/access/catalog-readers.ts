import type { AccessPolicies } from '../../domain/access/access-decision.ts';
import type { Actor } from '../../domain/access/actor.ts';
import type { PoliciesInForce } from './policies-in-force.ts';
import type { CarryingDatasets, Statement } from './ports.ts';
import { type Reader, readWhole } from './reader.ts';
import { type Hiding, throughView } from './reader-view.ts';

/** So long what carries a classification is taken to be the same: it is asked of the graph, and asked by each statement. */
const carryingMs = 1_000;

interface Carrying {
  readonly ids: Promise<readonly string[]>;
  readonly askedAtMs: number;
}

/** Makes of actors readers from whom the policies in force keep what they are not to find. */
export class CatalogReaders {
  readonly #policies: PoliciesInForce;
  readonly #carrying: CarryingDatasets;
  readonly #known = new Map<string, Carrying>();

  constructor(deps: { readonly policies: PoliciesInForce; readonly carrying: CarryingDatasets }) {
    this.#policies = deps.policies;
    this.#carrying = deps.carrying;
  }

  /** Policies are asked with each statement, so that what changes takes effect while a request goes on. */
  of(actor: Actor): Reader {
    return {
      actor,
      see: (statement) => {
        const policies = this.#policies.current();
        if (policies instanceof Promise) return policies.then((found) => this.#see(found, actor, statement));
        return this.#see(policies, actor, statement);
      },
      mark: () => this.#policies.latest(),
      isNarrowed: () => this.#policies.latest().denials(actor, 'DISCOVER').length > 0,
    };
  }

  #see(policies: AccessPolicies, actor: Actor, statement: Statement): Statement | Promise<Statement> {
    const denials = policies.denials(actor, 'DISCOVER');
    if (denials.length === 0) return statement;
    return Promise.all(
      denials.map(async (rule): Promise<Hiding> => {
        const { classifications } = rule;
        return { rule, datasetIds: classifications.length === 0 ? null : await this.#carriersOf(classifications) };
      }),
    ).then((hidings) => throughView(statement, hidings));
  }

  async #carriersOf(classifications: readonly string[]): Promise<readonly string[]> {
    const found = await Promise.all(classifications.map((one) => this.#carriersOfOne(one)));
    return [...new Set(found.flat())];
  }

  #carriersOfOne(classification: string): Promise<readonly string[]> {
    const known = this.#known.get(classification);
    if (known !== undefined && Date.now() - known.askedAtMs < carryingMs) return known.ids;
    const ids = readWhole(() => this.#carrying.datasetsCarrying(classification));
    this.#known.set(classification, { ids, askedAtMs: Date.now() });
    ids.catch(() => this.#known.delete(classification));
    return ids;
  }
}
