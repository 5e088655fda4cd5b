import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { type Minimum, weakened } from '../../domain/governance/minimum-retention.ts';
import { narrows, type PlaceScope, scopeColumns, scopeOf } from '../../domain/governance/place-scope.ts';
import { newId } from '../../domain/id.ts';
import { type MinimumRetention, MinimumRetentionSchema } from '../../entities/minimum-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import { audit } from '../audit/audit.service.ts';
import { assertMayWeaken, assertTerms, bypassOf } from './minimum-weakening.ts';
import { keepingDates } from './table-dates.ts';

export interface MinimumChangesDeps {
  readonly em: EntityManager;
  readonly access: Pick<AccessGuard, 'may'>;
  readonly now: () => Date;
  /** Called when a minimum came or went, for what acts on data by itself; must not fail. */
  readonly changed?: () => Promise<void>;
}

/** What is said of each minimum, wherever it is. */
export interface MinimumTerms extends Omit<Minimum, 'dateField'> {
  readonly name: string;
  /** Why a minimum in governance mode is weakened. */
  readonly bypassReason: string | null;
}

/** Where minimums stand: at a dataset, or among those with a scope. */
export interface MinimumHome {
  /** Null for those with a scope. */
  readonly datasetId: string | null;
  readonly minimumsMax: number;
  /** Refuses one more, by the place in the input and why. */
  readonly full: readonly [path: string, why: string];
  /** Refuses a name that is not there. */
  readonly unknown: string;
  /** Two changes come one after the other. */
  lock(tx: EntityManager): Promise<void>;
}

/** By what a minimum goes, or what it is about. */
export interface MinimumPlaces {
  readonly dateField: string | null;
  /** Null for one of a dataset. */
  readonly scope: PlaceScope | null;
}

const noScope: PlaceScope = {
  ...{ datasetIds: null, namespaces: null, entityIds: null, classifications: null },
  lineageDownstream: false,
};

/** Sets and removes minimums of either kind. */
export class MinimumChanges {
  readonly #deps: MinimumChangesDeps;

  constructor(deps: MinimumChangesDeps) {
    this.#deps = deps;
  }

  /**
   * Makes or changes the minimum of that name. `placesOf` is asked under the lock.
   * @throws LinewardError BAD_INPUT, LIMIT_EXCEEDED, RETENTION_LOCKED, and what `placesOf` throws
   */
  async set(
    actor: Actor,
    terms: MinimumTerms,
    home: MinimumHome,
    placesOf: (tx: EntityManager) => Promise<MinimumPlaces>,
  ): Promise<MinimumRetention> {
    const now = this.#deps.now();
    const { name, days, mode, validUntil, bypassReason } = terms;
    assertTerms(terms, now);
    return this.#change(home, async (tx) => {
      const known = await named(tx, home, name);
      if (known === null) await assertRoom(tx, home);
      const { dateField, scope } = await placesOf(tx);
      const wanted: Minimum = { days, mode, dateField, validUntil };
      const less =
        known === null
          ? []
          : weakenedBy(known, { wanted, scope }, { access: this.#deps.access, actor, bypassReason, now });
      const { datasetId } = home;
      const facts = { ...wanted, ...scopeColumns(scope ?? noScope), setBy: actor.id, setAt: now };
      const set = known ?? tx.create(MinimumRetentionSchema, { id: newId(), datasetId, name, ...facts });
      await keeping(tx, set, ['dateField'], () => tx.persist(Object.assign(set, facts)));
      const told = {
        ...{ name, days, mode, ...(scope === null ? { dateField } : { scope }) },
        validUntil: validUntil?.toISOString() ?? null,
      };
      audit(tx, actor, {
        action: 'setMinimumRetention',
        ...resourceOf(set),
        details: { ...told, ...bypassOf(less, bypassReason) },
      });
      return set;
    });
  }

  /** @throws LinewardError NOT_FOUND, RETENTION_LOCKED, BAD_INPUT */
  async remove(
    actor: Actor,
    { name, bypassReason }: Pick<MinimumTerms, 'name' | 'bypassReason'>,
    home: MinimumHome,
  ): Promise<MinimumRetention> {
    return this.#change(home, async (tx) => {
      const known = await named(tx, home, name);
      if (known === null) throw new LinewardError('NOT_FOUND', `name: ${home.unknown}`, { path: ['name'] });
      const parts = [...weakened(known, null), ...(known.datasetId === null ? ['scope'] : [])];
      const by = { access: this.#deps.access, actor, bypassReason, now: this.#deps.now() };
      const less = assertMayWeaken({ known, less: parts, isRemoved: true }, by);
      await keeping(tx, known, ['name'], () => tx.remove(known));
      const { days, mode } = known;
      const told = { name, days, mode, ...(known.datasetId === null && { scope: scopeOf(known) }) };
      audit(tx, actor, {
        action: 'removeMinimumRetention',
        ...resourceOf(known),
        details: { ...told, ...bypassOf(less, bypassReason) },
      });
      return known;
    });
  }

  async #change(home: MinimumHome, work: (tx: EntityManager) => Promise<MinimumRetention>): Promise<MinimumRetention> {
    const done = await this.#deps.em.fork().transactional(async (tx) => {
      await home.lock(tx);
      return work(tx);
    });
    await this.#deps.changed?.();
    return done;
  }
}

/** Holds on ranges of dates go by the date that minimums of a table name. */
async function keeping(
  tx: EntityManager,
  { datasetId }: MinimumRetention,
  path: readonly string[],
  change: () => unknown,
): Promise<void> {
  if (datasetId === null) return void change();
  await keepingDates(tx, { datasetId, path }, async () => {
    change();
    await tx.flush();
  });
}

const named = (tx: EntityManager, { datasetId }: MinimumHome, name: string): Promise<MinimumRetention | null> =>
  tx.findOne(MinimumRetentionSchema, { datasetId, name });

async function assertRoom(
  tx: EntityManager,
  { datasetId, minimumsMax, full: [path, why] }: MinimumHome,
): Promise<void> {
  if ((await tx.count(MinimumRetentionSchema, { datasetId })) < minimumsMax) return;
  throw new LinewardError('LIMIT_EXCEEDED', `${path}: ${why}`, { path: [path] });
}

/** What gets less by a change that is allowed. @throws LinewardError RETENTION_LOCKED, BAD_INPUT */
function weakenedBy(
  known: MinimumRetention,
  { wanted, scope }: { readonly wanted: Minimum; readonly scope: PlaceScope | null },
  by: Parameters<typeof assertMayWeaken>[1],
): readonly string[] {
  const isNarrower = scope !== null && narrows(scopeOf(known), scope);
  const less = [...weakened(known, wanted), ...(isNarrower ? ['scope'] : [])];
  return assertMayWeaken({ known, less, isRemoved: false }, by);
}

const resourceOf = ({ id, datasetId }: MinimumRetention) =>
  datasetId === null
    ? { resourceType: 'MinimumRetention', resourceId: id }
    : { resourceType: 'Dataset', resourceId: datasetId };
