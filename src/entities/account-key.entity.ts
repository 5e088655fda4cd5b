import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** One version of an account's data key, wrapped by the key provider. */
export const AccountKeySchema = defineEntity({
  name: 'AccountKey',
  tableName: 'account_key',
  properties: {
    id: p.text().primary(),
    accountId: p.text(),
    version: p.integer(),
    state: p.text().$type<'ACTIVE' | 'RETIRED' | 'DESTROYED'>(),
    /** Null exactly when the version is destroyed. */
    wrapped: p.blob().strictNullable(),
    kekId: p.text(),
    createdAt: p.datetime(),
  },
});
export type AccountKeyRow = InferEntity<typeof AccountKeySchema>;
