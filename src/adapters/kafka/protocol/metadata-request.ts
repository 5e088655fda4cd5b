import type { ProtocolRequest } from './requests.ts';
import { type WireReader, WireWriter } from './wire.ts';

export interface MetadataAnswer {
  readonly brokers: readonly {
    readonly id: number;
    readonly host: string;
    readonly port: number;
    readonly rack: string | null;
  }[];
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly topics: readonly {
    readonly error: number;
    readonly name: string;
    /** Null from brokers that give topics no ids. */
    readonly id: string | null;
    readonly isInternal: boolean;
    readonly partitions: readonly {
      readonly error: number;
      readonly partition: number;
      readonly leader: number;
      readonly replicas: readonly number[];
      readonly inSync: readonly number[];
    }[];
  }[];
}

/** Null asks for all topics that the client may see. */
export const metadata = (topics: readonly string[] | null): ProtocolRequest<MetadataAnswer> => ({
  name: 'Metadata',
  apiKey: 3,
  apiVersion: 10,
  older: metadataWithoutIds(topics),
  body: (() => {
    const body = new WireWriter();
    // The header ends in tagged fields, which kafkajs does not write. Asking must not make a topic, nor name what is allowed.
    return body
      .noTags()
      .compactList(topics, (topic) => body.noUuid().compactText(topic).noTags())
      .flag(false)
      .flag(false)
      .flag(false)
      .noTags().bytes;
  })(),
  read: (answer) => {
    answer.tags();
    answer.int32();
    const brokers = answer.compactList(() => {
      const broker = {
        id: answer.int32(),
        host: answer.compactText() ?? '',
        port: answer.int32(),
        rack: answer.compactText(),
      };
      answer.tags();
      return broker;
    });
    const [clusterId, controllerId] = [answer.compactText(), answer.int32()];
    const found = answer.compactList(() => topicIn(answer));
    return { brokers, clusterId, controllerId, topics: found };
  },
});

function topicIn(answer: WireReader): MetadataAnswer['topics'][number] {
  const facts = {
    error: answer.int16(),
    name: answer.compactText() ?? '',
    id: answer.uuid(),
    isInternal: answer.flag(),
  };
  const int32s = () => answer.compactList(() => answer.int32());
  const partitions = answer.compactList(() => {
    const [error, partition, leader] = [answer.int16(), answer.int32(), answer.int32()];
    // The epoch of the leader.
    answer.int32();
    const [replicas, inSync] = [int32s(), int32s()];
    // Those that are away.
    int32s();
    answer.tags();
    return { error, partition, leader, replicas, inSync };
  });
  // What the client may do.
  answer.int32();
  answer.tags();
  return { ...facts, partitions };
}

/** For brokers before Kafka 2.8. */
const metadataWithoutIds = (topics: readonly string[] | null): ProtocolRequest<MetadataAnswer> => ({
  name: 'Metadata',
  apiKey: 3,
  apiVersion: 5,
  body: (() => {
    const body = new WireWriter();
    return body.list(topics, (topic) => body.text(topic)).flag(false).bytes;
  })(),
  read: (answer) => {
    answer.int32();
    const int32s = () => answer.list(() => answer.int32());
    const brokers = answer.list(() => ({
      id: answer.int32(),
      host: answer.text() ?? '',
      port: answer.int32(),
      rack: answer.text(),
    }));
    const [clusterId, controllerId] = [answer.text(), answer.int32()];
    const readPartition = () => {
      const facts = { error: answer.int16(), partition: answer.int32(), leader: answer.int32() };
      const copies = { replicas: int32s(), inSync: int32s() };
      int32s();
      return { ...facts, ...copies };
    };
    const found = answer.list(() => ({
      error: answer.int16(),
      name: answer.text() ?? '',
      id: null,
      isInternal: answer.flag(),
      partitions: answer.list(readPartition),
    }));
    return { brokers, clusterId, controllerId, topics: found };
  },
});
