import { digestOf } from '../canonical-json.ts';
import type { Gap, TargetEstimate, TargetRole } from './target.ts';

/** One place in a plan. `sequence` orders places along lineage: all of a lower sequence finish first. */
export interface PlannedTarget {
  readonly dataset: { readonly id: string; readonly namespace: string; readonly name: string };
  readonly role: TargetRole;
  readonly sequence: number;
  readonly accountField: string;
  readonly subjectFields: readonly string[];
  readonly estimate: TargetEstimate;
}

/** The frozen answer to "what will this operation do". Holds digests of subjects, never their identifiers. */
export interface OperationPlan {
  readonly operationId: string;
  readonly kind: string;
  readonly subjects: readonly { readonly digest: string; readonly held: boolean }[];
  readonly targets: readonly PlannedTarget[];
  readonly gaps: readonly Gap[];
}

/** SHA-256 over the canonical JSON of the plan; approval binds to it. */
export function planHash(plan: OperationPlan): string {
  return digestOf(plan);
}
