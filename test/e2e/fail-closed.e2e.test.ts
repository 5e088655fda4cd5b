import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { cryptoJson, cryptoLines, encrypt } from '../testkit/crypto.ts';

// What cannot be written down is not done: the outbox of the audit log refuses every row while a test asks.
const clear = '+4930 900 1234';
const accountId = 'AC1';

let app: TestApp;
let sealedValue: string;
let ids: Readonly<Record<'hold' | 'policy' | 'token' | 'webhook' | 'operation', string>>;
let planHash: string;
beforeAll(async () => {
  app = await testApp();
  const item = { accountId, type: 'phonenumber', value: clear };
  sealedValue = (await app.done(encrypt, { input: { item } })).encrypt.result.value;
  await app.done(mutation('rotateAccountKey'), { input: { accountId } });
  const made = async (verb: string, selection: string, input: object): Promise<Data> =>
    (await app.done(mutation(verb, `${selection} userErrors { message }`), { input }))[verb];
  const scope = { accountId: 'AC7' };
  const hold = (await made('placeLegalHold', 'legalHold { id }', { matterId: 'm', reason: 'r', scope })).legalHold;
  const policy = await made('createAccessPolicy', 'accessPolicy { id }', {
    name: 'p',
    rule: rule('viewer'),
    reason: 'r',
  });
  const token = await made('createApiToken', 'apiToken { id }', { name: 'ann', roles: ['viewer'] });
  const webhook = await made('createWebhook', 'webhook { id }', { name: 'w', url: 'https://hooks.example/x' });
  const { operation } = await made('requestShred', 'operation { id }', { subjects: [{ accountId }] });
  const planned = await eventually(
    () => app.done('query ($id: ID!) { node(id: $id) { ... on Operation { status planHash } } }', { id: operation.id }),
    ({ node }) => node.status === 'PLANNED',
  );
  ({ planHash } = planned.node);
  ids = {
    ...{ hold: hold.id, policy: policy.accessPolicy.id, token: token.apiToken.id, operation: operation.id },
    webhook: webhook.webhook.id,
  };
  await app.em
    .fork()
    .execute(
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'the outbox is closed'; end $$`,
    );
});
afterAll(() => app?.stop());

const rule = (role: string) => ({ effect: 'DENY', actions: ['READ_LAKE'], roles: [role] });
function mutation(verb: string, selection = 'userErrors { message }'): string {
  const type = verb === 'deleteWebhook' ? 'WebhookInput' : `${verb[0]?.toUpperCase()}${verb.slice(1)}Input`;
  return `mutation ($input: ${type}!) { ${verb}(input: $input) { ${selection} } }`;
}

/** Everything that a mutation could change, as texts of rows. */
async function state(): Promise<Readonly<Record<string, string>>> {
  const tables = await app.em.fork().execute<{ name: string }[]>(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'
       and table_name not in ('audit_pending', 'audit_seal', 'audit_checkpoint', 'change', 'lease')`,
  );
  expect(tables.length).toBeGreaterThan(60);
  const em = app.em.fork();
  const rows: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await em.execute<{ text: string }[]>(
      // Of webhooks, who there is: an attempt that was under way ends and is noted when it may.
      `select coalesce(string_agg(md5(t::text), ',' order by t::text), '') as text
       from ${name === 'webhook' ? '(select id, name, state from webhook)' : `"${name}"`} t`,
    );
    rows[name] = row?.text ?? '';
  }
  return rows;
}

/** Asks while no audit event can be written. */
async function unwritten<T>(ask: () => Promise<T>): Promise<T> {
  const em = app.em.fork();
  await em.execute('create trigger refuse before insert on audit_pending for each row execute function refuse()');
  try {
    return await ask();
  } finally {
    await em.execute('drop trigger refuse on audit_pending');
  }
}

const changes: readonly (readonly [verb: string, input: () => object])[] = [
  ['releaseLegalHold', () => ({ id: ids.hold, reason: 'over' })],
  ['placeLegalHold', () => ({ matterId: 'm2', reason: 'r', scope: { accountId: 'AC8' } })],
  ['createAccessPolicy', () => ({ name: 'q', rule: rule('legal'), reason: 'r' })],
  ['replaceAccessPolicy', () => ({ id: ids.policy, rule: rule('legal'), reason: 'r' })],
  ['retireAccessPolicy', () => ({ id: ids.policy })],
  ['setApprovalPolicy', () => ({ name: 'two', approvals: 2 })],
  ['setProtectionPolicy', () => ({ action: 'NONE', semanticType: 'email', scope: 'GLOBAL' })],
  ['setRetentionPolicy', () => ({ name: 'gone', days: 9, scope: { namespaces: ['shop'] } })],
  ['setMinimumRetention', () => ({ name: 'kept', days: 9, mode: 'GOVERNANCE', scope: { namespaces: ['shop'] } })],
  ['destroyKeyVersion', () => ({ accountId, keyVersion: 1 })],
  ['requestShred', () => ({ subjects: [{ accountId: 'AC1' }] })],
  ['approveOperation', () => ({ id: ids.operation, planHash })],
  ['rotateAccountKey', () => ({ accountId })],
  ['requestErasure', () => ({ subjects: [{ accountId: 'AC2' }] })],
  ['createApiToken', () => ({ name: 'bob', roles: ['privacy_officer'] })],
  ['revokeApiToken', () => ({ id: ids.token })],
  ['createWebhook', () => ({ name: 'w2', url: 'https://hooks.example/y' })],
  ['deleteWebhook', () => ({ id: ids.webhook })],
];

test.each(changes)('%s changes nothing and answers nothing where it cannot be written down', async (verb, input) => {
  const before = await state();
  const answer = await unwritten(() =>
    app.graphql(mutation(verb, '__typename userErrors { code }'), { input: input() }),
  );
  expect(answer.errors.map(({ extensions }) => extensions.code)).toEqual(['INTERNAL']);
  expect(answer.data?.[verb] ?? null).toBeNull();
  expect(JSON.stringify(answer)).not.toContain('outbox');
  const after = await state();
  expect(Object.keys(after).filter((table) => after[table] !== before[table])).toEqual([]);
});

test('each of them is done, once it can be', async () => {
  for (const verb of ['approveOperation', 'destroyKeyVersion']) expect(changes.map(([name]) => name)).toContain(verb);
  for (const [verb, input] of changes.filter(
    ([name]) => !['approveOperation', 'destroyKeyVersion', 'requestShred'].includes(name),
  )) {
    const { errors } = await app.graphql(mutation(verb), { input: input() });
    expect(errors, verb).toEqual([]);
  }
});

test('no value is decrypted, and no log, report or evidence given out, where it cannot be written down', async () => {
  const main = app.urls.main;
  const open = { accountId, value: sealedValue };
  expect((await cryptoJson(app, 'open?purpose=test', open)).text).toContain(clear);
  const answers = await unwritten(async () => [
    await cryptoJson(app, 'open?purpose=test', open).then(({ status, text }) => ({ status, text })),
    { status: 500, text: JSON.stringify(await cryptoLines(app, 'open?purpose=test', JSON.stringify(open))) },
    await app
      .graphql(`mutation ($input: DecryptInput!) { decrypt(input: $input) { result { value } userErrors { code } } }`, {
        input: { item: { accountId, envelope: sealedValue }, purpose: 'test' },
      })
      .then((answer) => ({ status: 500, text: JSON.stringify(answer) })),
    ...(await Promise.all(
      ['audit/export', 'reports/clear-reads', 'evidence/sox'].map(async (path) => {
        const response = await fetch(`${main}/api/v1/${path}`);
        return { status: response.status, text: await response.text().catch(() => '') };
      }),
    )),
  ]);
  for (const { status, text } of answers) {
    expect(status, text).toBe(500);
    expect(text).not.toContain(clear);
    expect(text).not.toContain('lineward.audit');
    expect(text).not.toContain('outbox');
    expect(text.length, text).toBeLessThan(1_000);
  }
});
