import kafkajs, { type Kafka, type Producer, type Transaction } from 'kafkajs';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaGateway, RunningStream } from '../../services/kafka/ports.ts';
import type { KafkaLogger } from './client.ts';
import { withinDeadline } from './faults.ts';
import { type ConsumedBatch, GroupConsumer } from './group-consumer.ts';
import { byteSize, inSends, toVendorMessage } from './messages.ts';

/** A transaction that its owner leaves open holds back readers of the target for at most so long. */
const TRANSACTION_TIMEOUT_MS = 30_000;
const CLAIM_DEADLINE_MS = 15_000;
const PARTITIONS_AT_ONCE = 4;

type TransformStream = Parameters<KafkaGateway['transformStream']>[0];

interface TransformDeps {
  readonly kafka: Kafka;
  readonly logger: KafkaLogger | undefined;
  /** Committed offset of the partition, else its earliest. */
  startOf(group: string, topic: string, partition: number): Promise<string>;
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
  readonly #producers = new Map<number, Producer>();

  constructor(deps: TransformDeps, stream: TransformStream) {
    this.#deps = deps;
    this.#stream = stream;
  }

  /** Takes the partition over; answers where its work goes on. */
  async claim(partition: number): Promise<string> {
    const { group, source } = this.#stream;
    await this.#release(partition);
    const producer = await claimProducer(this.#deps.kafka, { group, source, partition });
    this.#producers.set(partition, producer);
    return this.#deps.startOf(group, source, partition);
  }

  async process(batch: ConsumedBatch): Promise<void> {
    const { group, source, target, transform } = this.#stream;
    const output = await transform(batch.messages);
    const producer = this.#producers.get(batch.partition);
    // Released under us: the batch is read again after the next claim.
    if (!producer) throw new LinewardError('KAFKA_UNAVAILABLE', `Partition ${source}/${batch.partition} was released.`);
    const transaction = await producer.transaction();
    try {
      for (const [topic, outgoing] of Map.groupBy(output, (message) => message.topic ?? target)) {
        for (const messages of inSends(outgoing, byteSize)) {
          await transaction.send({ topic, acks: -1, messages: messages.map(toVendorMessage) });
        }
      }
      const partitions = [{ partition: batch.partition, offset: batch.next }];
      await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic: source, partitions }] });
      await transaction.commit();
    } catch (error) {
      await abandon(transaction);
      throw error;
    }
  }

  keepOnly(partitions: readonly number[]): void {
    for (const partition of this.#producers.keys()) {
      if (!partitions.includes(partition)) void this.#release(partition);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#producers.keys()].map((partition) => this.#release(partition)));
  }

  async #release(partition: number): Promise<void> {
    const producer = this.#producers.get(partition);
    this.#producers.delete(partition);
    await producer?.disconnect().catch(() => undefined);
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
async function abandon(transaction: Transaction): Promise<void> {
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
    stop: async () => {
      await consumer.stop();
      await work.close();
    },
  };
}
