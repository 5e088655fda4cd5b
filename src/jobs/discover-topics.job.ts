import { z } from 'zod';
import { defineJob } from './kit.ts';

/** Puts the topics of the cluster into the catalog. */
export const discoverTopicsJob = defineJob({
  name: 'discover-topics',
  queue: 'topics',
  /** Number of the interval it runs in, so that many processes make one task of it. */
  payload: z.object({ interval: z.int().nonnegative() }).strict(),
  progress: z.object({}).strict(),
  attempts: 3,
  backoffMs: 1_000,
});
