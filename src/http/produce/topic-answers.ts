import type { ClusterBroker, ClusterPartition, ClusterTopic, TopicSetting } from '../../services/kafka/ports.ts';

/** A partition as the REST Proxy v2 tells it; -1 stands for no leader. */
export function partitionV2({ partition, leader, replicas, inSync }: ClusterPartition) {
  const copies = replicas.map((broker) => ({ broker, leader: broker === leader, in_sync: inSync.includes(broker) }));
  return { partition, leader: leader ?? -1, replicas: copies };
}

export function topicV2({ name, partitions }: ClusterTopic, settings: readonly TopicSetting[]) {
  const configs = Object.fromEntries(
    settings.flatMap(({ name: key, value }) => (value === null ? [] : [[key, value]])),
  );
  return { name, configs, partitions: partitions.map(partitionV2) };
}

/** Where an answer of the v3 was asked for; its links stay below that address. */
export interface AnsweredAt {
  /** `/v3` or `/kafka/v3`. */
  readonly prefix: string;
  readonly clusterId: string;
}

const clusterPath = ({ prefix, clusterId }: AnsweredAt): string => `${prefix}/clusters/${clusterId}`;
const topicPath = (at: AnsweredAt, topic: string): string => `${clusterPath(at)}/topics/${topic}`;

export function listV3(kind: string, self: string, data: readonly object[]) {
  return { kind, metadata: { self, next: null }, data };
}

export function clusterV3(at: AnsweredAt) {
  const self = clusterPath(at);
  return {
    kind: 'KafkaCluster',
    metadata: { self, resource_name: `crn:///kafka=${at.clusterId}` },
    cluster_id: at.clusterId,
    brokers: { related: `${self}/brokers` },
    topics: { related: `${self}/topics` },
  };
}

export function brokersV3(at: AnsweredAt, brokers: readonly ClusterBroker[]) {
  const list = `${clusterPath(at)}/brokers`;
  const data = brokers.map(({ id, host, port, rack }) => ({
    kind: 'KafkaBroker',
    metadata: { self: `${list}/${id}`, resource_name: `crn:///kafka=${at.clusterId}/broker=${id}` },
    ...{ cluster_id: at.clusterId, broker_id: id, host, port, rack },
  }));
  return listV3('KafkaBrokerList', list, data);
}

export function topicV3(at: AnsweredAt, { name, isInternal, partitions }: ClusterTopic) {
  const self = topicPath(at, name);
  return {
    kind: 'KafkaTopic',
    metadata: { self, resource_name: `crn:///kafka=${at.clusterId}/topic=${name}` },
    cluster_id: at.clusterId,
    topic_name: name,
    is_internal: isInternal,
    replication_factor: Math.max(0, ...partitions.map(({ replicas }) => replicas.length)),
    partitions_count: partitions.length,
    partitions: { related: `${self}/partitions` },
    configs: { related: `${self}/configs` },
  };
}

export function topicsV3(at: AnsweredAt, topics: readonly ClusterTopic[]) {
  return listV3(
    'KafkaTopicList',
    `${clusterPath(at)}/topics`,
    topics.map((topic) => topicV3(at, topic)),
  );
}

export function partitionV3(at: AnsweredAt, topic: string, { partition, leader }: ClusterPartition) {
  return {
    kind: 'KafkaPartition',
    metadata: {
      self: `${topicPath(at, topic)}/partitions/${partition}`,
      resource_name: `crn:///kafka=${at.clusterId}/topic=${topic}/partition=${partition}`,
    },
    cluster_id: at.clusterId,
    topic_name: topic,
    partition_id: partition,
    leader: leader === null ? null : { broker_id: leader },
  };
}

export function partitionsV3(at: AnsweredAt, { name, partitions }: ClusterTopic) {
  return listV3(
    'KafkaPartitionList',
    `${topicPath(at, name)}/partitions`,
    partitions.map((partition) => partitionV3(at, name, partition)),
  );
}

const sources = { TOPIC: 'DYNAMIC_TOPIC_CONFIG', BROKER: 'STATIC_BROKER_CONFIG', DEFAULT: 'DEFAULT_CONFIG' } as const;

export function settingsV3(at: AnsweredAt, topic: string, settings: readonly TopicSetting[]) {
  const self = `${topicPath(at, topic)}/configs`;
  const data = settings.map(({ name, value, source }) => ({
    kind: 'KafkaTopicConfig',
    metadata: { self: `${self}/${name}`, resource_name: `crn:///kafka=${at.clusterId}/topic=${topic}/config=${name}` },
    cluster_id: at.clusterId,
    topic_name: topic,
    name,
    value,
    is_default: source === 'DEFAULT',
    is_read_only: true,
    is_sensitive: value === null,
    source: sources[source],
  }));
  return listV3('KafkaTopicConfigList', self, data);
}
