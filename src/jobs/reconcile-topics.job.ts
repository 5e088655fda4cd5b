import { z } from 'zod';
import { defineJob } from './kit.ts';

/** Compares topics with the retention that they are to have, and brings them back to it. */
export const reconcileTopicsJob = defineJob({
  name: 'reconcile-topics',
  queue: 'topics',
  /** Number of the interval it runs in, so that many processes make one task of it. */
  payload: z.object({ interval: z.int().nonnegative() }).strict(),
  progress: z.object({ done: z.int(), total: z.int() }).strict(),
  attempts: 3,
  backoffMs: 1_000,
});
