import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A legal hold on an account or one subject in it; active until released. */
export const LegalHoldSchema = defineEntity({
  name: 'LegalHold',
  tableName: 'legal_hold',
  properties: {
    id: p.text().primary(),
    matterId: p.text(),
    reason: p.text(),
    accountId: p.text(),
    subjectField: p.text().strictNullable(),
    subjectValue: p.text().strictNullable(),
    placedBy: p.text(),
    placedAt: p.datetime(),
    releaseRequestedBy: p.text().strictNullable(),
    releaseRequestedAt: p.datetime().strictNullable(),
    releasedBy: p.text().strictNullable(),
    releasedAt: p.datetime().strictNullable(),
  },
});
export type LegalHold = InferEntity<typeof LegalHoldSchema>;
