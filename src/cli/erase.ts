import { z } from 'zod';
import { LinewardError } from '../errors/lineward-error.ts';
import { reach } from './reach.ts';

export interface EraseArguments {
  readonly account: string;
  readonly field?: string | undefined;
  readonly value?: string | undefined;
  readonly reason?: string | undefined;
  readonly dryRun: boolean;
  readonly url: string;
}

const mutation = `mutation ($input: RequestErasureInput!) {
  requestErasure(input: $input) { operation { id status } userErrors { code message } }
}`;

const answerSchema = z.object({
  data: z.object({
    requestErasure: z.object({
      operation: z.object({ id: z.string(), status: z.string() }).nullable(),
      userErrors: z.array(z.object({ code: z.string(), message: z.string() })),
    }),
  }),
});

/** Requests an erasure of a running service. @throws LinewardError BAD_INPUT with the service's own words. */
export async function erase(given: EraseArguments): Promise<string> {
  if ((given.field === undefined) !== (given.value === undefined))
    throw new LinewardError('BAD_INPUT', '--field and --value go together');
  const subject = given.field === undefined ? {} : { subject: { field: given.field, value: given.value } };
  const input = {
    subjects: [{ accountId: given.account, ...subject }],
    reason: given.reason ?? null,
    dryRun: given.dryRun,
  };
  const response = await reach(given.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: mutation, variables: { input } }),
  });
  const answer = answerSchema.safeParse(await response.json().catch(() => null));
  if (!answer.success)
    throw new LinewardError('BAD_INPUT', `${given.url} answered ${response.status} and not as Lineward does`);
  const { operation, userErrors } = answer.data.data.requestErasure;
  if (operation === null)
    throw new LinewardError('BAD_INPUT', userErrors.map((error) => `${error.code} ${error.message}`).join('; '));
  return `operation ${operation.id} is ${operation.status}; read its plan and approve it in Sandbox at ${given.url}`;
}
