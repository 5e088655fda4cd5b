import { type Data, eventually, type TestApp } from './app.ts';

const operation = `query ($id: ID!) { node(id: $id) { ... on Operation {
  id status statusReason planHash gaps { code dataset reason }
  targets { nodes { role status statusReason dataset { name } receipt { recordsErased filesRewritten }
    verification { survivors lost } } }
  certificate { body signature publicKey } } } }`;

const ended = ['COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED'];

/** Requests an erasure, approves its plan when there is one to approve, and answers the operation at its end. */
export async function erase(
  app: TestApp,
  input: Record<string, unknown>,
  beforeApproval: () => Promise<void> = async () => {},
): Promise<Data> {
  const { requestErasure } = await app.done(
    `mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code message } operation { id } } }`,
    { input },
  );
  const { id } = requestErasure.operation;
  const ask = async (): Promise<Data> => (await app.done(operation, { id })).node;
  const planned = await eventually(ask, ({ status }) => status === 'PLANNED' || ended.includes(status));
  if (planned.status !== 'PLANNED') return planned;
  await beforeApproval();
  await app.done(
    `mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code message } } }`,
    { input: { id, planHash: planned.planHash } },
  );
  return eventually(ask, ({ status }) => ended.includes(status));
}
