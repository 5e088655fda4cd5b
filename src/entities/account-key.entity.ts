import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { KeyState } from '../domain/privacy/key-state.ts';

/** One version of a data key of an account or of a person in it, wrapped by the key provider. */
export const AccountKeySchema = defineEntity({
  name: 'AccountKey',
  tableName: 'account_key',
  properties: {
    id: p.text().primary(),
    accountId: p.text(),
    /** Empty for the account's own key; else the scope of the person, a keyed digest. */
    scope: p.text(),
    version: p.integer(),
    state: p.text().$type<KeyState>(),
    /** Null exactly when the version is destroyed. */
    wrapped: p.blob().strictNullable(),
    kekId: p.text(),
    /** When it was wrapped last. */
    wrappedAt: p.datetime().strictNullable(),
    /** Values that may have been encrypted: processes take blocks of them. */
    encCount: p.bigint('number'),
    /** An envelope that opens as long as the key lives. */
    canary: p.text().strictNullable(),
    createdAt: p.datetime(),
    /** Of a PRE_ACTIVE key: when it will be. */
    activatedAt: p.datetime().strictNullable(),
    retiredAt: p.datetime().strictNullable(),
    destroyedAt: p.datetime().strictNullable(),
    /** The operation that destroyed it. */
    destroyedBy: p.text().strictNullable(),
    /** True when only this version was destroyed, and its holder may have others. */
    destroyedSingly: p.boolean().default(false),
  },
});
export type AccountKeyRow = InferEntity<typeof AccountKeySchema>;
