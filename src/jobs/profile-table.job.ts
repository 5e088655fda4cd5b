import { z } from 'zod';
import { defineJob, idInPayload } from './kit.ts';

/** Looks at all files of a directory that is to be registered as a lake table. */
export const profileTableJob = defineJob({
  name: 'profile-table',
  queue: 'tables',
  payload: z.object({ registrationId: idInPayload }).strict(),
  progress: z.object({ done: z.number(), total: z.number() }).strict(),
  attempts: 5,
  backoffMs: 500,
});
