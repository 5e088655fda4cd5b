import { z } from 'zod';
import { LinewardError } from '../errors/lineward-error.ts';
import { reach } from './reach.ts';

const mutation = `mutation { replayErasureLedger(input: {}) { runId userErrors { code message } } }`;

const answerSchema = z.object({
  data: z.object({
    replayErasureLedger: z.object({
      runId: z.string().nullable(),
      userErrors: z.array(z.object({ code: z.string(), message: z.string() })),
    }),
  }),
});

/** Has a running service look for data of erased subjects. @throws LinewardError BAD_INPUT with the service's own words. */
export async function replayLedger(url: string): Promise<string> {
  const response = await reach(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: mutation }),
  });
  const answer = answerSchema.safeParse(await response.json().catch(() => null));
  if (!answer.success)
    throw new LinewardError('BAD_INPUT', `${url} answered ${response.status} and not as Lineward does`);
  const { runId, userErrors } = answer.data.data.replayErasureLedger;
  if (runId === null)
    throw new LinewardError('BAD_INPUT', userErrors.map((error) => `${error.code} ${error.message}`).join('; '));
  return `run ${runId} has begun; its outcome is the audit event replayErasureLedger of that resource, and each erasure that it asks for waits for approval`;
}
