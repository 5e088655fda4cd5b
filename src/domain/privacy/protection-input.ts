import type { Recurrence } from '../registry/schema-format.ts';
import type { ProtectionPolicy } from './protection-policy.ts';
import type { Tokenize } from './redaction-rule.ts';
import type { SemanticTypes } from './semantic-type.ts';

export interface ProtectedField {
  /** Path as the registry writes it: `a.b`, `a[]`, `a{}`. */
  readonly path: string;
  readonly nullable: boolean;
  /** Name or alias; null when the schema does not say. */
  readonly semanticType: string | null;
  /** Further types that its values may have; null stands for values that have none of their own. */
  readonly otherTypes: readonly (string | null)[];
  /** Where the field, its elements or its values begin again what began further up. */
  readonly recurrences: readonly Recurrence[];
  /** Those of the same places where texts, numbers and the like may stand beside records, lists and maps. */
  readonly plainAt: readonly string[];
}

export interface ProtectionInput {
  readonly entityFullName: string;
  readonly namespace: string;
  readonly fields: readonly ProtectedField[];
  readonly policies: readonly ProtectionPolicy[];
  readonly types: SemanticTypes;
  /** Makes tokens; null is an error only where a policy or a type asks for them. */
  readonly tokenize: Tokenize | null;
  readonly accountField: string | null;
  readonly subjectField: string | null;
  /** Refuses fields without a semantic type; else they pass and are listed as gaps. */
  readonly strict: boolean;
}
