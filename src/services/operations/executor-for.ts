import type { OperationKind } from '../../domain/operations/status.ts';
import type { TargetRole } from '../../domain/operations/target.ts';
import type { TargetExecutor } from './ports.ts';

/** The executor that does this kind of work in this kind of place; undefined when none of them does. */
export function executorFor(
  executors: readonly TargetExecutor[],
  role: TargetRole,
  kind: OperationKind,
): TargetExecutor | undefined {
  return executors.find((candidate) => candidate.role === role && candidate.kinds.includes(kind));
}
