import kafkajs, { type Kafka, type Producer, type Transaction } from 'kafkajs';
import { Turns } from '../../domain/turns.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RunningStream, TransformStream } from '../../services/kafka/ports.ts';
import type { KafkaLogger } from './client.ts';
import { protocolType, withinDeadline } from './faults.ts';
import { type ConsumedBatch, GroupConsumer } from './group-consumer.ts';
import { refusalOf, toVendorMessage } from './messages.ts';
import { OutputSends, type Send, type TopicLimits } from './output-sends.ts';

/** A transaction that its owner leaves open holds back readers of the target for at most so long. */
const TRANSACTION_TIMEOUT_MS = 30_000;
const CLAIM_DEADLINE_MS = 15_000;
const PARTITIONS_AT_ONCE = 16;
/**
 * One waits for the database while the other computes. With more of them all batches are in memory half done, and then all
 * are written at once: so one is written while the next is transformed.
 */
const TRANSFORMED_AT_ONCE = 2;

interface TransformDeps {
  readonly kafka: Kafka;
  readonly logger: KafkaLogger | undefined;
  /** Committed offset of the partition, else its earliest. */
  startOf(group: string, topic: string, partition: number): Promise<string>;
  limitsOf(topic: string): Promise<TopicLimits>;
}

/** A partition that was taken over. */
interface Claim {
  readonly producer: Producer;
  isBusy: boolean;
}

/** A send of which the broker takes nothing, whenever it is tried. */
class SendRefused extends Error {
  readonly send: Send;
  readonly code: ErrorCode;

  constructor(send: Send, code: ErrorCode, cause: unknown) {
    super('', { cause });
    this.send = send;
    this.code = code;
  }
}

/**
 * Exactly-once from a topic to a topic. kafkajs cannot send the group generation with a transaction's offsets, so the
 * group cannot fence a member that lost a partition. Therefore **each source partition has its own transactional id**:
 * the next owner's claim aborts or completes what the last owner left open and fences it, and only then reads the
 * committed offset from which it goes on.
 */
class TransformWork {
  readonly #deps: TransformDeps;
  readonly #stream: TransformStream;
  readonly #claims = new Map<number, Claim>();
  readonly #turns = new Turns(TRANSFORMED_AT_ONCE);

  constructor(deps: TransformDeps, stream: TransformStream) {
    this.#deps = deps;
    this.#stream = stream;
  }

  /**
   * Takes the partition over; answers where its work goes on. Over a rebalance a claim stays: whoever had the partition
   * meanwhile has fenced it, and then it fails with its next transaction.
   */
  async claim(partition: number): Promise<string> {
    const { group, source } = this.#stream;
    const known = this.#claims.get(partition);
    if (known === undefined || known.isBusy) {
      await this.#release(partition);
      const producer = await claimProducer(this.#deps.kafka, { group, source, partition });
      this.#claims.set(partition, { producer, isBusy: false });
    }
    const position = await this.#deps.startOf(group, source, partition);
    await this.#stream.begin?.(partition, position);
    return position;
  }

  async process(batch: ConsumedBatch): Promise<void> {
    const { partition, messages } = batch;
    // Of the claim by which the batch was read: a client that was replaced may still be at work on it under the next one.
    const claim = this.#claims.get(partition);
    if (claim === undefined) throw this.#released(partition);
    claim.isBusy = true;
    try {
      const transformed = await this.#turns.take(() => this.#stream.transform(messages));
      const output = new OutputSends(this.#stream, transformed);
      if (this.#claims.get(partition) !== claim) throw this.#released(partition);
      while (!(await this.#isWritten(claim.producer, batch, output)));
      this.#stream.written?.(messages, output.messages);
    } catch (error) {
      if (this.#claims.get(partition) === claim) await this.#release(partition);
      throw error;
    }
    claim.isBusy = false;
  }

  keepOnly(partitions: readonly number[]): void {
    for (const partition of this.#claims.keys()) {
      if (!partitions.includes(partition)) void this.#release(partition);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#claims.keys()].map((partition) => this.#release(partition)));
  }

  /** False when the output is to be tried again, without what its topic does not take. */
  async #isWritten(producer: Producer, batch: ConsumedBatch, output: OutputSends): Promise<boolean> {
    const transaction = await producer.transaction();
    try {
      await this.#write(transaction, batch, output);
      return true;
    } catch (error) {
      if (!(error instanceof SendRefused)) {
        await abandon(transaction);
        throw error;
      }
      await transaction.abort();
      const { send, code, cause } = error;
      if (output.narrow(send, code, await this.#deps.limitsOf(send.topic))) return false;
      throw cause;
    }
  }

  async #write(transaction: Transaction, batch: ConsumedBatch, output: OutputSends): Promise<void> {
    const { group, source } = this.#stream;
    for (const send of output.sends) {
      try {
        await transaction.send({ topic: send.topic, acks: -1, messages: send.messages.map(toVendorMessage) });
      } catch (error) {
        const code = refusalOf(protocolType(error));
        throw code === null ? error : new SendRefused(send, code, error);
      }
    }
    const partitions = [{ partition: batch.partition, offset: batch.next }];
    await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic: source, partitions }] });
    await transaction.commit();
  }

  /** The batch is read again after the next claim. */
  #released(partition: number): LinewardError {
    return new LinewardError('KAFKA_UNAVAILABLE', `Partition ${this.#stream.source}/${partition} was released.`);
  }

  async #release(partition: number): Promise<void> {
    const claim = this.#claims.get(partition);
    this.#claims.delete(partition);
    await claim?.producer.disconnect().catch(() => undefined);
  }
}

/** A producer that owns the output of one source partition: whoever owned it before can write nothing any more. */
export async function claimProducer(
  kafka: Kafka,
  { group, source, partition }: { readonly group: string; readonly source: string; readonly partition: number },
): Promise<Producer> {
  const producer = kafka.producer({
    transactionalId: `${group}.${source}.${partition}`,
    idempotent: true,
    maxInFlightRequests: 1,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
    allowAutoTopicCreation: false,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    retry: { retries: 8, initialRetryTime: 100, maxRetryTime: 1_000 },
  });
  const fence = async () => {
    await producer.connect();
    // The client asks for its producer id, which is what fences, with its first transaction.
    const probe = await producer.transaction();
    await probe.abort();
  };
  try {
    await withinDeadline(fence(), `claiming ${source}/${partition}`, CLAIM_DEADLINE_MS);
  } catch (error) {
    void producer.disconnect().catch(() => undefined);
    throw error;
  }
  return producer;
}

/** Frees readers of the target early; when it fails the next claim or the timeout does the same. */
export async function abandon(transaction: Transaction): Promise<void> {
  if (!transaction.isActive()) return;
  await withinDeadline(transaction.abort(), 'aborting a transaction').catch(() => undefined);
}

/** Starts the stream of `KafkaGateway.transformStream`. */
export function startTransformStream(deps: TransformDeps, stream: TransformStream): RunningStream {
  const work = new TransformWork(deps, stream);
  const consumer = GroupConsumer.start({
    kafka: deps.kafka,
    logger: deps.logger,
    group: stream.group,
    topic: stream.source,
    partitionsAtOnce: PARTITIONS_AT_ONCE,
    positionOf: (partition) => work.claim(partition),
    process: (batch) => work.process(batch),
    onAssigned: (partitions) => work.keepOnly(partitions),
  });
  return {
    get fault() {
      return consumer.fault;
    },
    get partitions() {
      return consumer.partitions;
    },
    stop: async () => {
      await consumer.stop();
      await work.close();
    },
  };
}
