import { toLinewardError } from '../errors/lineward-error.ts';
import type { TableRegistrar } from '../services/lake/table-registrar.ts';
import { implementJob, isAway, isWorthAnotherRun, type JobProcessor } from './kit.ts';
import { profileTableJob } from './profile-table.job.ts';

export function profileTableProcessor({ registrar }: { readonly registrar: TableRegistrar }): JobProcessor {
  return implementJob(profileTableJob, async ({ payload, signal, isLastAttempt, report }) => {
    try {
      await registrar.run(payload.registrationId, { signal, report });
    } catch (error) {
      // The task ends well, and the sweep sends the next one.
      if (signal.aborted) return;
      const fault = toLinewardError(error);
      if (isAway(fault)) return;
      if (!isLastAttempt && isWorthAnotherRun(fault)) throw fault;
      await registrar.refuse(payload.registrationId, fault);
    }
  });
}
