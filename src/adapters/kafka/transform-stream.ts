import type { Kafka, Producer, Transaction } from 'kafkajs';
import { Turns } from '../../domain/turns.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RunningStream, TransformStream } from '../../services/kafka/ports.ts';
import type { KafkaLogger } from './client.ts';
import { protocolType, throughMoves, withinDeadline } from './faults.ts';
import { type ConsumedBatch, GroupConsumer } from './group-consumer.ts';
import { keptPartitions } from './kept-partitions.ts';
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
  producer: Producer;
  /** What the group has committed, as far as this claim knows; null before it was read. */
  position: string | null;
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
  /** The newest try to take a partition over; none for a partition that is not this member's any more. */
  readonly #tries = new Map<number, symbol>();
  readonly #turns = new Turns(TRANSFORMED_AT_ONCE);

  constructor(deps: TransformDeps, stream: TransformStream) {
    this.#deps = deps;
    this.#stream = stream;
  }

  /** Takes the partition over; answers where its work goes on. */
  async claim(partition: number): Promise<string> {
    const position = (await this.#keptPosition(partition)) ?? (await this.#takeOver(partition));
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
      if (this.#claims.get(partition) !== claim || isBehind(batch, claim)) throw this.#released(partition);
      while (!(await this.#isWritten(claim, batch, output)));
      claim.position = batch.next;
      this.#stream.written?.(messages, output.messages);
    } catch (error) {
      if (this.#claims.get(partition) === claim) await this.#release(partition);
      throw error;
    } finally {
      claim.isBusy = false;
      // It was released meanwhile, and has connected again for what it still had to send.
      if (this.#claims.get(partition) !== claim) await disconnect(claim.producer);
    }
  }

  keepOnly(partitions: readonly number[]): void {
    for (const partition of new Set([...this.#claims.keys(), ...this.#tries.keys()])) {
      if (partitions.includes(partition)) continue;
      this.#tries.delete(partition);
      void this.#release(partition);
    }
  }

  async close(): Promise<void> {
    this.#tries.clear();
    await Promise.all([...this.#claims.keys()].map((partition) => this.#release(partition)));
  }

  /**
   * Over a rebalance a claim stays when the group stands where the claim has left it; whoever has fenced it meanwhile fails
   * its next transaction. A broker answers a commit before the offsets of the transaction can be read, so an offset that
   * was read without a new claim may be the one of before: going on from there would write the last batch again.
   */
  async #keptPosition(partition: number): Promise<string | null> {
    const claim = this.#claims.get(partition);
    if (claim === undefined || claim.isBusy) return null;
    const position = await this.#startOf(partition);
    const isSame = position === claim.position && this.#claims.get(partition) === claim && !claim.isBusy;
    return isSame ? position : null;
  }

  async #takeOver(partition: number): Promise<string> {
    const own = Symbol();
    this.#tries.set(partition, own);
    await this.#release(partition);
    const producer = await this.#newProducer(partition);
    // Another try has begun, or the partition went to another member, which a late claim must not hinder.
    if (this.#tries.get(partition) !== own) {
      await disconnect(producer);
      throw this.#released(partition);
    }
    const claim: Claim = { producer, position: null, isBusy: false };
    this.#claims.set(partition, claim);
    claim.position = await this.#startOf(partition);
    return claim.position;
  }

  /**
   * Another producer for a claim. The client counts nothing of a send that was refused, although partitions other than the
   * one at fault have taken their part: the broker would drop what comes next there as a repetition.
   */
  async #renew(partition: number, claim: Claim): Promise<void> {
    await disconnect(claim.producer);
    if (this.#claims.get(partition) !== claim) throw this.#released(partition);
    claim.producer = await this.#newProducer(partition);
    // Who owned the partition in between may have written the batch.
    if ((await this.#startOf(partition)) !== claim.position) throw this.#released(partition);
  }

  #newProducer(partition: number): Promise<Producer> {
    const { group, source } = this.#stream;
    return claimProducer(this.#deps.kafka, { group, source, partition });
  }

  #startOf(partition: number): Promise<string> {
    const { group, source } = this.#stream;
    return this.#deps.startOf(group, source, partition);
  }

  /** False when the output is to be tried again, without what its topic does not take. */
  async #isWritten(claim: Claim, batch: ConsumedBatch, output: OutputSends): Promise<boolean> {
    const transaction = await claim.producer.transaction();
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
      if (!output.narrow(send, code, await this.#deps.limitsOf(send.topic))) throw cause;
      if (maySpanPartitions(send)) await this.#renew(batch.partition, claim);
      return false;
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
    const offsets = { consumerGroupId: group, topics: [{ topic: source, partitions }] };
    // The client tries sends again while the broker completes the transaction before, but not offsets that come first.
    await throughMoves(() => transaction.sendOffsets(offsets));
    await transaction.commit();
  }

  /** The batch is read again after the next claim. */
  #released(partition: number): LinewardError {
    return new LinewardError('KAFKA_UNAVAILABLE', `Partition ${this.#stream.source}/${partition} was released.`);
  }

  async #release(partition: number): Promise<void> {
    const claim = this.#claims.get(partition);
    this.#claims.delete(partition);
    if (claim !== undefined) await disconnect(claim.producer);
  }
}

async function disconnect(producer: Producer): Promise<void> {
  await producer.disconnect().catch(() => undefined);
}

/** Whether a batch begins with what is, or may be, written already: it was fetched before the partition was placed anew. */
function isBehind({ messages: [first] }: ConsumedBatch, { position }: Claim): boolean {
  return position === null || (first !== undefined && BigInt(first.offset) < BigInt(position));
}

function maySpanPartitions({ messages: [first, ...others] }: Send): boolean {
  return others.some(({ partition }) => partition === undefined || partition !== first?.partition);
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
    createPartitioner: keptPartitions,
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
