import { z } from 'zod';
import { defineJob, idInPayload } from './kit.ts';

/** Reads one place back and counts what should be gone. */
export const verifyTargetJob = defineJob({
  name: 'verify-target',
  queue: 'targets',
  payload: z.object({ targetId: idInPayload }).strict(),
  progress: z.object({ done: z.number(), total: z.number() }).strict(),
  attempts: 5,
  backoffMs: 500,
});
