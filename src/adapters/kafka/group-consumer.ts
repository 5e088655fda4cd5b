import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, ConsumerConfig, EachBatchPayload, Kafka } from 'kafkajs';
import { Turns } from '../../domain/turns.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaMessage, RunningStream } from '../../services/kafka/ports.ts';
import { Backoff } from './backoff.ts';
import type { KafkaLogger } from './client.ts';
import { protocolType, toKafkaError, withinDeadline } from './faults.ts';
import { nextOffset, toKafkaMessage } from './messages.ts';

/** Also the delay before the first fetch after all partitions were paused. */
const FETCH_WAIT_MS = 250;
/** With it a member learns of a rebalance, for which all others wait. */
const HEARTBEAT_MS = 1_000;
/** No fetch and no heartbeat for so long, outside of a batch, is a hung client. */
const STALL_MS = 60_000;
/** The process has 10 s to stop in all. */
const STOP_GRACE_MS = 3_000;
const STOP_DEADLINE_MS = 5_000;
/** A client that is stopped while it joins leaves a member behind for which the group waits until its session ends. */
const JOIN_GRACE_MS = 5_000;
const JOINING_DEADLINE_MS = 500;
const CLOSE_DEADLINE_MS = 15_000;
/** Of a topic with many partitions, all at once would run into the deadlines of each other. */
const PLACED_AT_ONCE = 16;

/** After these answers the partitions are already another member's; a mere rebalance waits for the running batch. */
const expulsions = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID']);

export const consumerSettings = {
  sessionTimeout: 15_000,
  rebalanceTimeout: 30_000,
  heartbeatInterval: HEARTBEAT_MS,
  maxWaitTimeInMs: FETCH_WAIT_MS,
  maxBytesPerPartition: 2 * 1024 * 1024,
  allowAutoTopicCreation: false,
  metadataMaxAge: 30_000,
  // A consumer that crashed is replaced by its owner, with its own backoff.
  retry: { retries: 5, initialRetryTime: 200, maxRetryTime: 2_000, restartOnFailure: async () => false },
} as const satisfies Omit<ConsumerConfig, 'groupId'>;

export interface ConsumedBatch {
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
  /** Offset behind the batch; it may lie behind the last message, because transaction markers take offsets. */
  readonly next: string;
  /** Shows `next` as the group's committed offset. Not awaited, failures are ignored: for lag display only. */
  commitForDisplay(): void;
}

export interface GroupConsumerOptions {
  readonly kafka: Kafka;
  readonly group: string;
  readonly topic: string;
  readonly logger: KafkaLogger | undefined;
  readonly partitionsAtOnce: number;
  /** Where to read a partition from, asked when it is assigned and again after a failed batch. */
  positionOf(partition: number): Promise<string>;
  /** A batch that fails is read again from `positionOf`, after a backoff; it is never skipped. */
  process(batch: ConsumedBatch, signal: AbortSignal): Promise<void>;
  /** Resources of partitions that are not in the list can go. */
  onAssigned?(partitions: readonly number[]): void;
}

/**
 * A consumer of one topic in a group that runs until it is stopped. A partition is paused from its assignment until its
 * position is known, so no batch from another position is ever seen; kafkajs clients that crash or hang are replaced.
 */
export class GroupConsumer implements RunningStream {
  readonly #options: GroupConsumerOptions;
  readonly #stopping = new AbortController();
  readonly #faults = new Map<number, string>();
  readonly #backoffs = new Map<number, Backoff>();
  readonly #batches = new Set<AbortController>();
  readonly #turns = new Turns(PLACED_AT_ONCE);
  #partitions: readonly number[] = [];
  #clientFault: string | null = null;
  #generation = 0;
  #aliveAt = 0;
  #ended: Promise<void> = Promise.resolve();

  private constructor(options: GroupConsumerOptions) {
    this.#options = options;
  }

  /** Does not wait for the group: it may have to let the session of a member that was killed run out first. */
  static start(options: GroupConsumerOptions): GroupConsumer {
    const consumer = new GroupConsumer(options);
    consumer.#ended = consumer.#supervise();
    return consumer;
  }

  get fault(): string | null {
    return this.#clientFault ?? this.#faults.values().next().value ?? null;
  }

  get partitions(): readonly number[] {
    return this.#partitions;
  }

  /** Waits for the running batches; those that take longer than 3 s see their signal aborted. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const grace = setTimeout(() => {
      for (const batch of this.#batches) batch.abort();
    }, STOP_GRACE_MS);
    await this.#ended;
    clearTimeout(grace);
  }

  async #supervise(): Promise<void> {
    const backoff = new Backoff();
    while (!this.#stopping.signal.aborted) {
      const joinedBefore = this.#generation;
      try {
        await this.#runClient();
      } catch (error) {
        this.#clientFault = toKafkaError(error, `consuming ${this.#options.topic}`).message;
        this.#options.logger?.warn({ group: this.#options.group, topic: this.#options.topic }, this.#clientFault);
        if (this.#generation !== joinedBefore) backoff.reset();
        await backoff.wait(this.#stopping.signal);
      }
    }
  }

  /** One kafkajs consumer from connect to its end; rejects when it crashed, resolves when the stream is stopped. */
  async #runClient(): Promise<void> {
    const { kafka, group, topic } = this.#options;
    const consumer = kafka.consumer({ groupId: group, ...consumerSettings });
    const end = Promise.withResolvers<void>();
    end.promise.catch(() => undefined);
    const { CRASH, FETCH, HEARTBEAT, GROUP_JOIN, REBALANCING } = consumer.events;
    let joined = Promise.withResolvers<void>();
    consumer.on(REBALANCING, () => {
      joined = Promise.withResolvers<void>();
    });
    consumer.on(CRASH, ({ payload }) => {
      joined.resolve();
      end.reject(payload.error);
    });
    consumer.on(GROUP_JOIN, ({ payload }) => {
      joined.resolve();
      this.#joined(consumer, payload.memberAssignment[topic] ?? []);
    });
    for (const event of [FETCH, HEARTBEAT] as const) consumer.on(event, () => this.#touch());
    const stop = () => end.resolve();
    this.#stopping.signal.addEventListener('abort', stop, { once: true });
    if (this.#stopping.signal.aborted) stop();
    this.#touch();
    const watchdog = setInterval(() => {
      if (this.#batches.size > 0 || Date.now() - this.#aliveAt < STALL_MS) return;
      end.reject(new LinewardError('KAFKA_UNAVAILABLE', 'The Kafka consumer hangs; it is replaced.'));
    }, STALL_MS / 10);
    try {
      const running = this.#join(consumer).then(() => end.promise);
      // Without a client there is no member to wait for.
      running.catch(() => joined.resolve());
      await Promise.race([running, end.promise]);
    } finally {
      clearInterval(watchdog);
      this.#stopping.signal.removeEventListener('abort', stop);
      const isJoining = await Promise.race([joined.promise.then(afterJoin), sleep(JOIN_GRACE_MS, true)]);
      const deadlineMs = isJoining
        ? JOINING_DEADLINE_MS
        : this.#stopping.signal.aborted
          ? STOP_DEADLINE_MS
          : CLOSE_DEADLINE_MS;
      await withinDeadline(consumer.disconnect(), 'leaving the group', deadlineMs).catch(() => undefined);
      this.#generation += 1;
      this.#partitions = [];
      for (const batch of this.#batches) batch.abort();
    }
  }

  async #join(consumer: Consumer): Promise<void> {
    const { signal } = this.#stopping;
    const { topic, partitionsAtOnce } = this.#options;
    await consumer.connect();
    if (!signal.aborted) await consumer.subscribe({ topic, fromBeginning: true });
    // Each step would connect again the client that was disconnected meanwhile.
    if (signal.aborted) return consumer.disconnect();
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: partitionsAtOnce,
      eachBatch: (payload) => this.#eachBatch(consumer, payload),
    });
  }

  #touch(): void {
    this.#aliveAt = Date.now();
  }

  /** Runs in the tick of the assignment, before any fetch for it. */
  #joined(consumer: Consumer, partitions: readonly number[]): void {
    this.#touch();
    this.#generation += 1;
    this.#clientFault = null;
    this.#faults.clear();
    this.#backoffs.clear();
    this.#partitions = partitions;
    this.#options.onAssigned?.(partitions);
    if (partitions.length > 0) consumer.pause([{ topic: this.#options.topic, partitions: [...partitions] }]);
    for (const partition of partitions) void this.#place(consumer, partition);
  }

  /** Moves a paused partition to its position and lets it flow; at once, or later when a batch up to `failed` was not done. */
  async #place(consumer: Consumer, partition: number, failed: string | null = null): Promise<void> {
    const { topic, positionOf, logger } = this.#options;
    const generation = this.#generation;
    const stale = () => this.#generation !== generation || this.#stopping.signal.aborted;
    if (failed !== null) await this.#backoffOf(partition).wait(this.#stopping.signal);
    while (!stale()) {
      try {
        const offset = await this.#turns.take(async () => (stale() ? null : positionOf(partition)));
        if (stale() || offset === null) return;
        // A fault of these look-ups has ended. So has one of a batch that was done after all, of which only the answer was
        // lost: perhaps nothing follows whose success would end it.
        if (failed === null || BigInt(offset) >= BigInt(failed)) this.#recovered(partition);
        consumer.seek({ topic, partition, offset });
        consumer.resume([{ topic, partitions: [partition] }]);
        return;
      } catch (error) {
        if (stale()) return;
        const fault = toStreamFault(error, `looking up the position of ${topic}/${partition}`);
        this.#faults.set(partition, fault);
        logger?.warn({ topic, partition }, fault);
        await this.#backoffOf(partition).wait(this.#stopping.signal);
      }
    }
  }

  async #eachBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { topic, partition } = batch;
    const last = batch.messages.at(-1);
    if (!last || !payload.isRunning() || payload.isStale()) return;
    const lost = new AbortController();
    this.#batches.add(lost);
    const heartbeats = setInterval(() => {
      payload.heartbeat().catch((error: unknown) => {
        if (expulsions.has(protocolType(error) ?? '')) lost.abort();
      });
    }, HEARTBEAT_MS);
    const next = nextOffset(batch.lastOffset());
    try {
      const messages = batch.messages.map((message) => toKafkaMessage(partition, message));
      const commitForDisplay = () => {
        consumer.commitOffsets([{ topic, partition, offset: next }]).catch(() => undefined);
      };
      await this.#options.process({ partition, messages, next, commitForDisplay }, lost.signal);
      payload.resolveOffset(last.offset);
      this.#recovered(partition);
    } catch (error) {
      const fault = toStreamFault(error, `working on ${topic}/${partition}`);
      this.#faults.set(partition, fault);
      this.#options.logger?.warn({ topic, partition, offset: batch.firstOffset() }, fault);
      consumer.pause([{ topic, partitions: [partition] }]);
      void this.#place(consumer, partition, next);
    } finally {
      clearInterval(heartbeats);
      this.#batches.delete(lost);
      this.#touch();
    }
  }

  #recovered(partition: number): void {
    this.#faults.delete(partition);
    this.#backoffs.delete(partition);
  }

  #backoffOf(partition: number): Backoff {
    const backoff = this.#backoffs.get(partition) ?? new Backoff();
    this.#backoffs.set(partition, backoff);
    return backoff;
  }
}

/** The client tells that it has joined before it knows so itself, and would not leave yet. */
async function afterJoin(): Promise<false> {
  await setImmediate();
  return false;
}

/** Our own errors speak for themselves; of a handler's other errors only the class is told, the text may quote data. */
function toStreamFault(error: unknown, doing: string): string {
  if (error instanceof LinewardError) return error.message;
  const name = error instanceof Error ? error.name : 'an unknown error';
  return name.startsWith('KafkaJS') ? toKafkaError(error, doing).message : `${name} while ${doing}; it is tried again.`;
}
