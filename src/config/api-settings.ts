import { z } from 'zod';

const perMinute = (least: number, otherwise: number, what: string) =>
  z.coerce
    .number()
    .int()
    .refine((count) => count === 0 || count >= least, `must be 0 or at least ${least}`)
    .default(otherwise)
    .describe(`${what} Each process counts for itself; 0: no limit.`);

/** What one query may cost: with less than that it could never be sent. */
export const leastQueryCost = 10_000;

/** Settings of what those who ask may take of a process. */
export const apiSettings = {
  API_REQUESTS_PER_MINUTE: perMinute(
    1,
    60_000,
    'Requests that an actor may send in a minute, and as many at once after a rest; over that they are answered with 429 and `Retry-After`.',
  ),
  API_QUERY_COST_PER_MINUTE: perMinute(
    leastQueryCost,
    1_000_000,
    'What the GraphQL documents of an actor may cost in a minute, and at once after a rest. A list costs one for each object that was asked for, and what stands in it as often; one document may cost 10,000.',
  ),
  API_STATEMENT_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(0)
    .max(3_600_000)
    .default(10_000)
    .describe(
      'Longest time of a statement that answers a question, milliseconds; work in the background takes the time it takes. 0: any.',
    ),
};
