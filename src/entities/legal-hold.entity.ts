import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { SubjectKey } from '../domain/governance/hold-scope.ts';

/** A legal hold on what its scope names; active until released. */
export const LegalHoldSchema = defineEntity({
  name: 'LegalHold',
  tableName: 'legal_hold',
  properties: {
    id: p.text().primary(),
    matterId: p.text(),
    reason: p.text(),
    /** Null: everybody's records, in the places that the scope names. */
    accountId: p.text().strictNullable(),
    subjects: p.json<readonly SubjectKey[]>(),
    datasetIds: p.array().strictNullable(),
    namespaces: p.array().strictNullable(),
    entityIds: p.array().strictNullable(),
    classifications: p.array().strictNullable(),
    lineageDownstream: p.boolean(),
    /** Only records of dates from that instant on, and before that one; null for no end on that side. */
    datesFrom: p.datetime().strictNullable(),
    datesUntil: p.datetime().strictNullable(),
    /** Only who places holds is told of it. */
    confidential: p.boolean(),
    placedBy: p.text(),
    placedAt: p.datetime(),
    releaseRequestedBy: p.text().strictNullable(),
    releaseRequestedAt: p.datetime().strictNullable(),
    releasedBy: p.text().strictNullable(),
    releasedAt: p.datetime().strictNullable(),
  },
});
export type LegalHold = InferEntity<typeof LegalHoldSchema>;
