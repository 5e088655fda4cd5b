import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { RetentionSetting, RetentionValues } from '../domain/kafka/topic-retention.ts';

/** How a topic was found, and left, when it was last compared with its policy. */
export type RetentionOutcome =
  | 'NOT_CHECKED'
  | 'IN_FORCE'
  | 'NEEDS_APPROVAL'
  | 'HELD'
  | 'REFUSED'
  | 'TOPIC_GONE'
  | 'REWRITING';

/** A setting that is not as the policy wants it, and why it stays so. */
export interface RetentionDeviation {
  readonly setting: string;
  readonly onBroker: string | null;
  readonly desired: string | null;
  readonly why: string;
}

export interface BeforePlacing {
  /** What the broker went by. */
  readonly value: string;
  /** Whether it was set for the topic, or taken from the broker. */
  readonly isOwn: boolean;
}

export interface RetentionChange {
  readonly setting: string;
  readonly from: string | null;
  /** Null: the broker's default. */
  readonly to: string | null;
}

/** How long the records of a topic are to stay, how that went, and what is in force. It is the dataset's, whatever the topic is called. */
export const TopicRetentionSchema = defineEntity({
  name: 'TopicRetention',
  tableName: 'topic_retention',
  properties: {
    id: p.text().primary(),
    datasetId: p.text(),
    policyVersion: p.integer(),
    policy: p.json<RetentionValues>(),
    /** What was approved, or put in force by keeping longer; nothing is cut below it. */
    inForce: p.json<RetentionValues>(),
    approvedVersion: p.integer().strictNullable(),
    approvedBy: p.text().strictNullable(),
    approvedAt: p.datetime().strictNullable(),
    /** What a hold has moved and the policy does not name. */
    beforeHold: p.json<Readonly<Partial<Record<RetentionSetting, string | null>>>>(),
    /** Name of the retention policy that placed it; null for what somebody set for this topic. */
    placedBy: p.text().strictNullable(),
    /** What `retention.ms` was when a policy placed it. */
    beforePlacing: p.json<BeforePlacing>().strictNullable(),
    outcome: p.text().$type<RetentionOutcome>(),
    outcomeReason: p.text().strictNullable(),
    checkedAt: p.datetime().strictNullable(),
    deviations: p.json<readonly RetentionDeviation[]>(),
    deviatingSince: p.datetime().strictNullable(),
    lastChanges: p.json<readonly RetentionChange[]>(),
    changedAt: p.datetime().strictNullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export type TopicRetention = InferEntity<typeof TopicRetentionSchema>;
