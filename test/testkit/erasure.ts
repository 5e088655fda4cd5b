import { type Data, eventually, type TestApp } from './app.ts';

const operation = `query ($id: ID!) { node(id: $id) { ... on Operation {
  id status statusReason planHash gaps { code dataset reason }
  targets { nodes { role status statusReason dataset { name } receipt { recordsErased recordsChanged recordsKept filesRewritten evidence open { code reason } }
    verification { survivors lost } } }
  certificate { body signature publicKey } } } }`;

const ended = ['COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED'];

/** Requests an erasure, approves its plan when there is one to approve, and answers the operation at its end. */
export function erase(
  app: TestApp,
  input: Record<string, unknown>,
  beforeApproval: (id: string) => Promise<void> = async () => {},
): Promise<Data> {
  return carriedOut(app, 'Erasure', input, beforeApproval);
}

/** The same for the keys of accounts and persons. */
export function shred(
  app: TestApp,
  input: Record<string, unknown>,
  beforeApproval: (id: string) => Promise<void> = async () => {},
): Promise<Data> {
  return carriedOut(app, 'Shred', input, beforeApproval);
}

/** Requests an operation of any kind, approves its plan when there is one to approve, and answers it at its end. */
export async function carriedOut(
  app: TestApp,
  kind: 'Erasure' | 'Shred' | 'Protection' | 'Rewrap' | 'Retention',
  input: Record<string, unknown>,
  beforeApproval: (id: string) => Promise<void> = async () => {},
): Promise<Data> {
  const requested = await app.done(
    `mutation ($input: Request${kind}Input!) { request${kind}(input: $input) { userErrors { code message } operation { id } } }`,
    { input },
  );
  return approved(app, requested[`request${kind}`].operation.id, beforeApproval);
}

/** The same for one version of a key. */
export async function destroyKeyVersion(app: TestApp, input: Record<string, unknown>): Promise<Data> {
  const requested = await app.done(
    `mutation ($input: DestroyKeyVersionInput!) { destroyKeyVersion(input: $input) { userErrors { code message } operation { id } } }`,
    { input },
  );
  return approved(app, requested.destroyKeyVersion.operation.id);
}

async function approved(
  app: TestApp,
  id: string,
  beforeApproval: (id: string) => Promise<void> = async () => {},
): Promise<Data> {
  const ask = async (): Promise<Data> => (await app.done(operation, { id })).node;
  const planned = await eventually(ask, ({ status }) => status === 'PLANNED' || ended.includes(status));
  if (planned.status !== 'PLANNED') return planned;
  await beforeApproval(id);
  await app.done(
    `mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code message } } }`,
    { input: { id, planHash: planned.planHash } },
  );
  return eventually(ask, ({ status }) => ended.includes(status));
}
