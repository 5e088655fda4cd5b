import type { Actor } from '../../domain/access/actor.ts';
import { type GivenPlaces, readNamedPlaces } from '../../domain/governance/place-scope.ts';
import type { MinimumRetention } from '../../entities/minimum-retention.entity.ts';
import { MinimumChanges, type MinimumChangesDeps, type MinimumHome, type MinimumTerms } from './minimum-changes.ts';
import { assertPlacesThere } from './scope-places.ts';

/** Of all scopes together: each is asked at each decision. */
const minimumsMax = 200;

export interface SetScopedMinimum extends MinimumTerms {
  readonly scope: GivenPlaces;
}

const home: MinimumHome = {
  datasetId: null,
  minimumsMax,
  full: ['name', `there are ${minimumsMax} minimums with scopes already`],
  unknown: 'no minimum retention with a scope has that name',
  lock: async (tx) => {
    await tx.execute(`select pg_advisory_xact_lock(hashtext('lineward.minimum_retention'))`);
  },
};

/** Minimums of all datasets that fit a scope, now and later. Tables go by their own dates, topics by time stamps. */
export class ScopedMinimumService {
  readonly #changes: MinimumChanges;

  constructor(deps: MinimumChangesDeps) {
    this.#changes = new MinimumChanges(deps);
  }

  /** Makes or changes the minimum of that name. @throws LinewardError BAD_INPUT, NOT_FOUND, LIMIT_EXCEEDED, RETENTION_LOCKED */
  async set(actor: Actor, { scope: given, ...terms }: SetScopedMinimum): Promise<MinimumRetention> {
    const scope = readNamedPlaces(given);
    return this.#changes.set(actor, terms, home, async (tx) => {
      await assertPlacesThere(tx, scope);
      return { dateField: null, scope };
    });
  }

  /** @throws LinewardError NOT_FOUND, RETENTION_LOCKED, BAD_INPUT */
  remove(actor: Actor, asked: Pick<MinimumTerms, 'name' | 'bypassReason'>): Promise<MinimumRetention> {
    return this.#changes.remove(actor, asked, home);
  }
}
