import type { RetentionReconciler } from '../services/kafka/retention-reconciler.ts';
import { implementJob, type JobProcessor } from './kit.ts';
import { reconcileTopicsJob } from './reconcile-topics.job.ts';

export function reconcileTopicsProcessor(deps: { readonly retentionReconciler: RetentionReconciler }): JobProcessor {
  return implementJob(reconcileTopicsJob, ({ signal, report }) =>
    deps.retentionReconciler.reconcileAll({ signal, report }),
  );
}
