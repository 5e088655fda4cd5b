import { z } from 'zod';
import { defineJob, idInPayload } from './kit.ts';

/** Works out what an operation will do, and freezes it. */
export const planOperationJob = defineJob({
  name: 'plan-operation',
  queue: 'operations',
  payload: z.object({ operationId: idInPayload }).strict(),
  progress: z.object({}).strict(),
  attempts: 5,
  backoffMs: 500,
});
