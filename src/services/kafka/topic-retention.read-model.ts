import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type RetentionValues, retentionSettings } from '../../domain/kafka/topic-retention.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { RetentionOutcome, TopicRetention } from '../../entities/topic-retention.entity.ts';
import { keysetPage, keysetPages, type SqlFragment } from '../keyset-page.ts';
import type { PlaceLabels } from '../lineage/place-labels.ts';
import { textArray } from '../sql.ts';
import type { RetentionPlan, RetentionPlans } from './retention-plans.ts';
import { type RetentionApproval, retentionApprovals } from './topic-retention-approval.ts';

const retentionOutcomes = [
  'NOT_CHECKED',
  'IN_FORCE',
  'NEEDS_APPROVAL',
  'HELD',
  'REFUSED',
  'TOPIC_GONE',
  'REWRITING',
] as const satisfies readonly RetentionOutcome[];

const values: z.ZodType<RetentionValues> = z.partialRecord(z.enum(retentionSettings), z.string());
const text = z.string().nullable();
const date = z.coerce.date().nullable();

const retentionRow = z
  .object({
    id: z.string(),
    dataset_id: z.string(),
    policy_version: z.number(),
    policy: values,
    in_force: values,
    approved_version: z.number().nullable(),
    approved_by: text,
    approved_at: date,
    before_hold: z.partialRecord(z.enum(retentionSettings), text),
    placed_by: text,
    before_placing: z.object({ value: z.string(), isOwn: z.boolean() }).nullable(),
    outcome: z.enum(retentionOutcomes),
    outcome_reason: text,
    checked_at: date,
    deviations: z.array(z.object({ setting: z.string(), onBroker: text, desired: text, why: z.string() })),
    deviating_since: date,
    last_changes: z.array(z.object({ setting: z.string(), from: text, to: text })),
    changed_at: date,
    created_at: z.coerce.date(),
    updated_at: z.coerce.date(),
  })
  .transform(
    (row): TopicRetention => ({
      id: row.id,
      datasetId: row.dataset_id,
      policyVersion: row.policy_version,
      policy: row.policy,
      inForce: row.in_force,
      approvedVersion: row.approved_version,
      approvedBy: row.approved_by,
      approvedAt: row.approved_at,
      beforeHold: row.before_hold,
      placedBy: row.placed_by,
      beforePlacing: row.before_placing,
      outcome: row.outcome,
      outcomeReason: row.outcome_reason,
      checkedAt: row.checked_at,
      deviations: row.deviations,
      deviatingSince: row.deviating_since,
      lastChanges: row.last_changes,
      changedAt: row.changed_at,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    }),
  );

/** One version of a retention, as it was set. */
export interface TopicRetentionVersion {
  readonly policyVersion: number;
  readonly policy: RetentionValues;
  readonly createdBy: string;
  readonly createdAt: Date;
}

const versionRow = z
  .object({ policy_version: z.number(), policy: values, created_by: z.string(), created_at: z.coerce.date() })
  .transform(
    (row): TopicRetentionVersion => ({
      policyVersion: row.policy_version,
      policy: row.policy,
      createdBy: row.created_by,
      createdAt: row.created_at,
    }),
  );

export interface TopicRetentionFilter {
  readonly deviating?: boolean | undefined;
  readonly outcome?: RetentionOutcome | undefined;
}

/** Questions about the retention of topics. */
export class TopicRetentionReadModel {
  readonly #em: EntityManager;
  readonly #plans: Pick<RetentionPlans, 'plansOf'>;
  readonly #placeLabels: Pick<PlaceLabels, 'labelsIn'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly plans: Pick<RetentionPlans, 'plansOf'>;
    readonly placeLabels: Pick<PlaceLabels, 'labelsIn'>;
  }) {
    this.#em = deps.em;
    this.#plans = deps.plans;
    this.#placeLabels = deps.placeLabels;
  }

  topicRetentions(request: PageRequest, filter: TopicRetentionFilter): Promise<Page<TopicRetention>> {
    const conditions: SqlFragment[] = [];
    if (filter.deviating !== undefined)
      conditions.push({ sql: '(deviating_since is not null) = ?', params: [filter.deviating] });
    if (filter.outcome !== undefined) conditions.push({ sql: 'outcome = ?', params: [filter.outcome] });
    return keysetPage(this.#em.fork(), {
      table: 'topic_retention',
      where: {
        sql: ['true', ...conditions.map(({ sql }) => sql)].join(' and '),
        params: conditions.flatMap(({ params }) => params),
      },
      order: [{ column: 'id', type: 'text' }],
      request,
      parse: (row) => retentionRow.parse(row),
    });
  }

  async topicRetentionsById(ids: readonly string[]): Promise<readonly TopicRetention[]> {
    return this.#by('id', ids);
  }

  async topicRetentionsOfDatasets(datasetIds: readonly string[]): Promise<ReadonlyMap<string, TopicRetention>> {
    const found = await this.#by('dataset_id', datasetIds);
    return new Map(found.map((retention) => [retention.datasetId, retention]));
  }

  versionsOf(ids: readonly string[], request: PageRequest): Promise<(id: string) => Page<TopicRetentionVersion>> {
    return keysetPages(this.#em.fork(), {
      table: 'topic_retention_version',
      parent: { column: 'retention_id', ids },
      order: [{ column: 'policy_version', type: 'integer', descending: true }],
      request,
      parse: (row) => versionRow.parse(row),
    });
  }

  /** What an approval would do, and what it would name: one plan for each retention, read from the broker now. */
  async plansOf(retentions: readonly TopicRetention[]): Promise<readonly (RetentionPlan & RetentionApproval)[]> {
    const plans = await this.#plans.plansOf(retentions, { approving: true });
    const approvals = await retentionApprovals(this.#em.fork(), plans, {
      floor: { approvals: 1, byRequester: true },
      placeLabels: this.#placeLabels,
    });
    return plans.map((plan, index) => ({ ...plan, ...(approvals[index] ?? { approvalsNeeded: 1, approvedBy: [] }) }));
  }

  async #by(column: 'id' | 'dataset_id', ids: readonly string[]): Promise<readonly TopicRetention[]> {
    const rows = await this.#em
      .fork()
      .execute(`select * from topic_retention where ${column} = any(?::text[])`, [textArray(ids)]);
    return rows.map((row) => retentionRow.parse(row));
  }
}
