import { z } from 'zod';
import { defineJob, idInPayload } from './kit.ts';

/** One run of a transformer, from where it is to its end. */
export const runTransformJob = defineJob({
  name: 'run-transform',
  queue: 'transforms',
  payload: z.object({ runId: idInPayload }).strict(),
  progress: z.object({ done: z.number(), total: z.number() }).strict(),
  attempts: 5,
  backoffMs: 1_000,
});
