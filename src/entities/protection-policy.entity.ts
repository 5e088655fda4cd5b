import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { ProtectionAction } from '../domain/privacy/protection-action.ts';
import type { ProtectionParams, ProtectionScope } from '../domain/privacy/protection-policy.ts';

/** What is done to values of a semantic type inside a scope. */
export const ProtectionPolicySchema = defineEntity({
  name: 'ProtectionPolicy',
  tableName: 'protection_policy',
  properties: {
    id: p.text().primary(),
    scope: p.text().$type<ProtectionScope>(),
    scopeName: p.text(),
    /** Empty where the policy is for a classification. */
    semanticType: p.text(),
    classification: p.text(),
    action: p.text().$type<ProtectionAction>(),
    params: p.json<ProtectionParams>(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export type ProtectionPolicy = InferEntity<typeof ProtectionPolicySchema>;
