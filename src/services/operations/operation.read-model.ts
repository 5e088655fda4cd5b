import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { SubjectSelector } from '../../domain/governance/selection.ts';
import type { OperationPlan } from '../../domain/operations/plan.ts';
import type { PacedProgress } from '../../domain/operations/progress.ts';
import {
  type OperationStatus,
  operationKinds,
  operationStatuses,
  targetStatuses,
} from '../../domain/operations/status.ts';
import {
  type Gap,
  type TargetEstimate,
  type TargetReceipt,
  type TargetVerification,
  targetRoles,
} from '../../domain/operations/target.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { Certificate } from '../../entities/certificate.entity.ts';
import type { Operation, OperationSubject, OperationTarget } from '../../entities/operation.entity.ts';
import { keysetPage, keysetPages } from '../keyset-page.ts';
import { textArray } from '../sql.ts';
import type { Notary } from './ports.ts';

const instant = z.coerce.date();
const optionalInstant = instant.nullable();
// Written by this product alone; its shape is checked where it is made.
const stored = <T>() => z.custom<T>((value) => typeof value === 'object');

/** A plan has a digest for each of up to 200,000 subjects: it is read where it is asked for, not with each look at the status. */
export type OperationSummary = Omit<Operation, 'plan'>;

const operationShape = z.object({
  id: z.string(),
  kind: z.enum(operationKinds),
  status: z.enum(operationStatuses),
  status_reason: z.string().nullable(),
  reason: z.string().nullable(),
  dry_run: z.boolean(),
  urgent: z.boolean(),
  idempotency_key: z.string().nullable(),
  input_digest: z.string(),
  entity_id: z.string().nullable(),
  dataset_ids: z.array(z.string()).nullable(),
  plan_hash: z.string().nullable(),
  round: z.number(),
  attempt: z.number(),
  requested_by: z.string(),
  approved_by: z.string().nullable(),
  approvals_needed: z.number(),
  approval_expires_at: optionalInstant,
  execute_after: optionalInstant,
  created_at: instant,
  planned_at: optionalInstant,
  approved_at: optionalInstant,
  finished_at: optionalInstant,
  updated_at: instant,
});
const operationColumns = Object.keys(operationShape.shape).join(', ');
const operationRow = operationShape.transform(
  (row): OperationSummary => ({
    id: row.id,
    kind: row.kind,
    status: row.status,
    statusReason: row.status_reason,
    reason: row.reason,
    dryRun: row.dry_run,
    urgent: row.urgent,
    idempotencyKey: row.idempotency_key,
    inputDigest: row.input_digest,
    entityId: row.entity_id,
    datasetIds: row.dataset_ids,
    planHash: row.plan_hash,
    round: row.round,
    attempt: row.attempt,
    requestedBy: row.requested_by,
    approvedBy: row.approved_by,
    approvalsNeeded: row.approvals_needed,
    approvalExpiresAt: row.approval_expires_at,
    executeAfter: row.execute_after,
    createdAt: row.created_at,
    plannedAt: row.planned_at,
    approvedAt: row.approved_at,
    finishedAt: row.finished_at,
    updatedAt: row.updated_at,
  }),
);

const targetRow = z
  .object({
    id: z.string(),
    operation_id: z.string(),
    dataset_id: z.string(),
    role: z.enum(targetRoles),
    round: z.number(),
    sequence: z.number(),
    account_field: z.string(),
    subject_fields: z.array(z.string()),
    status: z.enum(targetStatuses),
    status_reason: z.string().nullable(),
    attempt: z.number(),
    fencing_token: z.coerce.number(),
    estimate: stored<TargetEstimate>(),
    progress: stored<PacedProgress | null>(),
    receipt: stored<TargetReceipt | null>(),
    verification: stored<TargetVerification | null>(),
    updated_at: instant,
  })
  .transform(
    (row): OperationTarget => ({
      id: row.id,
      operationId: row.operation_id,
      datasetId: row.dataset_id,
      role: row.role,
      round: row.round,
      sequence: row.sequence,
      accountField: row.account_field,
      subjectFields: row.subject_fields,
      status: row.status,
      statusReason: row.status_reason,
      attempt: row.attempt,
      fencingToken: row.fencing_token,
      estimate: row.estimate,
      progress: row.progress,
      receipt: row.receipt,
      verification: row.verification,
      updatedAt: row.updated_at,
    }),
  );

const subjectRow = z
  .object({
    id: z.string(),
    operation_id: z.string(),
    account_id: z.string().nullable(),
    subject_field: z.string().nullable(),
    subject_value: z.string().nullable(),
    key_version: z.number().nullable(),
    digest: z.string(),
    held: z.boolean(),
  })
  .transform(
    (row): OperationSubject => ({
      id: row.id,
      operationId: row.operation_id,
      accountId: row.account_id,
      subjectField: row.subject_field,
      subjectValue: row.subject_value,
      keyVersion: row.key_version,
      digest: row.digest,
      held: row.held,
    }),
  );

const certificateRow = z
  .object({
    id: z.string(),
    operation_id: z.string(),
    round: z.number(),
    body: z.string(),
    signature: z.string(),
    public_key: z.string(),
    issued_at: instant,
  })
  .transform(
    (row): Certificate => ({
      id: row.id,
      operationId: row.operation_id,
      round: row.round,
      body: row.body,
      signature: row.signature,
      publicKey: row.public_key,
      issuedAt: row.issued_at,
    }),
  );

const partRow = z.object({ id: z.string(), part: stored<object>() });

/** Questions about operations, their targets, subjects and certificates. */
export class OperationReadModel {
  readonly #em: EntityManager;
  readonly #notary: Notary;

  constructor(deps: { readonly em: EntityManager; readonly notary: Notary }) {
    this.#em = deps.em;
    this.#notary = deps.notary;
  }

  operations(
    request: PageRequest,
    filter: {
      readonly statusIn?: readonly OperationStatus[] | undefined;
      readonly subject?: SubjectSelector | undefined;
    },
  ): Promise<Page<OperationSummary>> {
    const digest = filter.subject === undefined ? null : this.#notary.digest(filter.subject);
    const statuses = filter.statusIn === undefined ? null : textArray(filter.statusIn);
    return keysetPage(this.#em.fork(), {
      table: { sql: `(select ${operationColumns} from operation) operation`, params: [] },
      where: {
        sql: `(?::text[] is null or status = any(?::text[]))
          and (?::text is null or id in (select operation_id from operation_subject where digest = ?))`,
        params: [statuses, statuses, digest, digest],
      },
      order: [{ column: 'id', type: 'text', descending: true }],
      request,
      parse: (row) => operationRow.parse(row),
    });
  }

  async operationsById(ids: readonly string[]): Promise<readonly OperationSummary[]> {
    const rows = await this.#em
      .fork()
      .execute(`select ${operationColumns} from operation where id = any(?::text[])`, [textArray(ids)]);
    return rows.map((row) => operationRow.parse(row));
  }

  /** Plans of the operations that have one. */
  plansOf(ids: readonly string[]): Promise<ReadonlyMap<string, OperationPlan>> {
    return this.#ofPlans(ids, 'plan');
  }

  /** What the plans of operations cannot reach. */
  gapsOf(ids: readonly string[]): Promise<ReadonlyMap<string, readonly Gap[]>> {
    return this.#ofPlans(ids, "plan -> 'gaps'");
  }

  async #ofPlans<Part>(ids: readonly string[], part: string): Promise<ReadonlyMap<string, Part>> {
    const rows = await this.#em
      .fork()
      .execute(`select id, ${part} as part from operation where id = any(?::text[]) and plan is not null`, [
        textArray(ids),
      ]);
    return new Map(rows.map((row) => partRow.parse(row)).map(({ id, part }) => [id, part as Part]));
  }

  async targetsById(ids: readonly string[]): Promise<readonly OperationTarget[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from operation_target where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => targetRow.parse(row));
  }

  async certificatesById(ids: readonly string[]): Promise<readonly Certificate[]> {
    const rows = await this.#em.fork().execute('select * from certificate where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => certificateRow.parse(row));
  }

  /** Newest certificate of each operation that has one. */
  async certificatesOf(operationIds: readonly string[]): Promise<ReadonlyMap<string, Certificate>> {
    const rows = await this.#em
      .fork()
      .execute(
        'select distinct on (operation_id) * from certificate where operation_id = any(?::text[]) order by operation_id, round desc',
        [textArray(operationIds)],
      );
    return new Map(
      rows.map((row) => certificateRow.parse(row)).map((certificate) => [certificate.operationId, certificate]),
    );
  }

  /** Targets of the newest round of each operation. */
  targetsOf(
    operationIds: readonly string[],
    request: PageRequest,
  ): Promise<(operationId: string) => Page<OperationTarget>> {
    return keysetPages(this.#em.fork(), {
      table: 'operation_target',
      parent: { column: 'operation_id', ids: operationIds },
      where: {
        sql: 'round = (select operation.round from operation where operation.id = operation_target.operation_id)',
        params: [],
      },
      order: [
        { column: 'sequence', type: 'integer' },
        { column: 'id', type: 'text' },
      ],
      request,
      parse: (row) => targetRow.parse(row),
    });
  }

  subjectsOf(
    operationIds: readonly string[],
    request: PageRequest,
  ): Promise<(operationId: string) => Page<OperationSubject>> {
    return keysetPages(this.#em.fork(), {
      table: 'operation_subject',
      parent: { column: 'operation_id', ids: operationIds },
      order: [{ column: 'digest', type: 'text' }],
      request,
      parse: (row) => subjectRow.parse(row),
    });
  }
}
