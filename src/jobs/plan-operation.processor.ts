import { toLinewardError } from '../errors/lineward-error.ts';
import type { OperationPlanner } from '../services/operations/operation-planner.ts';
import { implementJob, isAway, isWorthAnotherRun, type JobProcessor } from './kit.ts';
import { planOperationJob } from './plan-operation.job.ts';

export function planOperationProcessor(deps: { readonly planner: OperationPlanner }): JobProcessor {
  return implementJob(planOperationJob, async ({ payload, isLastAttempt }) => {
    try {
      await deps.planner.plan(payload.operationId);
    } catch (error) {
      const fault = toLinewardError(error);
      // The task ends well, and the sweeper sends the next one.
      if (isAway(fault)) return deps.planner.wait(payload.operationId, fault);
      if (!isLastAttempt && isWorthAnotherRun(fault)) throw fault;
      await deps.planner.fail(payload.operationId, fault);
    }
  });
}
