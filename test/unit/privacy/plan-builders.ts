import { compileProtection } from '../../../src/domain/privacy/compile-protection.ts';
import type { ProtectedField, ProtectionInput } from '../../../src/domain/privacy/protection-input.ts';
import type { ProtectionPlan } from '../../../src/domain/privacy/protection-plan.ts';
import type { ProtectionParams, ProtectionPolicy } from '../../../src/domain/privacy/protection-policy.ts';
import { SemanticTypes } from '../../../src/domain/privacy/semantic-type.ts';
import { labelFields } from '../../../src/domain/registry/labels.ts';
import type { ParsedSchema } from '../../../src/domain/registry/schema-format.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';

/** The entity that the plans of these tests are for. */
export const entityFullName = 'Demo.SparkSummit';
export const field = (path: string, semanticType: string | null = null, nullable = false): ProtectedField => ({
  path,
  semanticType,
  nullable,
  otherTypes: [],
  recurrences: [],
  plainAt: [],
});
/** What a plan is told of the fields of a schema. */
export const fieldsOf = ({ fields }: Pick<ParsedSchema, 'fields'>): readonly ProtectedField[] =>
  labelFields(fields, { record: 'n.R', metadata: null, semanticTypeOf: new SemanticTypes().find });
export const policy = (
  scope: ProtectionPolicy['scope'],
  scopeName: string | null,
  action: ProtectionPolicy['action'],
  semanticType = 'phonenumber',
  params: ProtectionParams = {},
): ProtectionPolicy => ({ scope, scopeName, semanticType, classification: '', action, params });

export function planOf(
  fields: readonly ProtectedField[],
  policies: readonly ProtectionPolicy[] = [],
  options: Partial<Pick<ProtectionInput, 'accountField' | 'subjectField' | 'strict' | 'types' | 'tokenize'>> = {},
): ProtectionPlan {
  const defaults = { accountField: 'account', subjectField: null, strict: false, tokenize: null };
  const types = new SemanticTypes();
  return compileProtection({ entityFullName, namespace: 'Demo', fields, policies, types, ...defaults, ...options });
}

/** The refusal that an action throws. */
export function errorOf(action: () => unknown): LinewardError {
  try {
    action();
  } catch (error) {
    if (error instanceof LinewardError) return error;
    throw error;
  }
  throw new Error('nothing thrown');
}
