import type { Env } from './config/env.ts';
import type { Logger } from './domain/logger.ts';
import { discoverTopicsJob } from './jobs/discover-topics.job.ts';
import { reconcileTopicsJob } from './jobs/reconcile-topics.job.ts';
import type { Parts } from './open-parts.ts';
import type { VisibleThings } from './services/access/visible-things.ts';
import type { RetainReader } from './services/governance/retains.ts';
import { ClusterReadModel } from './services/kafka/cluster.read-model.ts';
import { HeldTopics } from './services/kafka/held-topics.ts';
import { PlacedRetentions } from './services/kafka/placed-retentions.ts';
import { ProxiedTopics } from './services/kafka/proxied-topics.read-model.ts';
import type { RecordReader } from './services/kafka/record-reader.ts';
import { RetentionPlans } from './services/kafka/retention-plans.ts';
import { RetentionReconciler } from './services/kafka/retention-reconciler.ts';
import { TopicReadModel } from './services/kafka/topic.read-model.ts';
import { TopicDiscovery } from './services/kafka/topic-discovery.ts';
import type { TopicNames } from './services/kafka/topic-names.ts';
import { TopicRetentionReadModel } from './services/kafka/topic-retention.read-model.ts';
import { TopicRetentionService } from './services/kafka/topic-retention.service.ts';
import { TopicSampling } from './services/kafka/topic-sampling.ts';
import { TopicSchedule } from './services/kafka/topic-schedule.ts';
import type { PlaceLabels } from './services/lineage/place-labels.ts';
import type { SemanticTypeReadModel } from './services/privacy/semantic-type.read-model.ts';

/** Services about topics as a whole: what the cluster has, and how long records stay. */
export function buildTopics(
  env: Env,
  logger: Logger,
  {
    database: { em },
    kafka,
    jobs,
    records,
    semanticTypes,
    retains,
    names,
    visibleThings,
    placeLabels,
  }: Pick<Parts, 'database' | 'kafka' | 'jobs'> & {
    records: RecordReader;
    semanticTypes: SemanticTypeReadModel;
    retains: RetainReader;
    names: TopicNames;
    visibleThings: VisibleThings;
    placeLabels: PlaceLabels;
  },
) {
  const { kafkaNamespace } = env;
  const held = new HeldTopics({ em, kafka, records, retains });
  const plans = new RetentionPlans({ em, kafka, held, retains });
  const placed = new PlacedRetentions({ em, kafka });
  const retentionReconciler = new RetentionReconciler({ em, kafka, plans, placed, held, logger });
  const topics = new TopicReadModel({ em });
  const every = (seconds: number) => (kafka.configured ? seconds * 1_000 : 0);
  const topicRetentionSchedule = new TopicSchedule({
    scheduler: jobs,
    contract: reconcileTopicsJob,
    intervalMs: every(env.TOPIC_RETENTION_SECONDS),
  });
  return {
    topics,
    kafkaCluster: new ClusterReadModel({ kafka, visibleThings }),
    proxiedTopics: new ProxiedTopics({ em, kafka, kafkaNamespace, names, visibleThings }),
    topicDiscovery: new TopicDiscovery({
      ...{ em, kafka, kafkaNamespace, logger },
      changed: () => topicRetentionSchedule.enqueueNow(),
    }),
    topicSampling: new TopicSampling({ em, kafka, topics, semanticTypes, records }),
    topicDiscoverySchedule: new TopicSchedule({
      scheduler: jobs,
      contract: discoverTopicsJob,
      intervalMs: every(env.TOPIC_DISCOVERY_SECONDS),
    }),
    retentionReconciler,
    topicRetentions: new TopicRetentionReadModel({ em, plans, placeLabels }),
    topicRetentionService: new TopicRetentionService({
      ...{ em, kafkaNamespace, plans, placeLabels, reconciler: retentionReconciler },
      approvalByAnother: env.APPROVAL_BY_ANOTHER,
    }),
    topicRetentionSchedule,
  };
}
