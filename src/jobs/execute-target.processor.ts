import type { TargetRunner } from '../services/operations/target-runner.ts';
import { executeTargetJob } from './execute-target.job.ts';
import { implementJob, type JobProcessor } from './kit.ts';

export function executeTargetProcessor(deps: { readonly runner: TargetRunner }): JobProcessor {
  return implementJob(executeTargetJob, async ({ payload, signal, isLastAttempt, report }) => {
    await deps.runner.execute({
      targetId: payload.targetId,
      signal,
      isLastAttempt,
      report: ({ done, total }) => report({ done, total }),
    });
  });
}
