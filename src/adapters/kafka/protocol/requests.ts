import { type WireReader, WireWriter } from './wire.ts';

/** A request that kafkajs does not know, or whose answer it gives up as a whole where a part of it has a fault. */
export interface ProtocolRequest<Answer> {
  readonly name: string;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly body: Buffer;
  /** What is asked of brokers that do not know this version. */
  readonly older?: ProtocolRequest<Answer>;
  /** Errors of single items stay what they are: a number in the answer, 0 for none. */
  read(answer: WireReader): Answer;
}

const topicResource = 2;

export interface ConfigsAnswer {
  readonly topic: string;
  readonly error: number;
  readonly settings: readonly {
    readonly name: string;
    readonly value: string | null;
    /** Kafka's ConfigSource: 1 is the topic itself, 5 the default. */
    readonly source: number;
    readonly isSensitive: boolean;
  }[];
}

/** Null asks for all settings. */
export const describeConfigs = (
  topics: readonly string[],
  names: readonly string[] | null,
): ProtocolRequest<readonly ConfigsAnswer[]> => ({
  name: 'DescribeConfigs',
  apiKey: 32,
  apiVersion: 1,
  body: (() => {
    const body = new WireWriter();
    return body
      .list(topics, (topic) =>
        body
          .int8(topicResource)
          .text(topic)
          .list(names, (name) => body.text(name)),
      )
      .flag(false).bytes;
  })(),
  read: (answer) => {
    answer.int32();
    return answer.list(() => {
      const error = answer.int16();
      answer.text();
      answer.int8();
      const topic = answer.text() ?? '';
      const settings = answer.list(() => {
        const [name, value] = [answer.text() ?? '', answer.text()];
        answer.flag();
        const facts = { name, value, source: answer.int8(), isSensitive: answer.flag() };
        answer.list(() => [answer.text(), answer.text(), answer.int8()]);
        return facts;
      });
      return { topic, error, settings };
    });
  },
});

const [setOperation, deleteOperation] = [0, 1];

/** Changes the settings that are named and no other; null takes one back to its default. */
export const incrementalAlterConfigs = (
  topic: string,
  changes: Readonly<Record<string, string | null>>,
  checkOnly: boolean,
): ProtocolRequest<readonly { readonly error: number; readonly reason: string | null }[]> => ({
  name: 'IncrementalAlterConfigs',
  apiKey: 44,
  apiVersion: 0,
  body: (() => {
    const body = new WireWriter().int32(1).int8(topicResource).text(topic);
    body.list(Object.entries(changes), ([name, value]) =>
      body
        .text(name)
        .int8(value === null ? deleteOperation : setOperation)
        .text(value),
    );
    return body.flag(checkOnly).bytes;
  })(),
  read: (answer) => {
    answer.int32();
    return answer.list(() => {
      const facts = { error: answer.int16(), reason: answer.text() };
      answer.int8();
      answer.text();
      return facts;
    });
  },
});

export interface LogDirAnswer {
  readonly error: number;
  readonly replicas: readonly { readonly topic: string; readonly partition: number; readonly bytes: bigint }[];
}

/** Sizes of all replicas that a broker has; a replica that is on its way to another disk counts too. */
export const describeLogDirs = (): ProtocolRequest<readonly LogDirAnswer[]> => ({
  name: 'DescribeLogDirs',
  apiKey: 35,
  apiVersion: 1,
  body: new WireWriter().list(null, () => undefined).bytes,
  read: (answer) => {
    answer.int32();
    return answer.list(() => {
      const error = answer.int16();
      answer.text();
      const replicas = answer.list(() => {
        const topic = answer.text() ?? '';
        return answer.list(() => {
          const found = { topic, partition: answer.int32(), bytes: answer.int64() };
          answer.int64();
          answer.flag();
          return found;
        });
      });
      return { error, replicas: replicas.flat() };
    });
  },
});

export type TopicPartitions = ReadonlyMap<string, readonly number[]>;

export interface OffsetAnswer {
  readonly topic: string;
  readonly partition: number;
  readonly error: number;
  readonly offset: bigint;
}

/** First offset, or the one behind the last that is settled: what open transactions wrote does not count yet. */
export const listOffsets = (
  partitions: TopicPartitions,
  end: 'EARLIEST' | 'LATEST',
): ProtocolRequest<OffsetAnswer[]> => ({
  name: 'ListOffsets',
  apiKey: 2,
  apiVersion: 2,
  body: (() => {
    const body = new WireWriter().int32(-1).int8(1);
    return body.list([...partitions], ([topic, numbers]) =>
      body.text(topic).list(numbers, (number) => body.int32(number).int64(end === 'EARLIEST' ? -2n : -1n)),
    ).bytes;
  })(),
  read: (answer) => {
    answer.int32();
    return readTopics(answer, () => {
      const facts = { partition: answer.int32(), error: answer.int16() };
      answer.int64();
      return { ...facts, offset: answer.int64() };
    });
  },
});

/** Items by topic and partition, as one list. */
export function readTopics<T extends object>(
  answer: WireReader,
  readPartition: () => T,
): (T & { readonly topic: string })[] {
  const topics = answer.list(() => {
    const topic = answer.text() ?? '';
    return answer.list(() => ({ topic, ...readPartition() }));
  });
  return topics.flat();
}
