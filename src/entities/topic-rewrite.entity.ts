import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export type RewritePhase = 'COPYING' | 'SWITCHING' | 'SWITCHED' | 'COMPARED' | 'PURGED' | 'ABANDONED';

/** Offsets by partition, as decimal texts. */
export type OffsetTexts = Readonly<Record<string, string>>;

/** A consumer group whose positions were carried over, and from where to where. */
export interface MovedGroup {
  readonly group: string;
  readonly partitions: readonly { readonly partition: number; readonly from: string; readonly to: string }[];
}

/** What became of the records of one partition, by comparing both topics. */
export interface ComparedPartition {
  readonly partition: number;
  /** Records of the old topic. */
  readonly records: number;
  readonly erased: number;
  readonly changed: number;
  /** That had to be the same in both, and the sum of their digests. */
  readonly same: number;
  readonly digest: string;
  /** Of those, the ones that were asked for: held, or not fit for what was to be done. */
  readonly unchanged: number;
  /** That are missing, or other than they were, or out of order. */
  readonly lost: number;
  /** That something keeps by now and that the new topic does not have as they were. Absent where nobody asked. */
  readonly keptOut?: number;
}

export interface TopicComparisonResult {
  readonly partitions: readonly ComparedPartition[];
  /** Why messages could not be read, without what is in them. */
  readonly unreadable: readonly string[];
}

/** What the brokers say of a topic after it was deleted. */
export interface TopicPurge {
  readonly at: string;
  /** Of its logs on all brokers; null where somebody did not tell. Files that only wait to be deleted are in no log any more. */
  readonly bytesInLogs: string | null;
  /** When these are deleted, as far as the topic told how long a broker waits. */
  readonly filesGoneBy: string;
}

/** One topic that is rewritten into its next generation, and how far it is. */
export const TopicRewriteSchema = defineEntity({
  name: 'TopicRewrite',
  tableName: 'topic_rewrite',
  properties: {
    id: p.text().primary(),
    operationId: p.text(),
    /** Target of the operation that began it, and the one that works on it now: a retry goes on with it. */
    begunBy: p.text(),
    workedBy: p.text(),
    datasetId: p.text(),
    source: p.text(),
    generation: p.text(),
    phase: p.text().$type<RewritePhase>(),
    /** Settings of the topic's own, which the generation takes over once it is whole. */
    config: p.json<Readonly<Record<string, string>>>(),
    /** Offsets of the source when it began. */
    snapshot: p.json<readonly { readonly partition: number; readonly earliest: string; readonly latest: string }[]>(),
    /** Up to where the source was copied when that was last looked at. */
    copied: p.json<OffsetTexts>(),
    /** Ends of the generation at the switch. */
    generationEnds: p.json<OffsetTexts>(),
    groups: p.json<readonly MovedGroup[]>(),
    /** Records that somebody wrote to the source after the switch, and that were copied. */
    late: p.bigint('number'),
    comparison: p.json<TopicComparisonResult>().strictNullable(),
    purge: p.json<TopicPurge>().strictNullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export type TopicRewriteRow = InferEntity<typeof TopicRewriteSchema>;
