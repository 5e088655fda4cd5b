import type { Role } from '../../src/domain/access/role.ts';
import { type Data, eventually, type TestApp } from './app.ts';

const registration = `query ($id: ID!) { node(id: $id) { ... on LakeRegistration { status reason dataset { id } } } }`;

/** Registers a directory of clicks as a table of an entity. Answers the id of its dataset. */
export async function registeredTable(app: TestApp, input: Data): Promise<string> {
  const { registerLakeTable } = await app.done(
    'mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { code message } registration { id } } }',
    { input: { accountField: 'account', subjectFields: ['person'], dateField: 'day', ...input } },
  );
  const ended = await eventually(
    async () => (await app.done(registration, { id: registerLakeTable.registration.id })).node,
    ({ status }: Data) => status !== 'PROFILING',
  );
  if (ended.status !== 'REGISTERED') throw new Error(JSON.stringify(ended));
  return ended.dataset.id;
}

/** The secret of a new token of one role, which has the name of the role. */
export async function createToken(app: TestApp, role: Role): Promise<string> {
  const { createApiToken } = await app.done(
    'mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { userErrors { code message } secret } }',
    { input: { name: role, roles: [role] } },
  );
  return createApiToken.secret;
}
