import type { ColumnStep } from './graph.ts';

/** A label in a field, with where it was set and the last step on a shortest way from there. */
export interface CarriedLabel {
  readonly originId: string;
  readonly fieldId: string;
  readonly depth: number;
  readonly via: ColumnStep | null;
}

export type BlockReason = 'MASKED' | 'INDIRECT' | 'ENDED';

/** A step that a label did not take, into a field that it did not reach by another one. */
export interface BlockedStep {
  readonly step: ColumnStep;
  readonly reason: BlockReason;
}

export interface Propagation {
  readonly labels: readonly CarriedLabel[];
  readonly blocked: readonly BlockedStep[];
  /** False when there are more labels than were asked for. */
  readonly complete: boolean;
}

/** Why a label does not take a step; null when it does. */
function blockOf(step: ColumnStep): BlockReason | null {
  if (step.kind === 'INDIRECT') return 'INDIRECT';
  if (step.masking) return 'MASKED';
  return step.isInForce ? null : 'ENDED';
}

/**
 * Labels go along direct steps that do not mask. Nothing is kept: a label is where a way from its origin leads, so it is gone with
 * the last such way.
 */
export function propagate(originIds: readonly string[], steps: readonly ColumnStep[], labelsMax: number): Propagation {
  const open = Map.groupBy(
    steps.filter((step) => blockOf(step) === null),
    ({ sourceFieldId }) => sourceFieldId,
  );
  const labels: CarriedLabel[] = [];
  for (const originId of originIds) {
    const reached = new Set([originId]);
    const queue: CarriedLabel[] = [{ originId, fieldId: originId, depth: 0, via: null }];
    for (const label of queue) {
      if (labels.length === labelsMax) return { labels, blocked: blockedBy(labels, steps), complete: false };
      labels.push(label);
      for (const via of open.get(label.fieldId) ?? []) {
        if (reached.has(via.targetFieldId)) continue;
        reached.add(via.targetFieldId);
        queue.push({ originId, fieldId: via.targetFieldId, depth: label.depth + 1, via });
      }
    }
  }
  return { labels, blocked: blockedBy(labels, steps), complete: true };
}

function blockedBy(labels: readonly CarriedLabel[], steps: readonly ColumnStep[]): readonly BlockedStep[] {
  const labelled = new Set(labels.map(({ fieldId }) => fieldId));
  return steps.flatMap((step) => {
    const reason = blockOf(step);
    const stops = reason !== null && labelled.has(step.sourceFieldId) && !labelled.has(step.targetFieldId);
    return stops ? [{ step, reason }] : [];
  });
}
