import type { TargetRunner } from '../services/operations/target-runner.ts';
import { implementJob, type JobProcessor } from './kit.ts';
import { verifyTargetJob } from './verify-target.job.ts';

export function verifyTargetProcessor(deps: { readonly runner: TargetRunner }): JobProcessor {
  return implementJob(verifyTargetJob, async ({ payload, signal, isLastAttempt, report }) => {
    await deps.runner.verify({
      targetId: payload.targetId,
      signal,
      isLastAttempt,
      report: ({ done, total }) => report({ done, total }),
    });
  });
}
