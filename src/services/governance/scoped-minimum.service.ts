import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { weakened } from '../../domain/governance/minimum-retention.ts';
import {
  type GivenPlaces,
  narrows,
  readNamedPlaces,
  scopeColumns,
  scopeOf,
} from '../../domain/governance/place-scope.ts';
import { newId } from '../../domain/id.ts';
import { type MinimumRetention, MinimumRetentionSchema } from '../../entities/minimum-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { SetMinimumRetention } from './minimum-retention.service.ts';
import { assertMayWeaken, assertTerms, bypassOf } from './minimum-weakening.ts';
import { assertPlacesThere } from './scope-places.ts';

/** Of all scopes together: each is asked at each decision. */
const minimumsMax = 200;

export interface SetScopedMinimum
  extends Pick<SetMinimumRetention, 'name' | 'days' | 'mode' | 'validUntil' | 'bypassReason'> {
  readonly scope: GivenPlaces;
}

/** Minimums of all datasets that fit a scope, now and later. Tables go by their own dates, topics by time stamps. */
export class ScopedMinimumService {
  readonly #em: EntityManager;
  readonly #now: () => Date;
  readonly #changed: (() => Promise<void>) | undefined;

  constructor(deps: {
    readonly em: EntityManager;
    readonly now: () => Date;
    /** Called when a minimum came or went, for what acts on data by itself; must not fail. */
    readonly changed?: () => Promise<void>;
  }) {
    this.#em = deps.em;
    this.#now = deps.now;
    this.#changed = deps.changed;
  }

  /** Makes or changes the minimum of that name. @throws LinewardError BAD_INPUT, NOT_FOUND, LIMIT_EXCEEDED, RETENTION_LOCKED */
  async set(actor: Actor, input: SetScopedMinimum): Promise<MinimumRetention> {
    const { name, days, mode, validUntil, bypassReason } = input;
    const now = this.#now();
    assertTerms(input, now);
    const scope = readNamedPlaces(input.scope);
    const minimum = await this.#alone(async (tx) => {
      await assertPlacesThere(tx, scope);
      const known = await named(tx, name);
      if (known === null && (await tx.count(MinimumRetentionSchema, { datasetId: null })) >= minimumsMax)
        throw new LinewardError('LIMIT_EXCEEDED', `name: there are ${minimumsMax} minimums with scopes already`, {
          path: ['name'],
        });
      const wanted = { days, mode, dateField: null, validUntil };
      const less =
        known === null
          ? []
          : assertMayWeaken(
              {
                known,
                less: [...weakened(known, wanted), ...(narrows(scopeOf(known), scope) ? ['scope'] : [])],
                isRemoved: false,
              },
              { actor, bypassReason, now },
            );
      const facts = { ...wanted, ...scopeColumns(scope), setBy: actor.id, setAt: now };
      const set = known ?? tx.create(MinimumRetentionSchema, { id: newId(), datasetId: null, name, ...facts });
      Object.assign(set, facts);
      tx.persist(set);
      audit(tx, actor, {
        action: 'setMinimumRetention',
        resourceType: 'MinimumRetention',
        resourceId: set.id,
        details: {
          ...{ name, days, mode, scope },
          validUntil: validUntil?.toISOString() ?? null,
          ...bypassOf(less, bypassReason),
        },
      });
      return set;
    });
    await this.#changed?.();
    return minimum;
  }

  /** @throws LinewardError NOT_FOUND, RETENTION_LOCKED, BAD_INPUT */
  async remove(
    actor: Actor,
    { name, bypassReason }: Pick<SetMinimumRetention, 'name' | 'bypassReason'>,
  ): Promise<MinimumRetention> {
    const removed = await this.#alone(async (tx) => {
      const known = await named(tx, name);
      if (known === null)
        throw new LinewardError('NOT_FOUND', 'name: no minimum retention with a scope has that name', {
          path: ['name'],
        });
      const less = assertMayWeaken(
        { known, less: [...weakened(known, null), 'scope'], isRemoved: true },
        { actor, bypassReason, now: this.#now() },
      );
      tx.remove(known);
      audit(tx, actor, {
        action: 'removeMinimumRetention',
        resourceType: 'MinimumRetention',
        resourceId: known.id,
        details: { name, days: known.days, mode: known.mode, scope: scopeOf(known), ...bypassOf(less, bypassReason) },
      });
      return known;
    });
    await this.#changed?.();
    return removed;
  }

  /** Two changes come one after the other. */
  #alone<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.#em.fork().transactional(async (tx) => {
      await tx.execute(`select pg_advisory_xact_lock(hashtext('lineward.minimum_retention'))`);
      return work(tx);
    });
  }
}

const named = (tx: EntityManager, name: string): Promise<MinimumRetention | null> =>
  tx.findOne(MinimumRetentionSchema, { datasetId: null, name });
