import type { RetentionReconciler } from '../services/kafka/retention-reconciler.ts';
import type { TopicDiscovery } from '../services/kafka/topic-discovery.ts';
import type { TableIndexer } from '../services/lake/table-indexer.ts';
import type { TableRegistrar } from '../services/lake/table-registrar.ts';
import type { LedgerReplay } from '../services/operations/ledger-replay.ts';
import type { OperationCertifier } from '../services/operations/operation-certifier.ts';
import type { OperationPlanner } from '../services/operations/operation-planner.ts';
import type { TargetRunner } from '../services/operations/target-runner.ts';
import type { TransformRunner } from '../services/transform/transform-runner.ts';
import { certifyOperationJob } from './certify-operation.job.ts';
import { certifyOperationProcessor } from './certify-operation.processor.ts';
import { discoverTopicsJob } from './discover-topics.job.ts';
import { discoverTopicsProcessor } from './discover-topics.processor.ts';
import { executeTargetJob } from './execute-target.job.ts';
import { executeTargetProcessor } from './execute-target.processor.ts';
import { indexTableJob } from './index-table.job.ts';
import { indexTableProcessor } from './index-table.processor.ts';
import type { JobProcessor } from './kit.ts';
import { planOperationJob } from './plan-operation.job.ts';
import { planOperationProcessor } from './plan-operation.processor.ts';
import { profileTableJob } from './profile-table.job.ts';
import { profileTableProcessor } from './profile-table.processor.ts';
import { reconcileTopicsJob } from './reconcile-topics.job.ts';
import { reconcileTopicsProcessor } from './reconcile-topics.processor.ts';
import { replayLedgerJob } from './replay-ledger.job.ts';
import { replayLedgerProcessor } from './replay-ledger.processor.ts';
import { runTransformJob } from './run-transform.job.ts';
import { runTransformProcessor } from './run-transform.processor.ts';
import { verifyTargetJob } from './verify-target.job.ts';
import { verifyTargetProcessor } from './verify-target.processor.ts';

/** Every job contract by its name in code; the key union makes a missing processor a type error. */
export const jobContracts = {
  planOperation: planOperationJob,
  executeTarget: executeTargetJob,
  verifyTarget: verifyTargetJob,
  certifyOperation: certifyOperationJob,
  reconcileTopics: reconcileTopicsJob,
  discoverTopics: discoverTopicsJob,
  profileTable: profileTableJob,
  indexTable: indexTableJob,
  replayLedger: replayLedgerJob,
  runTransform: runTransformJob,
} as const;

export type JobKey = keyof typeof jobContracts;

/** Tasks of one queue that a process runs side by side. */
export const queueConcurrency: Readonly<Record<string, number>> = {
  operations: 4,
  targets: 2,
  tables: 1,
  indexes: 1,
  ledger: 1,
  transforms: 1,
  topics: 2,
};

export function jobProcessors(deps: {
  readonly planner: OperationPlanner;
  readonly runner: TargetRunner;
  readonly certifier: OperationCertifier;
  readonly retentionReconciler: RetentionReconciler;
  readonly topicDiscovery: TopicDiscovery;
  readonly registrar: TableRegistrar;
  readonly tableIndexer: TableIndexer;
  readonly ledgerReplay: LedgerReplay;
  readonly transformRunner: TransformRunner;
}): Readonly<Record<JobKey, JobProcessor>> {
  return {
    planOperation: planOperationProcessor(deps),
    executeTarget: executeTargetProcessor(deps),
    verifyTarget: verifyTargetProcessor(deps),
    certifyOperation: certifyOperationProcessor(deps),
    reconcileTopics: reconcileTopicsProcessor(deps),
    discoverTopics: discoverTopicsProcessor(deps),
    profileTable: profileTableProcessor(deps),
    indexTable: indexTableProcessor(deps),
    replayLedger: replayLedgerProcessor(deps),
    runTransform: runTransformProcessor(deps),
  };
}
