import { toLinewardError } from '../errors/lineward-error.ts';
import type { TransformRunner } from '../services/transform/transform-runner.ts';
import { implementJob, isAway, isWorthAnotherRun, type JobProcessor } from './kit.ts';
import { runTransformJob } from './run-transform.job.ts';

export function runTransformProcessor({
  transformRunner,
}: {
  readonly transformRunner: TransformRunner;
}): JobProcessor {
  return implementJob(runTransformJob, async ({ payload, signal, isLastAttempt, logger, report }) => {
    try {
      await transformRunner.run(payload.runId, { signal, report });
    } catch (error) {
      // The task ends well, and the sweep sends the next one.
      if (signal.aborted) return;
      const fault = toLinewardError(error);
      if (isAway(fault) || fault.code === 'LEASE_LOST') return;
      if (!isLastAttempt && isWorthAnotherRun(fault)) throw fault;
      logger.warn(
        { runId: payload.runId, code: fault.code, error: fault.cause ?? fault },
        'a run of a transformer failed',
      );
      await transformRunner.fail(payload.runId, fault);
    }
  });
}
