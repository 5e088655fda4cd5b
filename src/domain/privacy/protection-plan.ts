import type { Recurrence } from '../registry/schema-format.ts';
import type { ProtectionAction } from './protection-action.ts';
import type { KeyScope, RemovalForm } from './protection-policy.ts';
import type { Redactor } from './redaction-rule.ts';

/** What happens to the values at one path. */
export interface FieldProtection {
  readonly semanticType: string;
  readonly action: ProtectionAction;
  /** For REMOVE: what stands in the place of a removed value. */
  readonly removalForm: RemovalForm;
  /** For REDACT and TOKENIZE. */
  readonly redactor: Redactor;
  /** For ENCRYPT. */
  readonly suite: 1 | 2 | 3;
  readonly keyScope: KeyScope;
  readonly padding: boolean;
}

/** Deepest nesting of a record that is protected; what lies deeper goes. */
export const recordDepthMax = 256;

/**
 * One place in the record: a field, the elements of an array (`[]`) or the values of a map (`{}`). Of a record inside itself the
 * inner place is a node that lies above it, so walks over nodes must know where they have been.
 */
export interface PlanNode {
  readonly path: string;
  readonly nullable: boolean;
  /** Null where neither the field nor a parent of it has a semantic type: the value passes. */
  readonly protection: FieldProtection | null;
  /** True for a leaf that nothing is done to. */
  readonly passes: boolean;
  /** True where values without members pass, or are protected, beside those that have some. */
  readonly allowsPlain: boolean;
  /** What becomes of a text, where that needs no key: the short way for most protected values. Undefined leaves it out. */
  readonly ofText: ((text: string) => string | null | undefined) | null;
  readonly fields: ReadonlyMap<string, PlanNode>;
  /** The fields in the order of the schema, each with its key as compact JSON writes it: `"to":`. */
  readonly order: readonly { readonly key: string; readonly node: PlanNode }[];
  /** Place in the order of the parent, or of the first one. */
  readonly position: number;
  readonly element: PlanNode | null;
  readonly entry: PlanNode | null;
}

export interface ProtectionStep extends FieldProtection {
  readonly path: string;
  /** True when the type of the values is classified. */
  readonly isPersonal: boolean;
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
  /** Path of the field that names the person whose own key encrypts, where a policy says so; record steps only. */
  readonly subjectField: string | null;
  /** One per field with a semantic type, own or inherited, in the order of the fields. */
  readonly steps: readonly ProtectionStep[];
  /** Paths of fields that pass because nobody said what they hold. */
  readonly gaps: readonly string[];
  /** Where records lie inside themselves and are protected as they are further up. */
  readonly recurrences: readonly Recurrence[];
  readonly warnings: readonly ProtectionWarning[];
  /** True when a record cannot be protected without a key. */
  readonly encrypts: boolean;
  /** True when it needs the account's own key. */
  readonly encryptsForAccounts: boolean;
  /** True when it needs a key of the person. */
  readonly encryptsForSubjects: boolean;
  readonly root: PlanNode;
}
