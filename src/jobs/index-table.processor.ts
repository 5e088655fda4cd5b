import { toLinewardError } from '../errors/lineward-error.ts';
import type { TableIndexer } from '../services/lake/table-indexer.ts';
import { indexTableJob } from './index-table.job.ts';
import { implementJob, isAway, isWorthAnotherRun, type JobProcessor } from './kit.ts';

export function indexTableProcessor({ tableIndexer }: { readonly tableIndexer: TableIndexer }): JobProcessor {
  return implementJob(indexTableJob, async ({ payload, signal, isLastAttempt, logger, report }) => {
    try {
      await tableIndexer.run(payload.tableId, { signal, report });
    } catch (error) {
      // The task ends well, and the sweep sends the next one.
      if (signal.aborted) return;
      const fault = toLinewardError(error);
      if (isAway(fault)) return;
      if (!isLastAttempt && isWorthAnotherRun(fault)) throw fault;
      logger.warn({ tableId: payload.tableId, code: fault.code }, 'a lake table could not be indexed');
      await tableIndexer.fail(payload.tableId, fault);
    }
  });
}
