import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { StandingActor } from '../domain/access/actor.ts';
import type {
  RunDays,
  RunOutputs,
  RunPlan,
  RunStatistics,
  TransformRunMode,
  TransformRunStatus,
} from '../domain/transform/run-state.ts';
import type { ErrorCode } from '../errors/codes.ts';

/** One run of a version of a transformer. The row is the outbox of its task. */
export const TransformRunSchema = defineEntity({
  name: 'TransformRun',
  tableName: 'transform_run',
  properties: {
    id: p.text().primary(),
    transformerId: p.text(),
    versionId: p.text(),
    /** Of the table: a run has the lease of it. */
    datasetId: p.text(),
    /** Of the transformer; names of files have it. */
    number: p.integer(),
    mode: p.text().$type<TransformRunMode>(),
    /** Of a back-fill. */
    days: p.json<RunDays>().strictNullable(),
    status: p.text().$type<TransformRunStatus>(),
    /** What is read; frozen before it is. */
    plan: p.json<RunPlan>().strictNullable(),
    /** What is to be published and what it replaces; frozen before any of it is. */
    outputs: p.json<RunOutputs>().strictNullable(),
    statistics: p.json<Partial<RunStatistics>>(),
    recordsDone: p.bigint('number'),
    recordsTotal: p.bigint('number'),
    /** Of the lease under which the last step was done: with another holder in between the table may be another one. */
    fencingToken: p.bigint('number'),
    cancelRequested: p.boolean(),
    code: p.text().$type<ErrorCode>().strictNullable(),
    reason: p.text().strictNullable(),
    /** The event of its end, until lineage has it. */
    untold: p.text().strictNullable(),
    requestedBy: p.text(),
    /** In whose name it reads its sources. */
    readsAs: p.json<StandingActor>(),
    attempt: p.integer(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    finishedAt: p.datetime().strictNullable(),
  },
});
export type TransformRun = InferEntity<typeof TransformRunSchema>;
