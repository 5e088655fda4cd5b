import { canonicalJson } from '../../domain/canonical-json.ts';
import type { TargetEstimate } from '../../domain/operations/target.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

/** What was approved to be done to values, as an entry of a manifest; `mark` null: nothing that could change. */
export const plannedTransformation = (mark: unknown): TargetEstimate['manifest'] =>
  mark === null ? [] : [{ transformation: mark }];

/** @throws LinewardError PLAN_CHANGED when policies or schemas say otherwise than when the plan was approved. */
export function assertAsPlanned(mark: unknown, { manifest }: TargetEstimate): void {
  if (mark === null) return;
  const planned = manifest.find((entry) => entry.transformation !== undefined)?.transformation;
  if (planned !== undefined && canonicalJson(planned) === canonicalJson(mark)) return;
  throw new LinewardError(
    'PLAN_CHANGED',
    'What is to be done to the values has changed since the plan was approved: policies, semantic types or the schema; request the operation again.',
  );
}
