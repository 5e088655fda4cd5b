import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { isChange, readRetention } from '../../domain/kafka/topic-retention.ts';
import { nameOfApproval } from '../../domain/operations/approval.ts';
import { Turns } from '../../domain/turns.ts';
import { type TopicRetention, TopicRetentionSchema } from '../../entities/topic-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { tellingRefusal } from '../audit/refused-approval.ts';
import type { PlaceLabels } from '../lineage/place-labels.ts';
import type { RetentionPlans } from './retention-plans.ts';
import { type RetentionReconciler, retentionsAtOnce } from './retention-reconciler.ts';
import { lockRetention, lockRetentionOf, removeRetention, writeRetention } from './retention-writes.ts';
import { approveRetention } from './topic-retention-approval.ts';

export interface SetTopicRetention {
  readonly datasetId: string;
  readonly settings: readonly { readonly name: string; readonly value: string }[];
  /** `policyVersion` that the change was made upon; 0 when there must be none. */
  readonly expectedVersion?: number | undefined;
}

/**
 * Says how long records of topics stay. A policy takes effect by the reconciler: what it keeps longer soon, what it keeps
 * shorter when somebody has read the plan and approved it by its hash.
 */
export class TopicRetentionService {
  readonly #em: EntityManager;
  readonly #kafkaNamespace: string | null;
  readonly #plans: Pick<RetentionPlans, 'plansOf'>;
  readonly #reconciler: Pick<RetentionReconciler, 'reconcile'>;
  readonly #placeLabels: Pick<PlaceLabels, 'labelsIn'>;
  readonly #approvalByAnother: boolean;
  readonly #turns = new Turns(retentionsAtOnce);

  constructor(deps: {
    readonly em: EntityManager;
    readonly kafkaNamespace: string | null;
    readonly plans: Pick<RetentionPlans, 'plansOf'>;
    readonly reconciler: Pick<RetentionReconciler, 'reconcile'>;
    readonly placeLabels: Pick<PlaceLabels, 'labelsIn'>;
    /** True where nobody approves what they set. */
    readonly approvalByAnother: boolean;
  }) {
    this.#em = deps.em;
    this.#kafkaNamespace = deps.kafkaNamespace;
    this.#plans = deps.plans;
    this.#reconciler = deps.reconciler;
    this.#placeLabels = deps.placeLabels;
    this.#approvalByAnother = deps.approvalByAnother;
  }

  /**
   * Makes the retention of a topic, or its next version. The same settings again change nothing.
   * @throws LinewardError NOT_FOUND for a dataset that is no topic, BAD_INPUT, CONFLICT
   */
  async setTopicRetention(actor: Actor, input: SetTopicRetention): Promise<TopicRetention> {
    const policy = readRetention(input.settings);
    return this.#inTurn(async (tx) => {
      await this.#lockDataset(tx, input.datasetId);
      const known = await tx.findOne(TopicRetentionSchema, { datasetId: input.datasetId });
      const version = known?.policyVersion ?? 0;
      if (input.expectedVersion !== undefined && input.expectedVersion !== version)
        throw new LinewardError('CONFLICT', `expectedVersion: the retention is at version ${version}; read it again`, {
          path: ['expectedVersion'],
        });
      const { datasetId } = input;
      return writeRetention(tx, actor, { datasetId, known, policy, setBy: actor.id, placing: null });
    });
  }

  /**
   * From then on the topic is left as it is. What a hold has kept longer stays so.
   * @throws LinewardError NOT_FOUND; CONFLICT for one that a policy places
   */
  async deleteTopicRetention(actor: Actor, id: string): Promise<void> {
    await this.#inTurn(async (tx) => {
      const retention = await lockRetention(tx, id);
      if (retention.placedBy !== null)
        throw new LinewardError(
          'CONFLICT',
          `id: the retention policy "${retention.placedBy}" places it; retire the policy, or set a retention for this topic`,
          { path: ['id'] },
        );
      await removeRetention(tx, actor, retention);
    });
  }

  /**
   * Approves all that the policy wants, as the plan of that hash has shown it, and does it once there are as many approvals as
   * approval policies ask for; until then what was in force stays. The approval stands, and the schedule keeps the topic to
   * it, also where the broker refuses now.
   * @throws LinewardError NOT_FOUND, PLAN_CHANGED; APPROVAL_REFUSED for who may not, or has already; HOLD_ACTIVE when it would cut what a hold keeps; KAFKA_UNAVAILABLE
   */
  async applyTopicRetention(
    actor: Actor,
    input: { readonly id: string; readonly planHash: string },
  ): Promise<TopicRetention> {
    const approvable = { resourceType: 'TopicRetention', resourceId: input.id } as const;
    await tellingRefusal(this.#em, actor, approvable, () => this.#approve(actor, input));
    return this.#reconciler.reconcile(actor, input.id);
  }

  #approve(actor: Actor, input: { readonly id: string; readonly planHash: string }): Promise<void> {
    return this.#inTurn(async (tx) => {
      const policy = await lockRetention(tx, input.id);
      const [plan] = await this.#plans.plansOf([policy], { approving: true });
      if (plan?.unplannable != null)
        throw new LinewardError('CONFLICT', `The topic cannot be changed now: ${plan.reason}.`, { path: ['id'] });
      if (plan?.hash !== input.planHash)
        throw new LinewardError('PLAN_CHANGED', 'planHash: the plan is another one by now; read it again', {
          path: ['planHash'],
        });
      if (plan.steps.some(({ blocked }) => blocked === 'HELD'))
        throw new LinewardError('HOLD_ACTIVE', `${plan.holds.length} legal hold(s) concern records of the topic.`, {
          path: ['id'],
        });
      const floor = { approvals: 1, byRequester: !this.#approvalByAnother };
      const terms = { floor, placeLabels: this.#placeLabels };
      const { rule, approvals } = await approveRetention(tx, actor, { policy, plan }, terms);
      const { topic, hash: planHash } = plan;
      const approved = { topic, policyVersion: policy.policyVersion, planHash, approvalsNeeded: rule.approvals };
      const event = { resourceType: 'TopicRetention', resourceId: policy.id } as const;
      if (approvals.length < rule.approvals) {
        const details = { ...approved, approvals: approvals.length };
        audit(tx, actor, { action: 'approveTopicRetention', ...event, details });
        return;
      }
      await tx.execute(
        `update topic_retention set in_force = policy, approved_version = policy_version, approved_by = ?,
           approved_at = now(), updated_at = now() where id = ?`,
        [approvals.map(nameOfApproval).join(', '), policy.id],
      );
      const changes = plan.steps
        .filter(isChange)
        .map(({ setting, onBroker, target }) => ({ setting, from: onBroker, to: target }));
      audit(tx, actor, { action: 'applyTopicRetention', ...event, details: { ...approved, changes } });
    });
  }

  #inTurn<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.#turns.take(() => this.#em.fork().transactional(work));
  }

  /** The dataset, held against others who set its retention. @throws LinewardError NOT_FOUND */
  async #lockDataset(tx: EntityManager, datasetId: string): Promise<void> {
    if (this.#kafkaNamespace === null) throw new LinewardError('KAFKA_NOT_CONFIGURED');
    const [row] = await tx.execute<{ namespace: string }[]>(
      'select namespace from dataset where id = ? for no key update',
      [datasetId],
    );
    if (row?.namespace === this.#kafkaNamespace) {
      await lockRetentionOf(tx, datasetId);
      return;
    }
    const why =
      row === undefined ? 'there is no such dataset' : 'the dataset is no topic of the Kafka that is configured';
    throw new LinewardError('NOT_FOUND', `datasetId: ${why}`, { path: ['datasetId'] });
  }
}
