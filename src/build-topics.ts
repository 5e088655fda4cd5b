import type { Logger as PinoLogger } from 'pino';
import type { Env } from './config/env.ts';
import { reconcileTopicsJob } from './jobs/reconcile-topics.job.ts';
import type { Parts } from './open-parts.ts';
import { HeldTopics } from './services/kafka/held-topics.ts';
import type { RecordReader } from './services/kafka/record-reader.ts';
import { RetentionPlans } from './services/kafka/retention-plans.ts';
import { RetentionReconciler } from './services/kafka/retention-reconciler.ts';
import { TopicRetentionReadModel } from './services/kafka/topic-retention.read-model.ts';
import { TopicRetentionService } from './services/kafka/topic-retention.service.ts';
import { TopicSchedule } from './services/kafka/topic-schedule.ts';

/** Services about topics as a whole: how long their records stay. */
export function buildTopics(
  env: Env,
  logger: PinoLogger,
  { database: { em }, kafka, jobs, records }: Pick<Parts, 'database' | 'kafka' | 'jobs'> & { records: RecordReader },
) {
  const { kafkaNamespace } = env;
  const held = new HeldTopics({ em, kafka, records });
  const plans = new RetentionPlans({ em, kafka, held });
  const retentionReconciler = new RetentionReconciler({ em, kafka, plans, held, logger });
  return {
    retentionReconciler,
    topicRetentions: new TopicRetentionReadModel({ em, plans }),
    topicRetentionService: new TopicRetentionService({ em, kafkaNamespace, plans, reconciler: retentionReconciler }),
    retentionSchedule: new TopicSchedule({
      scheduler: jobs,
      contract: reconcileTopicsJob,
      intervalMs: kafka.configured ? env.TOPIC_RETENTION_SECONDS * 1_000 : 0,
    }),
  };
}
