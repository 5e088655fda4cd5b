import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Partitioning } from '../domain/lake/partitioning.ts';
import type { TableProfile } from '../domain/lake/table-profile.ts';
import type { ErrorCode } from '../errors/codes.ts';

export const lakeRegistrationStatuses = ['PROFILING', 'PROFILED', 'REGISTERED', 'REFUSED'] as const;
export type LakeRegistrationStatus = (typeof lakeRegistrationStatuses)[number];

/** A directory that somebody wants as a table, and how far that has come. The row is the outbox of its task. */
export const LakeRegistrationSchema = defineEntity({
  name: 'LakeRegistration',
  tableName: 'lake_registration',
  properties: {
    id: p.text().primary(),
    entityId: p.text(),
    location: p.text(),
    accountField: p.text(),
    subjectFields: p.array(),
    dateField: p.text().strictNullable(),
    /** As it was asked for; null: as most files have it. */
    partitioning: p.text().$type<Partitioning>().strictNullable(),
    dryRun: p.boolean(),
    acceptUnreadable: p.boolean(),
    status: p.text().$type<LakeRegistrationStatus>(),
    code: p.text().$type<ErrorCode>().strictNullable(),
    reason: p.text().strictNullable(),
    filesDone: p.bigint('number'),
    filesTotal: p.bigint('number'),
    profile: p.json<TableProfile>().strictNullable(),
    datasetId: p.text().strictNullable(),
    requestedBy: p.text(),
    attempt: p.integer(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    finishedAt: p.datetime().strictNullable(),
  },
});
export type LakeRegistration = InferEntity<typeof LakeRegistrationSchema>;
