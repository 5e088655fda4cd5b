import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mayDo, type Role, roleNames } from '../../src/domain/access/role.ts';
import { buildSchema } from '../../src/resolvers/build-schema.ts';
import { type Data, eventually, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';
import { openRoutes, rolesOfFields, rolesOfRoutes, routeName } from '../testkit/permission-table.ts';
import { documentFor, leastOf, rootFields } from '../testkit/root-documents.ts';
import { appWithRoutes, type ListenerName, type RegisteredRoute } from '../testkit/routes.ts';

const root = 'the-token-of-the-environment';
let app: TestApp;
let routes: readonly RegisteredRoute[];
let tokens: Readonly<Record<Role, string>>;

beforeAll(async () => {
  ({ app, routes } = await appWithRoutes(() => testApp({ LINEWARD_API_TOKEN: root, APPROVAL_BY_ANOTHER: 'true' })));
  tokens = Object.fromEntries(
    await Promise.all(roleNames.map(async (role) => [role, (await created(role, [role])).secret])),
  );
});
afterAll(() => app?.stop());

async function ask(
  token: string | null,
  query: string,
  variables: object = {},
): Promise<{ status: number; body: Data }> {
  const headers = {
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
  const body = JSON.stringify({ query, variables });
  const response = await fetch(`${app.urls.main}/graphql`, { method: 'POST', headers, body });
  return { status: response.status, body: await response.json() };
}
const create = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) {
  apiToken { id name roles expiresAt } secret userErrors { code field message } } }`;
async function created(name: string, roles: readonly Role[], expiresAt?: Date): Promise<Data> {
  const { body } = await ask(root, create, { input: { name, roles, ...(expiresAt && { expiresAt }) } });
  return body.data.createApiToken;
}
const revoke = async (id: string, token = root): Promise<Data> =>
  (
    await ask(
      token,
      `mutation ($id: ID!) { revokeApiToken(input: { id: $id }) { apiToken { revokedBy } userErrors { code } } }`,
      {
        id,
      },
    )
  ).body;
const me = '{ me { actorId roles permissions } }';
const codesOf = ({ errors = [] }: Data): readonly string[] => errors.map((error: Data) => error.extensions.code);

describe('a token', () => {
  test('is somebody with roles, whose text nobody can read again', async () => {
    const { secret, apiToken } = await created('ann', ['viewer', 'legal', 'viewer']);
    expect(secret).toMatch(/^lw_[\w-]{43}$/);
    expect(apiToken).toMatchObject({ name: 'ann', roles: ['viewer', 'legal'], expiresAt: null });
    expect((await ask(secret, me)).body.data.me).toEqual({
      actorId: 'ann',
      roles: ['viewer', 'legal'],
      permissions: [
        'DISCOVER',
        'READ_EVIDENCE',
        'READ_LAKE',
        'READ_SUBJECTS',
        'HOLD',
        'RELEASE_HOLD',
        'RETAIN',
        'BYPASS_RETENTION',
        'READ_AUDIT',
      ],
    });
    const basic = `Basic ${Buffer.from(`anything:${secret}`).toString('base64')}`;
    expect((await fetch(`${app.urls.registry}/subjects`, { headers: { authorization: basic } })).status).toBe(200);
    const kept = await app.em.fork().execute('select * from api_token');
    expect(JSON.stringify(kept)).not.toContain(secret.slice(4));
    const [event] = await app.em
      .fork()
      .execute(`select * from audit_event where action = 'createApiToken' and details->>'name' = 'ann'`);
    expect(JSON.stringify(event)).not.toContain(secret.slice(4));
    const listed = (await ask(root, '{ apiTokens(first: 50) { nodes { id name roles createdBy } } }')).body.data;
    expect(listed.apiTokens.nodes).toContainEqual(
      expect.objectContaining({ name: 'ann', createdBy: 'api-token', roles: ['viewer', 'legal'] }),
    );
  });

  test('that is revoked, over, wrong, or none at all opens nothing', async () => {
    const { secret, apiToken } = await created('gone', ['viewer']);
    expect((await ask(secret, me)).status).toBe(200);
    expect((await revoke(apiToken.id)).data.revokeApiToken.apiToken.revokedBy).toBe('api-token');
    await eventually(
      () => ask(secret, me),
      ({ status }) => status === 401,
    );
    expect((await revoke(apiToken.id)).data.revokeApiToken.userErrors).toMatchObject([{ code: 'CONFLICT' }]);
    const brief = await created('brief', ['viewer'], new Date(Date.now() + 1_500));
    expect((await ask(brief.secret, me)).status).toBe(200);
    await eventually(
      () => ask(brief.secret, me),
      ({ status }) => status === 401,
    );
    for (const wrong of [null, '', 'x', `${secret}x`, 'lw_', tokens.viewer.slice(0, -1)])
      expect((await ask(wrong, me)).status, String(wrong)).toBe(401);
    // A name is free again once its token is revoked.
    expect((await created('gone', ['viewer'])).userErrors).toEqual([]);
  });

  test('is refused with a bad name, without roles, for the past, and under a name that is taken', async () => {
    const code = async (...given: Parameters<typeof created>) => (await created(...given)).userErrors[0];
    expect(await code('', ['viewer'])).toMatchObject({ code: 'BAD_INPUT' });
    expect(await code('x'.repeat(201), ['viewer'])).toMatchObject({ code: 'BAD_INPUT' });
    for (const reserved of ['local', 'system', 'oidc:ann', 'System', 'LOCAL', 'Retention-Schedule'])
      expect(await code(reserved, ['viewer'])).toMatchObject({ code: 'BAD_INPUT' });
    // What people would take for another, or for two.
    for (const alike of ['\u0430nn', 'ann ', ' ann', 'an\u200bn', 'a  b', 'ann, bob', 'ann\nbob', 'ａｎｎ'])
      expect(await code(alike, ['viewer']), JSON.stringify(alike)).toMatchObject({ code: 'BAD_INPUT' });
    expect(await code('none', [])).toMatchObject({ code: 'BAD_INPUT', field: expect.arrayContaining(['roles']) });
    expect(await code('past', ['viewer'], new Date(0))).toMatchObject({ code: 'BAD_INPUT' });
    const twice = await Promise.all([created('twin', ['viewer']), created('Twin', ['viewer'])]);
    expect(twice.flatMap(({ userErrors }) => userErrors.map((error: Data) => error.code))).toEqual(['CONFLICT']);
  });
});

/** A document for each root field that gives the least it takes, and asks for nothing but the type of the answer. */
const documents = rootFields().map(({ root: type, field }) => {
  const values = leastOf(field.args);
  return { ...documentFor(type, field, Object.keys(values)), values };
});

describe('every role at every field', () => {
  test('is let in or refused as its permissions say', async () => {
    const seen: Record<string, Role[]> = {};
    for (const role of roleNames) {
      for (const { field, query, values } of documents) {
        const { body } = await ask(tokens[role], query, values);
        const codes = codesOf(body);
        expect(codes, `${field} ${JSON.stringify(body.errors)}`).not.toContain('INTERNAL');
        expect(codes, `${field} ${JSON.stringify(body.errors)}`).not.toContain('GRAPHQL_VALIDATION_FAILED');
        if (!codes.includes('FORBIDDEN')) seen[field] = [...(seen[field] ?? []), role];
      }
    }
    const asked = documents.map(({ field }) => field);
    const known = [...rolesOfFields.keys()].filter((field) => !field.startsWith('Subscription.'));
    expect(asked.toSorted()).toEqual(known.toSorted());
    for (const field of asked) expect(seen[field] ?? [], field).toEqual(rolesOfFields.get(field));
  }, 240_000);

  test('of a subscription too', async () => {
    const watched: Readonly<Record<string, string>> = {
      changed: 'subscription { changed(after: "0") { seq } }',
      operationUpdated: 'subscription { operationUpdated(id: "x") { id } }',
    };
    const fields = Object.keys(buildSchema().getSubscriptionType()?.getFields() ?? {});
    expect(Object.keys(watched).toSorted()).toEqual(fields.toSorted());
    const isRefused = async (token: string, query: string): Promise<boolean> => {
      const client = webSocketClient(app.urls.main, token);
      const first = await client
        .iterate<Data>({ query })
        .next()
        .catch((errors: Data) => ({ value: { errors: [errors].flat() } }));
      await client.dispose();
      return codesOf(first.value).includes('FORBIDDEN');
    };
    // No role is without them: a policy is.
    const { secret } = await created('kept out', ['viewer']);
    const rule = { effect: 'DENY', actions: ['DISCOVER'], actors: ['kept out'] };
    const made = await ask(
      root,
      'mutation ($input: CreateAccessPolicyInput!) { createAccessPolicy(input: $input) { userErrors { code } } }',
      { input: { name: 'kept out', rule, reason: 'a test' } },
    );
    expect(made.body.data.createAccessPolicy.userErrors).toEqual([]);
    for (const field of fields) {
      const query = watched[field] ?? '';
      for (const role of roleNames)
        expect(await isRefused(tokens[role], query), `${role} ${field}`).toBe(
          !rolesOfFields.get(`Subscription.${field}`)?.includes(role),
        );
      expect(await isRefused(secret, query), field).toBe(true);
    }
  });

  test('leaves one event of a refusal, however often it is tried, and names who may', async () => {
    const { body } = await ask(
      tokens.viewer,
      'mutation { releaseLegalHold(input: { id: "x", reason: "r" }) { __typename } }',
    );
    expect(body.errors[0]).toMatchObject({
      message: expect.stringMatching(/RELEASE_HOLD, which has: legal\. The actor viewer is: viewer/),
      extensions: { code: 'FORBIDDEN' },
    });
    const events = () =>
      app.em
        .fork()
        .execute(
          `select details from audit_event where action = 'refuseAccess' and actor_id = 'viewer' and details->>'what' = 'Mutation.releaseLegalHold'`,
        );
    expect(await eventually(events, (found) => found.length > 0)).toHaveLength(1);
  });
});

describe('a node', () => {
  test('that an actor may not see is not there for it', async () => {
    const { body } = await ask(
      tokens.legal,
      `mutation { placeLegalHold(input: { matterId: "m", reason: "r", scope: { accountId: "AC9" } }) { legalHold { id } } }`,
    );
    const { id } = body.data.placeLegalHold.legalHold;
    const read = 'query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }';
    expect((await ask(tokens.auditor, read, { id })).body.data).toEqual({ node: { id }, nodes: [{ id }] });
    expect((await ask(tokens.viewer, read, { id })).body.data).toEqual({ node: null, nodes: [null] });
  });

  test('of a confidential hold is there for who places holds alone, as what it decides is told without it', async () => {
    const placed = await ask(
      tokens.legal,
      `mutation { placeLegalHold(input: { matterId: "secret", reason: "r", scope: { accountId: "AC10" }, confidential: true }) {
         legalHold { id matterId } } }`,
    );
    const { id } = placed.body.data.placeLegalHold.legalHold;
    const read = 'query ($id: ID!) { node(id: $id) { id } legalHolds(filter: { accountId: "AC10" }) { totalCount } }';
    expect((await ask(tokens.legal, read, { id })).body.data).toEqual({ node: { id }, legalHolds: { totalCount: 1 } });
    expect((await ask(tokens.auditor, read, { id })).body.data).toEqual({ node: null, legalHolds: { totalCount: 0 } });
  });
});

test('what an operation does is read by who may, wherever it is asked for', async () => {
  const { data } = (
    await ask(
      tokens.privacy_officer,
      `mutation { requestErasure(input: { subjects: [{ accountId: "AC-secret" }], dryRun: true }) { operation { id } } }`,
    )
  ).body;
  const { id } = data.requestErasure.operation;
  const codes = async (role: Role, fields: string): Promise<readonly string[]> => {
    const query = `query ($id: ID!) { node(id: $id) { ... on Operation { ${fields} } } }`;
    return codesOf((await ask(tokens[role], query, { id })).body);
  };
  const targets = 'targets(first: 1) { nodes { status } }';
  for (const role of roleNames) {
    expect(await codes(role, `status planHash statusReason ${targets}`), role).toEqual([]);
    for (const fields of ['plan', 'reason', 'gaps { reason }', 'certificate { body }'])
      expect(await codes(role, fields), `${role} ${fields}`).toEqual(
        mayDo([role], 'READ_EVIDENCE') ? [] : ['FORBIDDEN'],
      );
    expect(await codes(role, 'subjects(first: 1) { nodes { accountId } }'), role).toEqual(
      mayDo([role], 'READ_SUBJECTS') ? [] : ['FORBIDDEN'],
    );
  }
  const about = '{ operations(filter: { subject: { accountId: "AC-secret" } }, first: 1) { nodes { id } } }';
  for (const role of roleNames) {
    const { body } = await ask(tokens[role], about);
    if (mayDo([role], 'READ_SUBJECTS')) expect(body.data.operations.nodes, role).toEqual([{ id }]);
    else expect(codesOf(body), role).toEqual(['FORBIDDEN']);
  }
  expect(roleNames.filter((role) => mayDo([role], 'READ_EVIDENCE'))).toEqual([
    ...['engineer', 'privacy_officer', 'security_admin', 'auditor', 'legal'],
  ]);
});

describe('the other entrances', () => {
  /** An address of a route; what it names is not there. */
  const addressOf = (listener: ListenerName, url: string): string =>
    app.urls[listener] +
    url
      .replace(':partition', '0')
      .replace(':context', '.other')
      .replace(/:(version|id)(?=\/|$)/, '1')
      .replace(/(?<!:):(\w+)/g, 'x')
      .replace('::', ':');

  test('are known, each of them, and answer the roles that they are for', async () => {
    const served = routes.filter(({ isRefusal }) => !isRefusal);
    const names = new Set(served.map(routeName));
    expect([...names].toSorted()).toEqual([...rolesOfRoutes.keys(), ...openRoutes].toSorted());
    for (const { listener, method, url } of served) {
      const name = routeName({ listener, method, url });
      if (openRoutes.includes(name)) continue;
      const address = addressOf(listener, url);
      const roles: Role[] = [];
      for (const role of roleNames) {
        const headers = { authorization: `Bearer ${tokens[role]}`, 'apollo-require-preflight': '1' };
        const response = await fetch(address, { method, headers });
        await response.arrayBuffer();
        expect(response.status, `${role} ${method} ${address}`).not.toBe(401);
        if (response.status !== 403) roles.push(role);
      }
      expect(roles, `${method} ${address}`).toEqual(rolesOfRoutes.get(name));
      expect((await fetch(address, { method })).status, `${method} ${address}`).toBe(401);
    }
  });

  test('that only tell which methods there are, tell them to who is known alone', async () => {
    const refusals = routes.filter(({ isRefusal, url }) => isRefusal && !url.startsWith('/contexts/'));
    expect(refusals.length).toBeGreaterThan(50);
    for (const { listener, method, url } of refusals) {
      const address = addressOf(listener, url);
      const headers = { authorization: `Bearer ${tokens.viewer}` };
      expect((await fetch(address, { method, headers })).status, `${method} ${address}`).toBe(405);
      expect((await fetch(address, { method })).status, `${method} ${address}`).toBe(401);
    }
  });

  test('health is open to everybody', async () => {
    for (const path of ['/healthz', '/readyz']) expect((await fetch(`${app.urls.main}${path}`)).status).toBe(200);
  });

  test('subscriptions know who asks', async () => {
    const read = async (token: string): Promise<Data> => {
      const client = webSocketClient(app.urls.main, token);
      try {
        return (await client.iterate<Data>({ query: me }).next()).value;
      } finally {
        await client.dispose();
      }
    };
    expect((await read(tokens.auditor)).data?.me.actorId).toBe('auditor');
    await expect(read('wrong')).rejects.toMatchObject({ code: 4403 });
  });
});

test('nobody approves what they requested, where another must', async () => {
  const { secret } = await created('two hats', ['privacy_officer', 'security_admin']);
  const { body } = await ask(
    secret,
    `mutation { requestErasure(input: { subjects: [{ accountId: "AC1" }] }) { operation { id } userErrors { message } } }`,
  );
  const { id } = body.data.requestErasure.operation;
  const read = async (): Promise<Data> =>
    (await ask(secret, 'query ($id: ID!) { node(id: $id) { ... on Operation { status planHash } } }', { id })).body.data
      .node;
  const { planHash } = await eventually(read, ({ status }) => status === 'PLANNED');
  const approve = async (token: string): Promise<Data> =>
    (
      await ask(
        token,
        `mutation ($id: ID!, $planHash: String!) { approveOperation(input: { id: $id, planHash: $planHash }) { userErrors { code } } }`,
        { id, planHash },
      )
    ).body.data.approveOperation.userErrors;
  expect(await approve(secret)).toMatchObject([{ code: 'APPROVAL_REFUSED' }]);
  expect(await approve(tokens.security_admin)).toEqual([]);
});
