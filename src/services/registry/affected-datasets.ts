import type { WalkEnd } from '../../domain/lineage/graph.ts';
import type { LineageReadModel } from '../lineage/lineage.read-model.ts';
import type { RegistryReadModel } from './registry.read-model.ts';

/** The datasets that a change of an entity reaches. */
export interface AffectedDatasets {
  /** Those that hold records of the entity first, then what is made from them, by distance. */
  readonly datasetIds: readonly string[];
  /** Why lineage may go further than that; null when it does not. */
  readonly truncatedReason: WalkEnd['truncatedReason'];
}

const stepsMax = 50;
const datasetsMax = 10_000;

/** Finds what a change of an entity reaches: the datasets it is mapped to, and all that lineage makes of these. */
export class AffectedDatasetsReadModel {
  readonly #registry: RegistryReadModel;
  readonly #lineage: LineageReadModel;

  constructor(deps: { readonly registry: RegistryReadModel; readonly lineage: LineageReadModel }) {
    this.#registry = deps.registry;
    this.#lineage = deps.lineage;
  }

  /** For each entity; one statement a step of lineage, however many entities. */
  async ofEntities(entityIds: readonly string[]): Promise<(entityId: string) => AffectedDatasets> {
    const places = await this.#registry.placesOf(entityIds);
    const graph = await this.#downstream([...new Set(places.map(({ dataset }) => dataset.id))]);
    const starts = Map.groupBy(places, ({ mapping }) => mapping.entityId);
    return (entityId) =>
      reachIn(
        graph,
        (starts.get(entityId) ?? []).map(({ dataset }) => dataset.id),
      );
  }

  async #downstream(starts: readonly string[]): Promise<Downstream> {
    const targets = new Map<string, Set<string>>(starts.map((id) => [id, new Set()]));
    let level = starts;
    for (let step = 1; level.length > 0; step += 1) {
      if (step > stepsMax) return { targets, open: new Set(level), reason: 'MAX_DEPTH' };
      if (targets.size > datasetsMax) return { targets, open: new Set(level), reason: 'MAX_NODES' };
      const steps = await this.#lineage.stepsFrom(level);
      for (const { sourceDatasetId, targetDatasetId } of steps) targets.get(sourceDatasetId)?.add(targetDatasetId);
      level = [...new Set(steps.map((edge) => edge.targetDatasetId))].filter((id) => !targets.has(id));
      for (const id of level) targets.set(id, new Set());
    }
    return { targets, open: new Set(), reason: null };
  }
}

interface Downstream {
  /** Where data of each known dataset goes. */
  readonly targets: ReadonlyMap<string, ReadonlySet<string>>;
  /** Datasets behind which nobody has looked, and why. */
  readonly open: ReadonlySet<string>;
  readonly reason: WalkEnd['truncatedReason'];
}

function reachIn({ targets, open, reason }: Downstream, starts: readonly string[]): AffectedDatasets {
  const reached = new Set(starts);
  // A set visits what is added while it is walked, so this is breadth first.
  for (const id of reached) for (const next of targets.get(id) ?? []) reached.add(next);
  const datasetIds = [...reached];
  return { datasetIds, truncatedReason: datasetIds.some((id) => open.has(id)) ? reason : null };
}
