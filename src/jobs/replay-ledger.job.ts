import { z } from 'zod';
import { defineJob } from './kit.ts';

/** Looks for data of subjects that were erased before. */
export const replayLedgerJob = defineJob({
  name: 'replay-ledger',
  queue: 'ledger',
  payload: z.object({ runId: z.uuid() }).strict(),
  progress: z.object({}).strict(),
  attempts: 3,
  backoffMs: 1_000,
});
