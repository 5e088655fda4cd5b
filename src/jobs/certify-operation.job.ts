import { z } from 'zod';
import { defineJob, idInPayload } from './kit.ts';

/** Draws the sum of a verified operation and signs it. */
export const certifyOperationJob = defineJob({
  name: 'certify-operation',
  queue: 'operations',
  payload: z.object({ operationId: idInPayload }).strict(),
  progress: z.object({}).strict(),
  attempts: 5,
  backoffMs: 500,
});
