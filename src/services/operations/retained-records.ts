import { permittedIn } from '../../domain/governance/permission.ts';
import type { SubjectSelector } from '../../domain/governance/selection.ts';
import { type Gap, keyRing, type TargetPlace } from '../../domain/operations/target.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { executorFor } from './executor-for.ts';
import type { Retaining } from './operation-subjects.ts';
import { onePerDataset } from './planned-targets.ts';
import type { TargetExecutor } from './ports.ts';

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

  /** The open point of keys that have to stay; null when nothing keeps them. */
  async of(selector: SubjectSelector): Promise<Gap | null> {
    const minimums = await this.#retains.minimumLimits();
    // A version of a key by itself goes only when no place needs it.
    if (minimums.size === 0 || selector.keyVersion !== undefined) return null;
    const { merged } = onePerDataset(await this.#registry.placesOf(await this.#registry.allEntityIds()));
    for (const { mapping, dataset } of merged) {
      const minimum = minimums.get(dataset.id);
      if (minimum === undefined) continue;
      const keys = { accountField: mapping.accountField, subjectFields: mapping.subjectFields };
      const { namespace, name } = dataset;
      const place: TargetPlace = { targetId: '', datasetId: dataset.id, namespace, name, role: mapping.role, ...keys };
      const kept = await this.#keptIn(place, selector, minimums);
      if (kept !== null) return kept;
    }
    return null;
  }

  async #keptIn(
    place: TargetPlace,
    { accountId, subject }: SubjectSelector,
    minimums: Awaited<ReturnType<Retaining['minimumLimits']>>,
  ): Promise<Gap | null> {
    // Who cannot be told apart there may be anybody of the account.
    const isLocatable = subject === undefined || place.subjectFields.includes(subject.field);
    const act = [{ accountId, ...(isLocatable && subject !== undefined ? { subject } : {}) }];
    const executor = executorFor(this.#executors, place.role, 'ERASURE');
    if (executor === undefined) return unsure(place, 'NO_EXECUTOR');
    const work = { kind: 'ERASURE', entityId: null } as const;
    try {
      const { gaps } = await executor.plan(place, permittedIn(place, { act, keep: [], minimums }), work);
      const kept = gaps.find(({ code }) => code === 'MINIMUM_RETENTION');
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

function unsure({ name }: TargetPlace, code: string): Gap {
  const reason = `${name}: it has a minimum retention, and not all of it could be looked through (${code}); the key stays`;
  return { code: 'MINIMUM_RETENTION', dataset: keyRing.name, reason };
}
