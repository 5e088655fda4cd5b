import type { ErrorCode } from '../../errors/codes.ts';
import type { LinewardError } from '../../errors/lineward-error.ts';

/** One message as the product sees it; offsets are decimal strings because they exceed 2^53. */
export interface KafkaMessage {
  readonly partition: number;
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

export interface OutgoingMessage {
  readonly key: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly partition?: number | undefined;
  readonly timestamp?: string | undefined;
  readonly headers?: Readonly<Record<string, Buffer | string>> | undefined;
}

/** What a stream writes for a message it read. */
export interface TransformedMessage extends OutgoingMessage {
  /** Another topic than the stream's target, e.g. for dead letters; in the same transaction. */
  readonly topic?: string | undefined;
  /** What it was made of. A message without it that its topic does not take holds up the partition. */
  readonly source?: KafkaMessage | undefined;
}

/** A continuous movement from a topic into a topic. */
export interface TransformStream {
  readonly group: string;
  readonly source: string;
  readonly target: string;
  /** Before the first message of a partition that was taken over, or is read again, from a position. */
  begin?(partition: number, position: string): Promise<void>;
  transform(messages: readonly KafkaMessage[]): Promise<readonly TransformedMessage[]>;
  /** What is written instead of a message that its topic never takes: too large, or without a key where it needs one. */
  refused?(source: KafkaMessage, code: ErrorCode): TransformedMessage;
  /** What was written for the messages of a batch, once that is certain. */
  written?(messages: readonly KafkaMessage[], output: readonly TransformedMessage[]): void;
}

/** Where a written message landed, or why the broker refused it. */
export type SendResult =
  | { readonly ok: true; readonly partition: number; readonly offset: string }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

export interface TopicDescription {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
  readonly replicas: number;
  /** Of `config`, what was set for this topic. */
  readonly own: Readonly<Record<string, string>>;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Copies of each partition; as many as the broker makes by itself when absent. */
  readonly replicas?: number;
  readonly config: Readonly<Record<string, string>>;
}

/** Offsets by partition; a partition that is not named is not cut on that side. */
export interface ScanRange {
  readonly from?: ReadonlyMap<number, bigint>;
  /** Not read any more. */
  readonly to?: ReadonlyMap<number, bigint>;
}

/** Batches in order, per partition; at-least-once unless the handler commits through `transact`. */
export type StreamHandler = (
  batch: { readonly partition: number; readonly messages: readonly KafkaMessage[] },
  signal: AbortSignal,
) => Promise<void>;

/**
 * Kafka as the product uses it. Not configured: every verb throws KAFKA_NOT_CONFIGURED. Broker away: KAFKA_UNAVAILABLE
 * within a few seconds, and consumers reconnect by themselves.
 */
export interface KafkaGateway {
  readonly configured: boolean;
  /** Resolves when metadata answers. */
  ping(): Promise<void>;
  /** Creates the topic unless it exists; an existing topic is left as it is. */
  ensureTopic(spec: TopicSpec): Promise<void>;
  describeTopic(name: string): Promise<TopicDescription | null>;
  /** First offset and last stable offset (behind which open transactions lie) of each partition. */
  offsets(topic: string): Promise<readonly { partition: number; earliest: string; latest: string }[]>;
  committed(group: string, topic: string): Promise<ReadonlyMap<number, string>>;
  /**
   * Results in the order of the messages; each fails alone. Throws KAFKA_UNAVAILABLE when Kafka took none of them in
   * about 5 s, and NOT_FOUND for an unknown topic. A message answered KAFKA_UNAVAILABLE may still have been written.
   */
  produce(topic: string, messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]>;
  /**
   * Reads every partition once, read_committed, from its start to the end that stood when it was called, or what of that
   * is in `within`.
   */
  scan(
    topic: string,
    each: (message: KafkaMessage) => void | Promise<void>,
    signal?: AbortSignal,
    within?: ScanRange,
  ): Promise<void>;
  /**
   * Consumes `source` in group `group`, and writes what `transform` answers to `target` in one transaction with the
   * offsets: each source message is in the output exactly once under read_committed.
   */
  transformStream(stream: TransformStream): Promise<RunningStream>;
  /**
   * Consumes `source`; the positions are the handler's own (kept in PostgreSQL): `positionOf` says where a partition
   * starts when it is assigned, and nothing is committed to Kafka except for lag display.
   */
  readStream(stream: {
    group: string;
    source: string;
    positionOf(partition: number): Promise<string | null>;
    handle: StreamHandler;
  }): Promise<RunningStream>;
  readonly topics: TopicAdmin;
  readonly cluster: KafkaCluster;
  close(): Promise<void>;
}

/** A consumer group with committed offsets on a topic, or with members that read it. */
export interface GroupOnTopic {
  readonly group: string;
  /** True when a member reads the topic now, or may do so. */
  readonly isActive: boolean;
  readonly offsets: ReadonlyMap<number, string>;
}

/** What rewriting a topic needs beside reading and writing. */
export interface TopicAdmin {
  groupsOn(topic: string): Promise<readonly GroupOnTopic[]>;
  hasMembers(group: string): Promise<boolean>;
  /** Whoever still works as a member of the transform stream can write nothing any more. */
  fenceStream(stream: { readonly group: string; readonly source: string }): Promise<void>;
  /**
   * Sets where a transform stream goes on. Each partition is taken over for that, so that whoever still works as a member
   * can neither write any more nor set the offset back. Partitions that are not named stay.
   */
  moveStream(
    stream: { readonly group: string; readonly source: string },
    offsets: ReadonlyMap<number, string>,
  ): Promise<void>;
  /** Per partition, the first offset of a record that is not older; its end where there is none. */
  offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, string>>;
  /** Resolves when the group would be told these offsets. */
  commitOffsets(group: string, topic: string, offsets: ReadonlyMap<number, string>): Promise<void>;
  /** Settings that are not named go back to the broker's defaults. */
  configureTopic(name: string, config: Readonly<Record<string, string>>): Promise<void>;
  /** Moves the start of each partition to an offset. */
  deleteRecords(topic: string, ends: ReadonlyMap<number, string>): Promise<void>;
  /** Does nothing when there is no such topic. */
  deleteTopic(name: string): Promise<void>;
  /** Does nothing when there is no such group, or it has members. */
  deleteGroup(group: string): Promise<void>;
}

/** A stream from the moment it is asked for: it joins its group, and tries again what fails, by itself. */
export interface RunningStream {
  /** Last fault, null while it runs well. */
  readonly fault: string | null;
  /** Partitions that it has now. */
  readonly partitions: readonly number[];
  stop(): Promise<void>;
}

export interface ClusterBroker {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export interface ClusterPartition {
  readonly partition: number;
  /** Null while there is none. */
  readonly leader: number | null;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

export interface ClusterTopic {
  readonly name: string;
  /** Another one when the topic was deleted and made again; null from brokers that give none (before Kafka 2.8). */
  readonly id: string | null;
  /** Kafka keeps it for itself. */
  readonly isInternal: boolean;
  readonly partitions: readonly ClusterPartition[];
}

export interface ClusterDescription {
  readonly clusterId: string | null;
  readonly controllerId: number | null;
  readonly brokers: readonly ClusterBroker[];
  readonly topics: readonly ClusterTopic[];
  /** Topics that were named and may not be seen. */
  readonly refused: ReadonlyMap<string, LinewardError>;
}

export interface TopicSetting {
  readonly name: string;
  /** Null when it is a secret. */
  readonly value: string | null;
  /** Set for the topic itself, somewhere for the broker, or nowhere. */
  readonly source: 'TOPIC' | 'BROKER' | 'DEFAULT';
}

export interface PartitionRange {
  readonly partition: number;
  readonly earliest: bigint;
  readonly latest: bigint;
}

export interface ClusterSizes {
  /** False when a broker or a disk did not tell: what is missing is not 0. */
  readonly complete: boolean;
  /** Bytes on all brokers, by topic and partition. */
  readonly bytes: ReadonlyMap<string, ReadonlyMap<number, bigint>>;
}

/** A group, and the broker that keeps it. */
export interface GroupName {
  readonly group: string;
  readonly broker: number;
}

export interface GroupMember {
  readonly id: string;
  readonly clientId: string;
  readonly host: string;
  /** Partitions by topic. */
  readonly assigned: ReadonlyMap<string, readonly number[]>;
}

export interface GroupFacts {
  readonly group: string;
  /** As Kafka has it; `Dead` for groups that may not, or of the newer consumer protocol cannot, be looked into. */
  readonly state: string;
  readonly protocolType: string;
  readonly members: readonly GroupMember[];
  /** Committed next offsets, by topic and partition; null when they are not told. */
  readonly offsets: ReadonlyMap<string, ReadonlyMap<number, bigint>> | null;
}

/** A whole cluster, asked in few requests however many topics it has. A part that is refused does not take the others with it. */
export interface KafkaCluster {
  /** Of all topics that may be seen, or of those named that exist; without an entry for a topic that is not there. */
  describe(topics?: readonly string[]): Promise<ClusterDescription>;
  /** By topic: its settings, all or those of the names, or why they are not told. */
  settings(
    topics: readonly string[],
    names?: readonly string[],
  ): Promise<ReadonlyMap<string, readonly TopicSetting[] | LinewardError>>;
  /**
   * Changes these settings of a topic in one step, and no other; null takes one back to its default. With `checkOnly` the
   * broker only says whether it would.
   * @throws LinewardError NOT_FOUND; KAFKA_REFUSED with the broker's reason
   */
  changeSettings(topic: string, changes: Readonly<Record<string, string | null>>, checkOnly?: boolean): Promise<void>;
  sizes(): Promise<ClusterSizes>;
  /** By topic; a partition without a leader is left out. */
  ranges(topics: readonly ClusterTopic[]): Promise<ReadonlyMap<string, readonly PartitionRange[]>>;
  groups(): Promise<readonly GroupName[]>;
  /** A group that is gone meanwhile is left out. */
  describeGroups(groups: readonly GroupName[]): Promise<readonly GroupFacts[]>;
}
