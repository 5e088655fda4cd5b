import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type Actor, systemActor } from '../../domain/access/actor.ts';
import { isChange, type RetentionStep } from '../../domain/kafka/topic-retention.ts';
import type { Logger } from '../../domain/logger.ts';
import { Turns } from '../../domain/turns.ts';
import { DatasetSchema } from '../../entities/dataset.entity.ts';
import {
  type RetentionChange,
  type RetentionDeviation,
  type RetentionOutcome,
  type TopicRetention,
  TopicRetentionSchema,
} from '../../entities/topic-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { HeldTopics } from './held-topics.ts';
import type { PlacedRetentions } from './placed-retentions.ts';
import type { KafkaGateway } from './ports.ts';
import { changesOf, type RetentionPlan, type RetentionPlans } from './retention-plans.ts';
import { lockRetention } from './retention-writes.ts';

const policiesAtOnce = 200;
/** How long brokers may take to hear of a change. */
const seenWithinMs = 5_000;
const pollMs = 50;
/**
 * Who holds a topic's retention has a connection, and needs a second one; who waits for it has one, too. So few at once leave
 * connections over for those second ones.
 */
export const retentionsAtOnce = 4;

export interface RetentionReconcilerDeps {
  readonly em: EntityManager;
  readonly kafka: Pick<KafkaGateway, 'cluster' | 'configured'>;
  readonly plans: RetentionPlans;
  readonly placed: Pick<PlacedRetentions, 'follow'>;
  readonly held: Pick<HeldTopics, 'look' | 'holdsOn'>;
  readonly logger: Logger;
}

/**
 * Keeps topics at what their policies say and somebody approved: takes back what drifted, keeps longer for holds, cuts
 * nothing below what is in force. One step changes all settings of a topic, and no other setting of it (ADR 0019).
 */
export class RetentionReconciler {
  readonly #deps: RetentionReconcilerDeps;
  readonly #turns = new Turns(retentionsAtOnce);

  constructor(deps: RetentionReconcilerDeps) {
    this.#deps = deps;
  }

  /** All policies, some at a time. A topic that does not answer does not keep the others waiting; it is told at the end. */
  async reconcileAll(run: {
    readonly signal: AbortSignal;
    readonly report: (progress: { readonly done: number; readonly total: number }) => Promise<void>;
  }): Promise<void> {
    const { em, placed } = this.#deps;
    let after = '';
    let away: unknown = null;
    const failed = (error: unknown) => {
      // Somebody took the policy away meanwhile.
      if (!(error instanceof LinewardError) || error.code !== 'NOT_FOUND') away ??= error;
    };
    await placed.follow(run.signal, failed);
    const total = await em.fork().count(TopicRetentionSchema);
    for (let done = 0; ; ) {
      const some = await em
        .fork()
        .find(TopicRetentionSchema, { id: { $gt: after } }, { orderBy: { id: 'asc' }, limit: policiesAtOnce });
      if (some.length === 0) break;
      after = some.at(-1)?.id ?? '';
      // What was not looked through counts as held: records are kept first, and then looked at.
      const unsure = await this.#settleAll(some, run.signal, failed);
      await this.#lookForHolds(some, run.signal);
      const ids = unsure.map(({ id }) => id);
      await this.#settleAll(await em.fork().find(TopicRetentionSchema, { id: { $in: ids } }), run.signal, failed);
      done += some.length;
      await run.report({ done, total: Math.max(done, total) });
    }
    if (away !== null) throw away;
  }

  /** One policy, now. Answers how the topic was left. @throws LinewardError NOT_FOUND, KAFKA_UNAVAILABLE */
  reconcile(actor: Actor, id: string): Promise<TopicRetention> {
    return this.#turns.take(() => this.#reconciled(actor, id));
  }

  async #reconciled(actor: Actor, id: string): Promise<TopicRetention> {
    const { em } = this.#deps;
    // The lock is given back when the process dies. Others at the same topic wait, and then find nothing left to do.
    return em.fork().transactional(async (tx) => {
      while (!(await this.#isSettled(actor, await lockRetention(tx, id))));
      return em.fork().findOneOrFail(TopicRetentionSchema, { id });
    });
  }

  /**
   * False when a hold came while records were about to lose it, and all is to be planned anew. Nobody who places a hold waits
   * for a broker: holds are read again right before a cut and right after it, and a cut that came first is taken back.
   */
  async #isSettled(actor: Actor, policy: TopicRetention): Promise<boolean> {
    const { em, plans } = this.#deps;
    const [plan] = await plans.plansOf([policy], { approving: false });
    if (plan === undefined) throw new LinewardError('NOT_FOUND');
    const changes = plan.steps.filter(isChange).map(changeOf);
    const refused = changes.length === 0 ? null : await this.#refusalOf(plan);
    if (await this.#isHeldSince(policy, plan)) return false;
    const done = refused === null ? changes : [];
    if (done.length > 0) await this.#change(actor, policy, plan, done);
    await this.#record(policy, plan, { changes: done, refused });
    if (isFree(plan) && refused === null)
      await em.fork().execute(`update topic_retention set before_hold = '{}' where id = ?`, [policy.id]);
    return done.length === 0 || !(await this.#isHeldSince(policy, plan));
  }

  /** Whether holds concern a topic that is to be cut, of which the plan did not know. */
  async #isHeldSince({ datasetId }: TopicRetention, { topic, steps, holds }: RetentionPlan): Promise<boolean> {
    if (!steps.some(({ change }) => change === 'SHORTEN')) return false;
    const now = (await this.#deps.held.holdsOn([{ datasetId, name: topic }])).get(datasetId) ?? [];
    return now.some(({ holdId }) => !holds.some((known) => known.holdId === holdId));
  }

  /** Answers those of which it is not yet known whether holds concern them. */
  async #settleAll(
    policies: readonly TopicRetention[],
    signal: AbortSignal,
    failed: (error: unknown) => void,
  ): Promise<readonly TopicRetention[]> {
    const plans = await this.#deps.plans.plansOf(policies, { approving: false });
    for (const [index, policy] of policies.entries()) {
      if (signal.aborted) throw new LinewardError('CANCELLED');
      const plan = plans[index];
      if (plan !== undefined) await this.#settle(policy, plan).catch(failed);
    }
    return policies.filter((_, index) => plans[index]?.holds.some(({ why }) => why === 'NOT_LOOKED_THROUGH'));
  }

  /** A topic that stays as it is only has that written down. */
  async #settle(policy: TopicRetention, plan: RetentionPlan): Promise<void> {
    const isForgotten = isFree(plan) && Object.keys(policy.beforeHold).length > 0;
    if (plan.steps.some(isChange) || isForgotten) await this.reconcile(systemActor, policy.id);
    else await this.#record(policy, plan, { changes: [], refused: null });
  }

  async #lookForHolds(policies: readonly TopicRetention[], signal: AbortSignal): Promise<void> {
    const { em, held, logger } = this.#deps;
    const datasets = await em.fork().find(DatasetSchema, { id: { $in: policies.map(({ datasetId }) => datasetId) } });
    const failures = await held.look(
      datasets.map(({ id: datasetId, name }) => ({ datasetId, name })),
      signal,
    );
    // The holds count meanwhile.
    for (const { topic, error } of failures)
      logger.warn({ topic: topic.name, error }, 'a topic could not be looked through for legal holds');
  }

  /** Why the broker would refuse the change. */
  async #refusalOf(plan: RetentionPlan): Promise<LinewardError | null> {
    try {
      await this.#deps.kafka.cluster.changeSettings(plan.topic, changesOf(plan), true);
      return null;
    } catch (error) {
      if (error instanceof LinewardError && (error.code === 'KAFKA_REFUSED' || error.code === 'NOT_FOUND'))
        return error;
      throw error;
    }
  }

  /** The change is on record before, for a process may die between. */
  async #change(
    actor: Actor,
    policy: TopicRetention,
    plan: RetentionPlan,
    changes: readonly RetentionChange[],
  ): Promise<void> {
    const { em, kafka } = this.#deps;
    await em.fork().transactional(async (tx) => {
      await tx.execute('update topic_retention set before_hold = before_hold || ?::jsonb where id = ?', [
        JSON.stringify(movedByHold(policy, plan)),
        policy.id,
      ]);
      audit(tx, actor, {
        action: 'changeTopicSettings',
        resourceType: 'TopicRetention',
        resourceId: policy.id,
        details: { topic: plan.topic, policyVersion: policy.policyVersion, changes },
      });
    });
    await kafka.cluster.changeSettings(plan.topic, changesOf(plan));
    await this.#seen(plan);
  }

  async #seen(plan: RetentionPlan): Promise<void> {
    const wanted = Object.entries(changesOf(plan));
    const names = wanted.map(([name]) => name);
    for (const until = Date.now() + seenWithinMs; ; await sleep(pollMs)) {
      const told = (await this.#deps.kafka.cluster.settings([plan.topic], names)).get(plan.topic) ?? [];
      if (told instanceof LinewardError) throw told;
      const isDone = wanted.every(([name, value]) => {
        const setting = told.find((one) => one.name === name);
        return value === null ? setting?.source !== 'TOPIC' : setting?.value === value;
      });
      if (isDone) return;
      if (Date.now() > until)
        throw new LinewardError(
          'KAFKA_UNAVAILABLE',
          `The broker took settings of ${plan.topic}, and does not show them.`,
        );
    }
  }

  async #record(
    policy: TopicRetention,
    plan: RetentionPlan,
    { changes, refused }: { readonly changes: readonly RetentionChange[]; readonly refused: LinewardError | null },
  ): Promise<void> {
    const deviations = deviationsOf(plan, refused);
    const [outcome, reason] = outcomeOf(plan, deviations, refused);
    await this.#deps.em.fork().execute(
      `update topic_retention set outcome = ?, outcome_reason = ?, deviations = ?::jsonb, checked_at = now(),
         deviating_since = case when ? then coalesce(deviating_since, now()) end,
         last_changes = case when ? then ?::jsonb else last_changes end,
         changed_at = case when ? then now() else changed_at end
       where id = ? and policy_version = ?`,
      [
        outcome,
        reason,
        JSON.stringify(deviations),
        deviations.length > 0,
        changes.length > 0,
        JSON.stringify(changes),
        changes.length > 0,
        policy.id,
        policy.policyVersion,
      ],
    );
  }
}

/** Nothing keeps its records, for sure. */
const isFree = ({ unplannable, holds, minimumDays }: RetentionPlan): boolean =>
  unplannable === null && holds.length === 0 && minimumDays === null;

const changeOf = ({ setting, onBroker, target }: RetentionStep): RetentionChange => ({
  setting,
  from: onBroker,
  to: target,
});

/** What goes back to what it was when the hold ends: nobody has said for this topic what else it is to be. */
const movedByHold = ({ policy, placedBy, inForce }: TopicRetention, { steps, own }: RetentionPlan): object =>
  Object.fromEntries(
    steps
      .filter(({ change }) => change === 'EXTEND')
      .filter(({ setting, blocked }) =>
        policy[setting] === undefined
          ? true
          : blocked === 'HELD' && placedBy !== null && inForce[setting] === undefined,
      )
      .map(({ setting }) => [setting, own[setting] ?? null]),
  );

const whys = {
  NEEDS_APPROVAL: 'it would delete sooner, which nobody has approved yet',
  HELD: 'a legal hold keeps the records',
  MINIMUM: 'a regulation wants the records to be kept longer',
  UNKNOWN_TO_BROKER: 'the broker does not know the setting',
} as const;

function deviationsOf({ steps }: RetentionPlan, refused: LinewardError | null): readonly RetentionDeviation[] {
  return steps.flatMap(({ setting, onBroker, desired, target, change, blocked }) => {
    if (refused !== null && change !== 'NONE') return [{ setting, onBroker, desired, why: refused.message }];
    return blocked === null ? [] : [{ setting, onBroker: target ?? onBroker, desired, why: whys[blocked] }];
  });
}

function outcomeOf(
  { unplannable, reason, holds }: RetentionPlan,
  deviations: readonly RetentionDeviation[],
  refused: LinewardError | null,
): readonly [RetentionOutcome, string | null] {
  if (refused !== null) return [refused.code === 'NOT_FOUND' ? 'TOPIC_GONE' : 'REFUSED', refused.message];
  if (unplannable !== null) return [unplannable, reason];
  if (holds.length > 0) return ['HELD', `${holds.length} legal hold(s) concern records of the topic`];
  // A regulation needs nobody’s approval.
  return deviations.some(({ why }) => why !== whys.MINIMUM) ? ['NEEDS_APPROVAL', null] : ['IN_FORCE', null];
}
