import { type EntityManager, IsolationLevel } from '@mikro-orm/postgresql';
import {
  type ActiveHold,
  byReach,
  datesOf,
  type HeldSelectors,
  selectorsOf,
} from '../../domain/governance/hold-scope.ts';
import { type MinimumLimit, minimumLimit } from '../../domain/governance/minimum-retention.ts';
import { isPlaced } from '../../domain/governance/place-scope.ts';
import { LegalHoldSchema } from '../../entities/legal-hold.entity.ts';
import { placedMinimums } from './placed-minimums.ts';
import { scopedPlaces } from './scope-places.ts';
import { dateFieldsOf } from './table-dates.ts';

/**
 * Active holds that may concern any of the accounts, or all there are for null, each with the places that its scope names at
 * this moment: a table that was registered, a column that was labelled, or a copy that was made a moment ago is held.
 */
export async function activeHolds(
  em: EntityManager,
  accountIds: readonly string[] | null,
): Promise<readonly ActiveHold[]> {
  // One snapshot: a hold that is placed between two statements would have no places yet.
  return em.fork().transactional(
    async (tx) => {
      const accounts =
        accountIds === null ? {} : { $or: [{ accountId: { $in: [...accountIds] } }, { accountId: null }] };
      const holds = await tx.find(LegalHoldSchema, { ...accounts, releasedAt: null }, { orderBy: { id: 'asc' } });
      const places = holds.some(isPlaced) ? await scopedPlaces(tx, 'legal_hold', 'h.released_at is null') : [];
      const byHold = Map.groupBy(places, ({ scopeId }) => scopeId);
      return holds.map((hold) => {
        const there = byHold.get(hold.id) ?? [];
        const datasets = isPlaced(hold) ? new Set(there.map(({ datasetId }) => datasetId)) : null;
        const byLineage = new Set(there.filter(({ isNamed }) => !isNamed).map(({ datasetId }) => datasetId));
        const { id, confidential } = hold;
        return { id, confidential, selectors: selectorsOf(hold), datasets, dates: datesOf(hold), byLineage };
      });
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
  );
}

/** Reads what keeps data, now and from the database: whoever acts asks again before each irreversible step. */
export class RetainReader {
  readonly #em: EntityManager;
  readonly #now: () => Date;

  constructor(deps: { readonly em: EntityManager; readonly now: () => Date }) {
    this.#em = deps.em;
    this.#now = deps.now;
  }

  /** Active holds on any of the accounts, or all there are for null. */
  activeHolds(accountIds: readonly string[] | null): Promise<readonly ActiveHold[]> {
    return activeHolds(this.#em, accountIds);
  }

  /** What they keep, by where. */
  async heldSelectors(accountIds: readonly string[] | null): Promise<HeldSelectors> {
    const holds = await activeHolds(this.#em, accountIds);
    return byReach(holds, await this.#dateFieldsFor(holds));
  }

  /** By which dates holds on ranges go, in the tables that they are about. */
  async #dateFieldsFor(holds: readonly ActiveHold[]): Promise<ReadonlyMap<string, string>> {
    const ranged = holds.filter(({ dates }) => dates !== null);
    if (ranged.length === 0) return new Map();
    const isEverywhere = ranged.some(({ datasets }) => datasets === null);
    const ids = isEverywhere ? null : [...new Set(ranged.flatMap(({ datasets }) => [...(datasets ?? [])]))];
    const fields = await dateFieldsOf(this.#em.fork(), ids);
    return new Map([...fields].flatMap(([id, field]) => (field === null ? [] : [[id, field]])));
  }

  /** What minimums in force leave of each dataset that has one. */
  async minimumLimits(): Promise<ReadonlyMap<string, MinimumLimit>> {
    const now = this.#now();
    return new Map(
      [...(await placedMinimums(this.#em, null))].flatMap(([datasetId, minimums]) => {
        const limit = minimumLimit(minimums, now);
        return limit === null ? [] : [[datasetId, limit] as const];
      }),
    );
  }
}
