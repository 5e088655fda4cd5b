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
}

/**
 * Whether a minimum keeps records of an account or person anywhere: then the keys that make them readable stay, too. Asks
 * each place with a minimum what an erasure would have to leave there. Where that cannot be told, the keys stay.
 */
export class RetainedRecords {
  readonly #registry: Pick<RegistryReadModel, 'allEntityIds' | 'placesOf'>;
  readonly #retains: Pick<Retaining, 'minimumLimits'>;
  readonly #executors: readonly TargetExecutor[];

  constructor(deps: {
    readonly registry: Pick<RegistryReadModel, 'allEntityIds' | 'placesOf'>;
    readonly retains: Pick<Retaining, 'minimumLimits'>;
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
    if (minimums.size === 0) return selectors.map(() => null);
    const { merged } = onePerDataset(await this.#registry.placesOf(await this.#registry.allEntityIds()));
    const places = merged
      .filter(({ dataset }) => minimums.has(dataset.id))
      .map(({ mapping: { role, accountField, subjectFields }, dataset: { id, namespace, name } }): TargetPlace => {
        return { targetId: '', datasetId: id, namespace, name, role, accountField, subjectFields };
      });
    return this.#ofGroup(selectors, { places, minimums });
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
      const kept = await this.#keptIn(place, selectors, within.minimums);
      if (kept !== null) return kept;
    }
    return null;
  }

  async #keptIn(
    place: TargetPlace,
    selectors: readonly SubjectSelector[],
    minimums: Search['minimums'],
  ): Promise<Gap | null> {
    // Who cannot be told apart there may be anybody of the account.
    const act = selectors.map(({ accountId, subject }) =>
      subject !== undefined && place.subjectFields.includes(subject.field) ? { accountId, subject } : { accountId },
    );
    const executor = executorFor(this.#executors, place.role, 'ERASURE');
    if (executor === undefined) return unsure(place, 'NO_EXECUTOR');
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
      return unread === undefined ? null : unsure(place, unread.code);
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'KAFKA_NOT_CONFIGURED') throw error;
      return unsure(place, error.code);
    }
  }
}

const byLatest = (one: Gap, other: Gap): number => (other.until ?? '9').localeCompare(one.until ?? '9');

function unsure({ name }: TargetPlace, code: string): Gap {
  const reason = `${name}: it has a minimum retention, and not all of it could be looked through (${code}); the key stays`;
  return { code: 'MINIMUM_RETENTION', dataset: keyRing.name, reason };
}
