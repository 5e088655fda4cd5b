import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** What is done to values of a semantic type inside a scope. */
export const ProtectionPolicySchema = defineEntity({
  name: 'ProtectionPolicy',
  tableName: 'protection_policy',
  properties: {
    id: p.text().primary(),
    scope: p.text().$type<'GLOBAL' | 'NAMESPACE' | 'ENTITY' | 'FIELD'>(),
    scopeName: p.text(),
    semanticType: p.text(),
    action: p.text().$type<'REMOVE' | 'ENCRYPT' | 'REDACT' | 'NONE'>(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export type ProtectionPolicy = InferEntity<typeof ProtectionPolicySchema>;
