import type { Selection } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import type { PlannedTarget } from '../../domain/operations/plan.ts';
import type { Gap, OperationWork, TargetEstimate, TargetPlace } from '../../domain/operations/target.ts';
import type { Dataset, Mapping } from '../../entities/dataset.entity.ts';
import type { Operation } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { TargetExecutor } from './ports.ts';

export interface MappedPlace {
  readonly mapping: Mapping;
  readonly dataset: Dataset;
}

/** Entities may share a dataset. It is one target with the keys of all; an entity that names accounts otherwise is a gap. */
export function onePerDataset(places: readonly MappedPlace[]): { merged: readonly MappedPlace[]; gaps: Gap[] } {
  const merged = new Map<string, MappedPlace>();
  const gaps: Gap[] = [];
  for (const { mapping, dataset } of places) {
    const known = merged.get(dataset.id)?.mapping ?? mapping;
    if (known.accountField !== mapping.accountField || known.role !== mapping.role) {
      gaps.push({
        code: 'MAPPING_CONFLICT',
        dataset: dataset.name,
        reason: 'two entities are mapped to it with different roles or account fields; one of them is not searched',
      });
      continue;
    }
    const subjectFields = [...new Set([...known.subjectFields, ...mapping.subjectFields])];
    merged.set(dataset.id, { dataset, mapping: { ...known, subjectFields } });
  }
  return { merged: [...merged.values()], gaps };
}

/** The row of a planned place. */
export function targetRow(operation: Operation, target: PlannedTarget, now: Date) {
  return {
    id: newId(),
    operationId: operation.id,
    datasetId: target.dataset.id,
    role: target.role,
    round: operation.round,
    sequence: target.sequence,
    accountField: target.accountField,
    subjectFields: [...target.subjectFields],
    status: 'PENDING' as const,
    attempt: 0,
    fencingToken: 0,
    estimate: target.estimate,
    updatedAt: now,
  };
}

/** What is not configured here cannot be reached from here: that is a gap of the plan, not its end. */
export async function estimateOf(
  executor: TargetExecutor,
  { place, selection, work }: { place: TargetPlace; selection: Selection; work: OperationWork },
): Promise<TargetEstimate> {
  try {
    return await executor.plan(place, selection, work);
  } catch (error) {
    if (!(error instanceof LinewardError) || error.code !== 'KAFKA_NOT_CONFIGURED') throw error;
    const gap = { code: error.code, dataset: place.name, reason: error.message };
    return { action: 'NONE', files: 0, bytes: 0, records: 0, seconds: 0, gaps: [gap], manifest: [] };
  }
}
