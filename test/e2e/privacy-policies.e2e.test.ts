import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { decrypt, eventsOf } from '../testkit/crypto.ts';

let app: TestApp;
let entityId: string;
beforeAll(async () => {
  app = await testApp();
  const text = { type: ['null', 'string'] };
  const fields = [
    { name: 'account', type: 'string', twilio_type: 'identifier' },
    { name: 'to', ...text, twilio_type: 'phonenumber' },
    { name: 'mail', ...text, twilio_type: 'email' },
    { name: 'body', ...text, twilio_type: 'customertext' },
    { name: 'card', ...text, twilio_type: 'pan' },
  ];
  entityId = (await registered(app, documentOf('Message', fields))).entity.id;
});
afterAll(() => app?.stop());

const setPolicy = `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) {
  userErrors { code field message }
  protectionPolicy { id action semanticType classification params { suite keyScope padding removalForm } } } }`;
const deletePolicy = `mutation ($input: DeleteProtectionPolicyInput!) { deleteProtectionPolicy(input: $input) {
  userErrors { code field message } deletedId } }`;
const set = async (input: Data): Promise<Data> =>
  (await app.done(setPolicy, { input: { scope: 'GLOBAL', ...input } })).setProtectionPolicy.protectionPolicy;
const drop = (policy: Data): Promise<Data> => app.done(deletePolicy, { input: { id: policy.id } });
const sample = { account: 'AC1', to: '+11234567890', mail: 'jdoe@x.com', body: 'hello', card: '4111 1111 1111 1111' };
const preview = async (over: Data = {}): Promise<Data> => {
  const query = `query ($id: ID!, $sample: JSON!, $subject: String) {
    previewProtection(entityId: $id, accountField: "account", subjectField: $subject, sample: $sample) {
      protected warnings { path message } steps { path action } changes { place after } } }`;
  return (await app.done(query, { id: entityId, sample, ...over })).previewProtection;
};
const headerOf = (envelope: string): Data => JSON.parse(Buffer.from(envelope, 'base64').toString());

describe('a sample under the defaults', () => {
  test('shows what the talk shows', async () => {
    expect((await preview()).protected).toEqual({
      account: 'AC1',
      to: '+1123456XXXX',
      mail: 'j***@x.com',
      body: '',
      card: 'XXXX1111',
    });
    const other = await preview({ sample: { ...sample, to: '+351234567890' } });
    expect(other.protected.to).toBe('+35123456XXXX');
  });

  test('whose numbers JSON has rounded is refused', async () => {
    const query = `query ($id: ID!) { previewProtection(entityId: $id, accountField: "account",
      sample: { account: "AC1", to: 9007199254740993 }) { protected } }`;
    const { errors } = await app.graphql(query, { id: entityId });
    expect(errors).toMatchObject([{ extensions: { code: 'VALUE_INVALID', field: ['sample'] } }]);
  });
});

describe('a policy', () => {
  test('of a type encrypts as the talk shows, and what it encrypts opens', async () => {
    const policy = await set({ semanticType: 'phonenummer', action: 'ENCRYPT' });
    expect(policy).toMatchObject({ semanticType: 'phonenumber', classification: '' });
    const { protected: shown } = await preview();
    expect(shown.to).toMatch(/^eyJjcnlwdG9faWQiOjEsInNpZCI6/);
    const input = { item: { accountId: 'AC1', envelope: shown.to }, purpose: 'test' };
    expect((await app.done(decrypt, { input })).decrypt.result.value).toBe('+11234567890');
    await drop(policy);
    expect((await preview()).protected.to).toBe('+1123456XXXX');
    expect(await eventsOf(app, 'deleteProtectionPolicy')).toMatchObject([
      { details: { semanticType: 'phonenumber', action: 'ENCRYPT' } },
    ]);
  });

  test('of a classification covers all types that bear it, and at equal scope the stricter wins', async () => {
    const policies = [
      await set({ classification: 'PII', action: 'TOKENIZE' }),
      await set({ classification: 'PCI', action: 'REMOVE' }),
      await set({ semanticType: 'email', action: 'REDACT' }),
    ];
    const { protected: shown, steps } = await preview();
    expect(shown).toMatchObject({ to: expect.stringMatching(/^tok_[\w-]{22}$/), card: null });
    expect(shown.mail).toMatch(/^tok_/);
    expect(steps).toContainEqual({ path: 'card', action: 'REMOVE' });
    const again = await preview({ sample: { ...sample, to: ' (112) 345-67890', mail: 'JDOE@x.com ' } });
    expect(again.protected.mail).toBe(shown.mail);
    const narrow = await set({
      scope: 'FIELD',
      scopeName: 'Demo.Message#mail',
      semanticType: 'email',
      action: 'REDACT',
    });
    expect((await preview()).protected.mail).toBe('j***@x.com');
    for (const policy of [...policies, narrow]) await drop(policy);
  });

  test('takes suite, padding and the key of a person', async () => {
    const params = { suite: 3, padding: true, keyScope: 'SUBJECT' };
    const policy = await set({ semanticType: 'email', action: 'ENCRYPT', params });
    expect(policy.params).toMatchObject({ ...params, removalForm: null });
    const over = { subject: 'to' };
    const [one, same] = [(await preview(over)).protected, (await preview(over)).protected];
    expect(headerOf(one.mail)).toMatchObject({ crypto_id: 3, t: 'email', sub: expect.stringMatching(/^[\w-]{22}$/) });
    expect(one.mail).toBe(same.mail);
    const long = await preview({ ...over, sample: { ...sample, mail: 'jd@x.com' } });
    expect(long.protected.mail).toHaveLength(one.mail.length);
    const nobody = await app.graphql(
      `query ($id: ID!, $sample: JSON!) { previewProtection(entityId: $id, accountField: "account", sample: $sample) { protected } }`,
      { id: entityId, sample },
    );
    expect(nobody.errors).toMatchObject([{ extensions: { code: 'VALUE_INVALID' } }]);
    expect(JSON.stringify(nobody)).not.toContain('jdoe');
    await drop(policy);
  });

  test('removes to the form that it says', async () => {
    const policy = await set({ semanticType: 'customertext', action: 'REMOVE', params: { removalForm: 'NULL' } });
    expect((await preview()).protected.body).toBeNull();
    await drop(policy);
  });

  test.each([
    [
      'both a type and a classification',
      { semanticType: 'email', classification: 'PII', action: 'REDACT' },
      'BAD_INPUT',
      ['semanticType'],
    ],
    ['neither', { action: 'REDACT' }, 'BAD_INPUT', ['semanticType']],
    ['an unknown type', { semanticType: 'shoe_size', action: 'REDACT' }, 'SEMANTIC_TYPE_UNKNOWN', ['semanticType']],
    [
      'a suite without ENCRYPT',
      { semanticType: 'email', action: 'REDACT', params: { suite: 2 } },
      'BAD_INPUT',
      ['params', 'suite'],
    ],
    [
      'a suite of files',
      { semanticType: 'email', action: 'ENCRYPT', params: { suite: 4 } },
      'SUITE_UNKNOWN',
      ['params', 'suite'],
    ],
    [
      'a scope name for GLOBAL',
      { scopeName: 'Demo', semanticType: 'email', action: 'REDACT' },
      'BAD_INPUT',
      ['scopeName'],
    ],
    [
      'a field without its entity',
      { scope: 'FIELD', scopeName: 'mail', semanticType: 'email', action: 'REDACT' },
      'BAD_INPUT',
      ['scopeName'],
    ],
  ])('is refused for %s', async (_name, input, code, field) => {
    expect(await app.refusals(setPolicy, { input: { scope: 'GLOBAL', ...input } })).toMatchObject([{ code, field }]);
  });

  test('that is gone cannot be deleted again', async () => {
    const policy = await set({ semanticType: 'email', action: 'REMOVE' });
    await drop(policy);
    expect(await app.refusals(deletePolicy, { input: { id: policy.id } })).toMatchObject([
      { code: 'NOT_FOUND', field: ['id'] },
    ]);
  });

  test('by many at once is one', async () => {
    const actions = ['REDACT', 'REMOVE', 'ENCRYPT', 'TOKENIZE'];
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, index) => set({ semanticType: 'ip', action: actions[index % 4] })),
    );
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    await drop(made[0]);
  });
});
