import type { LedgerReplay } from '../services/operations/ledger-replay.ts';
import { implementJob, type JobProcessor } from './kit.ts';
import { replayLedgerJob } from './replay-ledger.job.ts';

export function replayLedgerProcessor(deps: { readonly ledgerReplay: LedgerReplay }): JobProcessor {
  return implementJob(replayLedgerJob, async ({ payload, signal, logger }) => {
    const { erased, found, operations, gaps } = await deps.ledgerReplay.run(payload.runId, signal);
    logger.info({ erased, found, operations: operations.length, gaps: gaps.length }, 'the erasure ledger was replayed');
  });
}
