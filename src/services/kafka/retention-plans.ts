import type { EntityManager } from '@mikro-orm/postgresql';
import { digestOf } from '../../domain/canonical-json.ts';
import type { HoldOnTopic } from '../../domain/kafka/hold-look.ts';
import {
  deletesSooner,
  isChange,
  planRetention,
  type RetentionSetting,
  type RetentionStep,
  type RetentionValues,
  retentionSettings,
} from '../../domain/kafka/topic-retention.ts';
import type { TopicRetention } from '../../entities/topic-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RetainReader } from '../governance/retains.ts';
import { textArray } from '../sql.ts';
import type { HeldTopics } from './held-topics.ts';
import type { KafkaCluster, TopicSetting } from './ports.ts';

/** What a policy comes to on the broker, now. */
export interface RetentionPlan {
  readonly retentionId: string;
  readonly datasetId: string;
  readonly policyVersion: number;
  readonly topic: string;
  /** Why nothing can be planned; null when it can. */
  readonly unplannable: 'TOPIC_GONE' | 'REWRITING' | 'REFUSED' | null;
  readonly reason: string | null;
  readonly steps: readonly RetentionStep[];
  readonly holds: readonly HoldOnTopic[];
  /** Days that a regulation wants records to be kept; null for none. */
  readonly minimumDays: number | null;
  /** Set for the topic itself, not taken from the broker. */
  readonly own: RetentionValues;
  /** True where records go sooner once the policy is approved: then approval policies are asked. */
  readonly deletesSooner: boolean;
  /** Names all of this; an approval names it. */
  readonly hash: string;
}

interface Place {
  readonly name: string;
  readonly isRewriting: boolean;
}

const rewritingReason = 'an operation rewrites the topic; its next generation gets the settings when it is whole';
const goneReason = 'the broker has no such topic';

/** Compares policies with what the broker goes by. Reads only. */
export class RetentionPlans {
  readonly #em: EntityManager;
  readonly #kafka: { readonly cluster: Pick<KafkaCluster, 'settings'> };
  readonly #held: Pick<HeldTopics, 'holdsOn'>;
  readonly #retains: Pick<RetainReader, 'minimumLimits'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly kafka: { readonly cluster: Pick<KafkaCluster, 'settings'> };
    readonly held: Pick<HeldTopics, 'holdsOn'>;
    readonly retains: Pick<RetainReader, 'minimumLimits'>;
  }) {
    this.#em = deps.em;
    this.#kafka = deps.kafka;
    this.#held = deps.held;
    this.#retains = deps.retains;
  }

  /** One plan for each policy, in their order. `approving`: all that the policy wants, as if it were approved. */
  async plansOf(
    policies: readonly TopicRetention[],
    { approving }: { readonly approving: boolean },
  ): Promise<readonly RetentionPlan[]> {
    if (policies.length === 0) return [];
    const places = await this.#places(policies);
    const names = policies.map(({ datasetId }) => places.get(datasetId)?.name ?? '');
    const settings = await this.#kafka.cluster.settings(names, retentionSettings);
    const there = policies
      .map(({ datasetId }, index) => ({ datasetId, name: names[index] ?? '' }))
      .filter(({ name }) => Array.isArray(settings.get(name)));
    const holds = await this.#held.holdsOn(there);
    const minimums = await this.#retains.minimumLimits();
    return policies.map((policy, index) => {
      const name = names[index] ?? '';
      const place = { name, isRewriting: places.get(policy.datasetId)?.isRewriting ?? false };
      return planOf(policy, place, {
        settings: settings.get(name) ?? new LinewardError('NOT_FOUND', goneReason),
        holds: holds.get(policy.datasetId) ?? [],
        minimumDays: minimums.get(policy.datasetId)?.days ?? null,
        approving,
      });
    });
  }

  async #places(policies: readonly TopicRetention[]): Promise<ReadonlyMap<string, Place>> {
    const rows = await this.#em.fork().execute<{ id: string; name: string; rewriting: boolean }[]>(
      `select id, name, exists (select from topic_rewrite r where r.dataset_id = dataset.id
         and r.phase in ('COPYING', 'SWITCHING', 'SWITCHED', 'COMPARED')) as rewriting
       from dataset where id = any(?::text[])`,
      [textArray(policies.map(({ datasetId }) => datasetId))],
    );
    return new Map(rows.map(({ id, name, rewriting }) => [id, { name, isRewriting: rewriting }]));
  }
}

function planOf(
  policy: TopicRetention,
  { name, isRewriting }: Place,
  found: {
    readonly settings: readonly TopicSetting[] | LinewardError;
    readonly holds: readonly HoldOnTopic[];
    readonly minimumDays: number | null;
    readonly approving: boolean;
  },
): RetentionPlan {
  const { settings, holds } = found;
  const isTold = !(settings instanceof LinewardError);
  const onBroker = isTold ? valuesOf(settings) : {};
  const [unplannable, reason] = isRewriting
    ? (['REWRITING', rewritingReason] as const)
    : isTold
      ? [null, null]
      : settings.code === 'NOT_FOUND'
        ? (['TOPIC_GONE', goneReason] as const)
        : (['REFUSED', settings.message] as const);
  const steps =
    unplannable !== null
      ? []
      : planRetention({
          policy: policy.policy,
          inForce: policy.inForce,
          beforeHold: policy.beforeHold,
          onBroker,
          placed: policy.placedBy !== null,
          held: holds.length > 0,
          minimumDays: found.minimumDays,
          approving: found.approving,
        });
  const plan = { retentionId: policy.id, policyVersion: policy.policyVersion, topic: name, unplannable, reason, steps };
  const own = isTold ? valuesOf(settings.filter(({ source }) => source === 'TOPIC')) : {};
  const { minimumDays } = found;
  const hash = digestOf([plan, holds.map(({ holdId }) => holdId), ...(minimumDays === null ? [] : [minimumDays])]);
  return {
    ...plan,
    holds,
    minimumDays,
    own,
    datasetId: policy.datasetId,
    deletesSooner: deletesSooner(policy, steps),
    hash,
  };
}

function valuesOf(settings: readonly TopicSetting[]): RetentionValues {
  const names: readonly string[] = retentionSettings;
  return Object.fromEntries(
    settings.flatMap(({ name, value }) => (names.includes(name) && value !== null ? [[name, value]] : [])),
  );
}

/** What is asked of the broker: the steps that change something. */
export const changesOf = ({ steps }: RetentionPlan): Readonly<Partial<Record<RetentionSetting, string | null>>> =>
  Object.fromEntries(steps.filter(isChange).map(({ setting, target }) => [setting, target]));
