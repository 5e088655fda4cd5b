import { type HeldSelectors, type LocalHolds, withoutRanges } from '../../domain/governance/hold-scope.ts';
import { permittedIn } from '../../domain/governance/permission.ts';
import type { SubjectSelector } from '../../domain/governance/selection.ts';
import { type Gap, keyRing, type TargetPlace } from '../../domain/operations/target.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { executorFor } from './executor-for.ts';
import type { Retaining } from './operation-subjects.ts';
import { onePerDataset } from './planned-targets.ts';
import type { TargetExecutor } from './ports.ts';

interface Search {
  readonly places: readonly TargetPlace[];
  readonly minimums: Awaited<ReturnType<Retaining['minimumLimits']>>;
  readonly local: HeldSelectors['local'];
}

/**
 * Whether a minimum, or a hold that is about some places, keeps records of an account or person anywhere: then the keys that make
 * them readable stay, too. Asks each such place what an erasure would have to leave there. Where that cannot be told, the keys stay.
 */
export class RetainedRecords {
  readonly #registry: Pick<RegistryReadModel, 'allEntityIds' | 'placesOf'>;
  readonly #retains: Retaining;
  readonly #executors: readonly TargetExecutor[];

  constructor(deps: {
    readonly registry: Pick<RegistryReadModel, 'allEntityIds' | 'placesOf'>;
    readonly retains: Retaining;
    /** Of the places that hold records. */
    readonly executors: readonly TargetExecutor[];
  }) {
    this.#registry = deps.registry;
    this.#retains = deps.retains;
    this.#executors = deps.executors;
  }

  /** The open points of those whose keys have to stay, in their order; null for all others. */
  async of(selectors: readonly SubjectSelector[]): Promise<readonly (Gap | null)[]> {
    const minimums = await this.#retains.minimumLimits();
    const accounts = [...new Set(selectors.map(({ accountId }) => accountId))];
    const { local } = withoutRanges(await this.#retains.heldSelectors(accounts));
    if (minimums.size === 0 && local.size === 0) return selectors.map(() => null);
    const { merged } = onePerDataset(await this.#registry.placesOf(await this.#registry.allEntityIds()));
    const places = merged
      .filter(({ dataset }) => minimums.has(dataset.id) || local.has(dataset.id))
      .map(({ mapping: { role, accountField, subjectFields }, dataset: { id, namespace, name } }): TargetPlace => {
        return { targetId: '', datasetId: id, namespace, name, role, accountField, subjectFields };
      });
    return this.#ofGroup(selectors, { places, minimums, local });
  }

  /** Mostly nothing is kept of anybody, so all are asked for at once, and halves only where something is. */
  async #ofGroup(selectors: readonly SubjectSelector[], within: Search): Promise<readonly (Gap | null)[]> {
    // A version of a key by itself goes only when no place needs it.
    const asked = selectors.filter(({ keyVersion }) => keyVersion === undefined);
    const kept = asked.length === 0 ? null : await this.#keptAnywhere(asked, within);
    if (kept === null) return selectors.map(() => null);
    if (selectors.length === 1) return [kept];
    const half = Math.ceil(selectors.length / 2);
    return [
      ...(await this.#ofGroup(selectors.slice(0, half), within)),
      ...(await this.#ofGroup(selectors.slice(half), within)),
    ];
  }

  async #keptAnywhere(selectors: readonly SubjectSelector[], within: Search): Promise<Gap | null> {
    for (const place of within.places) {
      const kept =
        (await this.#heldIn(place, selectors, within.local.get(place.datasetId))) ??
        (await this.#keptIn(place, selectors, within.minimums));
      if (kept !== null) return kept;
    }
    return null;
  }

  /** Whether there is a record that a hold on the place keeps: one that an erasure of whom both name would find. */
  async #heldIn(
    place: TargetPlace,
    selectors: readonly SubjectSelector[],
    holds: LocalHolds | undefined,
  ): Promise<Gap | null> {
    const asked = selectors.map((selector) => locatable(place, selector));
    const act = holds === undefined ? [] : holds.everybody ? asked : common(asked, holds.selectors, place);
    if (act.length === 0) return null;
    const dates = holds?.regardless === true ? ' (also where it is about a range of dates: a key has none)' : '';
    const why = `are under a legal hold that is about this place${dates}`;
    return this.#anyIn(place, act, { code: 'HOLD_ACTIVE', why });
  }

  /** Whether an erasure of whom is named would find a record there. */
  async #anyIn(
    place: TargetPlace,
    act: readonly SubjectSelector[],
    { code, why }: { readonly code: 'HOLD_ACTIVE' | 'MINIMUM_RETENTION'; readonly why: string },
  ): Promise<Gap | null> {
    const executor = executorFor(this.#executors, place.role, 'ERASURE');
    if (executor === undefined) return unsure(place, 'NO_EXECUTOR', code);
    try {
      const { records, gaps } = await executor.plan(place, { act, keep: [] }, { kind: 'ERASURE', entityId: null });
      const reason = `${place.name}: ${records} record(s) ${why}, and the key makes them readable`;
      if (records > 0) return { code, dataset: keyRing.name, reason };
      const [unread] = gaps;
      return unread === undefined ? null : unsure(place, unread.code, code);
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'KAFKA_NOT_CONFIGURED') throw error;
      return unsure(place, error.code, code);
    }
  }

  async #keptIn(
    place: TargetPlace,
    selectors: readonly SubjectSelector[],
    minimums: Search['minimums'],
  ): Promise<Gap | null> {
    const minimum = minimums.get(place.datasetId);
    if (minimum === undefined) return null;
    const act = selectors.map((selector) => locatable(place, selector));
    if (minimum.undatable === true)
      return this.#anyIn(place, act, {
        code: 'MINIMUM_RETENTION',
        why: 'are kept by regulation and have no date field',
      });
    const executor = executorFor(this.#executors, place.role, 'ERASURE');
    if (executor === undefined) return unsure(place, 'NO_EXECUTOR', 'MINIMUM_RETENTION');
    const work = { kind: 'ERASURE', entityId: null } as const;
    try {
      const { gaps } = await executor.plan(place, permittedIn(place, { act, keep: [], minimums }), work);
      const kept = gaps.filter(({ code }) => code === 'MINIMUM_RETENTION').toSorted(byLatest)[0];
      if (kept !== undefined)
        return {
          ...kept,
          dataset: keyRing.name,
          reason: `${place.name}: ${kept.reason}, and the key makes them readable`,
        };
      const [unread] = gaps;
      return unread === undefined ? null : unsure(place, unread.code, 'MINIMUM_RETENTION');
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'KAFKA_NOT_CONFIGURED') throw error;
      return unsure(place, error.code, 'MINIMUM_RETENTION');
    }
  }
}

const byLatest = (one: Gap, other: Gap): number => (other.until ?? '9').localeCompare(one.until ?? '9');

/** Who cannot be told apart there may be anybody of the account. */
const locatable = (place: TargetPlace, { accountId, subject }: SubjectSelector): SubjectSelector =>
  subject !== undefined && place.subjectFields.includes(subject.field) ? { accountId, subject } : { accountId };

/**
 * Whom both name, the narrower of each pair. Two that name persons by different fields may mean the same one, so all that the hold
 * keeps counts.
 */
function common(
  asked: readonly SubjectSelector[],
  held: readonly SubjectSelector[],
  place: TargetPlace,
): readonly SubjectSelector[] {
  const byAccount = Map.groupBy(asked, ({ accountId }) => accountId);
  const found = held.flatMap((hold) => {
    const there = locatable(place, hold);
    const ofAccount = byAccount.get(hold.accountId) ?? [];
    if (there.subject === undefined) return ofAccount;
    const { field, value } = there.subject;
    const isMeant = ({ subject }: SubjectSelector) => subject?.field !== field || subject.value === value;
    return ofAccount.some(isMeant) ? [there] : [];
  });
  return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()];
}

function unsure({ name }: TargetPlace, why: string, code: 'MINIMUM_RETENTION' | 'HOLD_ACTIVE'): Gap {
  const keeper = code === 'HOLD_ACTIVE' ? 'a legal hold' : 'a minimum retention';
  const reason = `${name}: it has ${keeper}, and not all of it could be looked through (${why}); the key stays`;
  return { code, dataset: keyRing.name, reason };
}
