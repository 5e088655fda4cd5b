import type { ProtectionAction } from './protection-action.ts';
import type { RemovalForm } from './protection-policy.ts';

/** What happens to the values at one path. */
export interface FieldProtection {
  readonly semanticType: string;
  readonly action: Exclude<ProtectionAction, 'TOKENIZE'>;
  /** What stands in the place of a removed value. */
  readonly removalForm: RemovalForm;
}

/** One place in the record tree: a field, the elements of an array (`[]`) or the values of a map (`{}`). */
export interface PlanNode {
  readonly path: string;
  readonly nullable: boolean;
  /** Null where neither the field nor a parent of it has a semantic type: the value passes. */
  readonly protection: FieldProtection | null;
  readonly fields: ReadonlyMap<string, PlanNode>;
  readonly element: PlanNode | null;
  readonly entry: PlanNode | null;
}

export interface ProtectionStep extends FieldProtection {
  readonly path: string;
}

export interface ProtectionWarning {
  readonly path: string;
  readonly message: string;
}

/** What to do with each field of the records of one entity version. Made by `compileProtection`. */
export interface ProtectionPlan {
  readonly entityFullName: string;
  /** Path of the field that names the account whose key encrypts; record steps only. */
  readonly accountField: string | null;
  /** One per field with a semantic type, own or inherited, in the order of the fields. */
  readonly steps: readonly ProtectionStep[];
  /** Paths of fields that pass because nobody said what they hold. */
  readonly gaps: readonly string[];
  readonly warnings: readonly ProtectionWarning[];
  /** True when a record cannot be protected without its account's key. */
  readonly encrypts: boolean;
  readonly root: PlanNode;
}
