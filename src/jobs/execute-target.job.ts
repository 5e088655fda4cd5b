import { z } from 'zod';
import { defineJob, idInPayload } from './kit.ts';

/** Changes one place as the approved plan says. */
export const executeTargetJob = defineJob({
  name: 'execute-target',
  queue: 'targets',
  payload: z.object({ targetId: idInPayload }).strict(),
  progress: z.object({ done: z.number(), total: z.number() }).strict(),
  attempts: 5,
  backoffMs: 500,
});
