import { z } from 'zod';
import { defineJob, idInPayload } from './kit.ts';

/** One step towards an index of all files of a lake table. */
export const indexTableJob = defineJob({
  name: 'index-table',
  queue: 'indexes',
  payload: z.object({ tableId: idInPayload }).strict(),
  progress: z.object({ done: z.number(), total: z.number() }).strict(),
  attempts: 3,
  backoffMs: 500,
});
