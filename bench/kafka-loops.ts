import type kafkajs from 'kafkajs';
import type { Producer } from 'kafkajs';
import { consumerSettings } from '../src/adapters/kafka/group-consumer.ts';
import { inSends, nextOffset } from '../src/adapters/kafka/messages.ts';
import type { KafkaGateway } from '../src/services/kafka/ports.ts';

/** What a run over a topic took, from its first batch to its last commit. */
export interface Run {
  readonly seconds: number;
  /** Processor time of this process. */
  readonly cpuSeconds: number;
}

/** Runs until so many records are told. */
export class RunClock {
  readonly #total: number;
  readonly #done = Promise.withResolvers<Run>();
  #records = 0;
  #start: { readonly at: number; readonly cpu: NodeJS.CpuUsage } | null = null;

  constructor(total: number) {
    this.#total = total;
  }

  begin(): void {
    this.#start ??= { at: performance.now(), cpu: process.cpuUsage() };
  }

  done(records: number): void {
    this.#records += records;
    if (this.#records < this.#total || this.#start === null) return;
    const { user, system } = process.cpuUsage(this.#start.cpu);
    this.#done.resolve({ seconds: (performance.now() - this.#start.at) / 1_000, cpuSeconds: (user + system) / 1e6 });
  }

  get run(): Promise<Run> {
    return this.#done.promise;
  }
}

export interface Copy {
  readonly brokers: string;
  readonly group: string;
  readonly source: string;
  readonly target: string;
  readonly total: number;
  /** Ours is patched; there is also the one that was published. */
  readonly client: typeof kafkajs;
}

/** The barest exactly-once copy by kafkajs: the fetches, transactions and sends of a stream, and nothing else. */
export async function bareCopy({ brokers, group, source, target, total, client }: Copy): Promise<Run> {
  const kafka = new client.Kafka({ brokers: [brokers], logLevel: client.logLevel.NOTHING });
  const clock = new RunClock(total);
  const producers = new Map<number, Producer>();
  const producerOf = async (partition: number): Promise<Producer> => {
    const known = producers.get(partition);
    if (known !== undefined) return known;
    const producer = kafka.producer({
      transactionalId: `${group}.${partition}`,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: client.Partitioners.DefaultPartitioner,
    });
    producers.set(partition, producer);
    await producer.connect();
    await (await producer.transaction()).abort();
    return producer;
  };
  const admin = kafka.admin();
  await admin.connect();
  for (const { partition } of await admin.fetchTopicOffsets(source)) await producerOf(partition);
  await admin.disconnect();
  const consumer = kafka.consumer({ groupId: group, ...consumerSettings });
  await consumer.connect();
  await consumer.subscribe({ topic: source, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 16,
    eachBatch: async ({ batch }) => {
      clock.begin();
      const { partition } = batch;
      const transaction = await (await producerOf(partition)).transaction();
      const sizeOf = ({ key, value }: (typeof batch.messages)[number]) =>
        100 + (key?.length ?? 0) + (value?.length ?? 0);
      for (const messages of inSends(batch.messages, sizeOf)) {
        const copies = messages.map(({ key, value, headers, timestamp }) => {
          return { key, value, timestamp, partition, ...(headers === undefined ? {} : { headers }) };
        });
        await transaction.send({ topic: target, acks: -1, messages: copies });
      }
      const partitions = [{ partition, offset: nextOffset(batch.lastOffset()) }];
      await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic: source, partitions }] });
      await transaction.commit();
      clock.done(batch.messages.length);
    },
  });
  const run = await clock.run;
  await consumer.disconnect();
  await Promise.all([...producers.values()].map((producer) => producer.disconnect()));
  return run;
}

/** A gateway whose transform streams tell the clock when they begin and what they have written. */
export function clocked(gateway: KafkaGateway, clock: RunClock): KafkaGateway {
  const transformStream: KafkaGateway['transformStream'] = (stream) =>
    gateway.transformStream({
      ...stream,
      transform: (messages) => {
        clock.begin();
        return stream.transform(messages);
      },
      written: (messages, output) => {
        stream.written?.(messages, output);
        clock.done(messages.length);
      },
    });
  return new Proxy(gateway, {
    get: (target, name) => {
      if (name === 'transformStream') return transformStream;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
