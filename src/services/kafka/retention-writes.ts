import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import { inForceUnder, type RetentionValues } from '../../domain/kafka/topic-retention.ts';
import {
  type BeforePlacing,
  type TopicRetention,
  TopicRetentionSchema,
} from '../../entities/topic-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { topicLock, topicLockSql } from './topic-names.ts';

/** A retention as it is to be, upon what there is. */
export interface RetentionWrite {
  readonly datasetId: string;
  readonly known: TopicRetention | null;
  readonly policy: RetentionValues;
  /** Who says so; it counts for approvals, whoever writes it. */
  readonly setBy: string;
  /** The policy that places it, and what the topic had before; null for what somebody sets for this topic. */
  readonly placing: { readonly by: string; readonly before: BeforePlacing } | null;
}

/** Holds the retention of a topic against others who change it, be there one or not. */
export async function lockRetentionOf(tx: EntityManager, datasetId: string): Promise<void> {
  await tx.execute(topicLockSql.alone, [`retention:${datasetId}`]);
}

/**
 * The policy, with its topic held: others who change its settings come before or after, and it is not switched to its
 * next generation meanwhile.
 * @throws LinewardError NOT_FOUND
 */
export async function lockRetention(tx: EntityManager, id: string): Promise<TopicRetention> {
  const [row] = await tx.execute<{ dataset_id: string }[]>('select dataset_id from topic_retention where id = ?', [id]);
  if (row !== undefined) {
    await lockRetentionOf(tx, row.dataset_id);
    await tx.execute(topicLockSql.shared, [topicLock(row.dataset_id)]);
  }
  const policy = await tx.findOne(TopicRetentionSchema, { id }, { refresh: true });
  if (policy === null)
    throw new LinewardError('NOT_FOUND', 'id: there is no such retention of a topic', { path: ['id'] });
  return policy;
}

/**
 * Makes the retention of a topic, or its next version, with its event; it must be locked. What keeps as long as before is no new
 * version: whoever approved it approved that.
 */
export async function writeRetention(tx: EntityManager, actor: Actor, write: RetentionWrite): Promise<TopicRetention> {
  const { datasetId, known, policy, setBy, placing } = write;
  const id = known?.id ?? newId();
  const placed = [placing?.by ?? null, placing === null ? null : JSON.stringify(placing.before)];
  const isSame = known !== null && isSamePolicy(known.policy, policy);
  if (known !== null && isSame && known.placedBy === (placing?.by ?? null)) return known;
  if (isSame)
    await tx.execute('update topic_retention set placed_by = ?, before_placing = ?::jsonb where id = ?', [
      ...placed,
      id,
    ]);
  else await writeVersion(tx, { id, datasetId, known, policy, setBy, placed });
  const found = await tx.findOneOrFail(TopicRetentionSchema, { id }, { refresh: true });
  audit(tx, actor, {
    action: 'setTopicRetention',
    resourceType: 'TopicRetention',
    resourceId: id,
    details: {
      ...{ datasetId, policyVersion: found.policyVersion, settings: policy },
      ...(placing === null ? {} : { retentionPolicy: placing.by, setBy }),
    },
  });
  return found;
}

async function writeVersion(
  tx: EntityManager,
  {
    id,
    datasetId,
    known,
    policy,
    setBy,
    placed,
  }: Omit<RetentionWrite, 'placing'> & {
    readonly id: string;
    readonly placed: readonly (string | null)[];
  },
): Promise<void> {
  const [inForce, text] = [inForceUnder(policy, known?.inForce ?? {}), JSON.stringify(policy)];
  await tx.execute(
    `insert into topic_retention (id, dataset_id, policy_version, policy, placed_by, before_placing, created_at, updated_at)
     values (?, ?, 1, ?::jsonb, ?, ?::jsonb, now(), now())
     on conflict (dataset_id) do update set policy_version = topic_retention.policy_version + 1,
       policy = excluded.policy, placed_by = excluded.placed_by, before_placing = excluded.before_placing, in_force = ?::jsonb,
       outcome = 'NOT_CHECKED', outcome_reason = null, deviations = '[]', deviating_since = null, updated_at = now()`,
    [id, datasetId, text, ...placed, JSON.stringify(inForce)],
  );
  await tx.execute(
    `insert into topic_retention_version (retention_id, policy_version, policy, created_by, created_at)
     values (?, ?, ?::jsonb, ?, now())`,
    [id, (known?.policyVersion ?? 0) + 1, text, setBy],
  );
}

/** Takes the retention of a topic away, with its event; it must be locked. */
export async function removeRetention(
  tx: EntityManager,
  actor: Actor,
  { id, datasetId, policyVersion, policy, placedBy }: TopicRetention,
): Promise<void> {
  await tx.execute('delete from topic_retention where id = ?', [id]);
  audit(tx, actor, {
    action: 'deleteTopicRetention',
    resourceType: 'TopicRetention',
    resourceId: id,
    details: {
      ...{ datasetId, policyVersion, settings: policy },
      ...(placedBy === null ? {} : { retentionPolicy: placedBy }),
    },
  });
}

const isSamePolicy = (one: RetentionValues, other: RetentionValues): boolean =>
  JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));

const sorted = (values: object): readonly unknown[] =>
  Object.entries(values).sort(([one], [other]) => (one < other ? -1 : 1));
