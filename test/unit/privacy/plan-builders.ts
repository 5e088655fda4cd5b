import { compileProtection, type ProtectedField } from '../../../src/domain/privacy/compile-protection.ts';
import type { ProtectionPlan } from '../../../src/domain/privacy/protection-plan.ts';
import type { ProtectionPolicy } from '../../../src/domain/privacy/protection-policy.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';

/** The entity that the plans of these tests are for. */
export const entityFullName = 'Demo.SparkSummit';
export const field = (path: string, semanticType: string | null = null, nullable = false): ProtectedField => ({
  path,
  semanticType,
  nullable,
});
export const policy = (
  scope: ProtectionPolicy['scope'],
  scopeName: string | null,
  action: ProtectionPolicy['action'],
  semanticType = 'phonenumber',
): ProtectionPolicy => ({ scope, scopeName, semanticType, action });

export function planOf(
  fields: readonly ProtectedField[],
  policies: readonly ProtectionPolicy[] = [],
  options: { accountField?: string | null; strict?: boolean } = {},
): ProtectionPlan {
  const { accountField = 'account', strict = false } = options;
  return compileProtection({ entityFullName, namespace: 'Demo', fields, policies, accountField, strict });
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
