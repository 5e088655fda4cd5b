import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Role } from '../domain/access/role.ts';

/** A token of somebody: whoever has its text is this actor. Only its SHA-256 is kept, so nobody can read the text here. */
export const ApiTokenSchema = defineEntity({
  name: 'ApiToken',
  tableName: 'api_token',
  properties: {
    id: p.text().primary(),
    name: p.text(),
    digest: p.text().hidden(),
    roles: p.array<Role>(),
    createdBy: p.text(),
    createdAt: p.datetime(),
    expiresAt: p.datetime().strictNullable(),
    revokedBy: p.text().strictNullable(),
    revokedAt: p.datetime().strictNullable(),
  },
});
export type ApiToken = InferEntity<typeof ApiTokenSchema>;
