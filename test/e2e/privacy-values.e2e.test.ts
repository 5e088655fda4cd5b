import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';
import { decrypt, decryptBulk, encrypt, encryptBulk, eventsOf, redact, redactBulk } from '../testkit/crypto.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app?.stop());

const sealed = async (item: Data): Promise<Data> => (await app.done(encrypt, { input: { item } })).encrypt.result;
const opened = async (item: Data, purpose = 'support case 7'): Promise<Data> =>
  (await app.done(decrypt, { input: { item, purpose } })).decrypt.result;
const redacted = async (item: Data): Promise<Data> => (await app.done(redact, { item })).redact;
const talkStart = 'eyJjcnlwdG9faWQiOjEsInNpZCI6';

describe('redacting values over GraphQL', () => {
  test.each([
    ['phonenumber', '+11234567890', '+1123456XXXX'],
    ['phonenummer', '+351234567890', '+35123456XXXX'],
    ['email', 'user+tag@example.com', 'u***@example.com'],
    ['customertext', 'call me at six', ''],
    ['phonenumber', 14155552671, '1415555XXXX'],
    ['phonenumber', null, null],
    ['phonenumber', ['911', { '+14155552671': '12' }], ['XXX', { '+1415555XXXX': 'XX' }]],
    ['date_of_birth', true, null],
  ])('shows %s %j as %j', async (type, value, shown) => {
    expect(await redacted({ ref: 'r', type, value })).toEqual({
      ref: 'r',
      ok: true,
      value: shown,
      code: null,
      message: null,
    });
  });

  test('answers each of many by itself and in order', async () => {
    const items = [
      { ref: 'a', type: 'phonenumber', value: '72345' },
      { ref: 'b', type: 'shoe_size', value: '43' },
      { ref: 'c', type: 'customertext', value: 'derived from a text', derived: true },
    ];
    expect((await app.done(redactBulk, { items })).redactBulk).toMatchObject([
      { ref: 'a', ok: true, value: '7XXXX' },
      { ref: 'b', ok: false, value: null, code: 'SEMANTIC_TYPE_UNKNOWN' },
      { ref: 'c', ok: true, value: null },
    ]);
  });
});

describe('encrypting values over GraphQL', () => {
  test('makes the envelope of the talk, which opens again', async () => {
    const { value } = await sealed({ accountId: 'AC1', value: '+11234567890', type: 'phonenumber' });
    expect(value.startsWith(talkStart)).toBe(true);
    const header = JSON.parse(Buffer.from(value, 'base64').toString());
    expect(Object.keys(header)).toEqual(['crypto_id', 'sid', 'kv', 't', 'ct']);
    expect(header).toMatchObject({ crypto_id: 1, sid: 'AC1', kv: 1, t: 'phonenumber' });
    expect(await opened({ ref: 'x', accountId: 'AC1', envelope: value })).toMatchObject({
      ref: 'x',
      ok: true,
      value: '+11234567890',
    });
  });

  test.each([
    ['text', 'Grüße 👋'],
    ['an empty text', ''],
    ['a number', 12.5],
    ['a boolean', false],
    ['a list', [1, 'two', null]],
    ['an object', { a: { b: [] } }],
  ])('keeps %s, under each suite, padded or not', async (_name, value) => {
    for (const suite of [1, 2, 3]) {
      for (const padding of [false, true]) {
        const envelope = (await sealed({ accountId: 'AC1', value, suite, padding })).value;
        expect(JSON.parse(Buffer.from(envelope, 'base64').toString()).crypto_id).toBe(suite);
        expect((await opened({ accountId: 'AC1', envelope })).value).toEqual(value);
      }
    }
  });

  test('keeps null as null', async () => {
    expect(await sealed({ accountId: 'AC1', value: null })).toMatchObject({ ok: true, value: null });
    expect(await opened({ accountId: 'AC1', envelope: null })).toMatchObject({ ok: true, value: null });
  });

  test('under suite 3 shows equal values as equal envelopes, under suite 1 never', async () => {
    const envelope = async (suite: number) =>
      (await sealed({ accountId: 'AC1', value: 'same', type: 'email', suite })).value;
    expect(await envelope(3)).toBe(await envelope(3));
    expect(await envelope(1)).not.toBe(await envelope(1));
  });

  test('under the key of a person names a digest of the person and opens for the account', async () => {
    const subject = { field: 'to', value: '+14155552671' };
    const { value: envelope } = await sealed({ accountId: 'AC1', subject, value: 'mine' });
    const header = JSON.parse(Buffer.from(envelope, 'base64').toString());
    expect(Object.keys(header)).toEqual(['crypto_id', 'sid', 'sub', 'kv', 't', 'ct']);
    expect(header.sub).toMatch(/^[\w-]{22}$/);
    expect((await opened({ accountId: 'AC1', envelope })).value).toBe('mine');
  });

  test('refuses one item of many by itself', async () => {
    const items = [
      { ref: '1', accountId: 'AC1', value: 'fine\u0000' },
      { ref: '2', accountId: '', value: 'no account' },
      { ref: '3', accountId: 'AC1', value: 'a', suite: 4 },
      { ref: '4', accountId: 'AC1', value: 'a', type: 'shoe_size' },
      { ref: '5', accountId: 'AC1', value: 'half \ud800' },
      { ref: '6', accountId: 'AC\u0007', value: 'a' },
      { ref: '7', accountId: 'AC1', value: 'fine too' },
    ];
    const { results } = (await app.done(encryptBulk, { input: { items } })).encryptBulk;
    expect(results.map(({ ref, code }: Data) => [ref, code])).toEqual([
      ['1', null],
      ['2', 'VALUE_INVALID'],
      ['3', 'SUITE_UNKNOWN'],
      ['4', 'SEMANTIC_TYPE_UNKNOWN'],
      ['5', 'VALUE_INVALID'],
      ['6', 'VALUE_INVALID'],
      ['7', null],
    ]);
    const envelopes = results.map(({ value }: Data) => ({ accountId: 'AC1', envelope: value }));
    const input = { items: envelopes, purpose: 'test' };
    expect((await app.done(decryptBulk, { input })).decryptBulk.results.map(({ value }: Data) => value)).toEqual([
      'fine\u0000',
      ...[null, null, null, null, null],
      'fine too',
    ]);
  });

  test('takes 10,000 values in a call and refuses more', async () => {
    const items = Array.from({ length: 10_001 }, (_, index) => ({ type: 'phonenumber', value: `+1415555${index}` }));
    const { redactBulk: answers } = await app.done(redactBulk, { items: items.slice(1) });
    expect([answers.length, answers[0].value, answers[9_999].value]).toEqual([10_000, '+1415XXXX', '+14155551XXXX']);
    const refused = await app.graphql(redactBulk, { items });
    expect(refused.errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED', field: ['items'] } }]);
    const seals = items.map(({ value }) => ({ accountId: 'AC1', value }));
    expect(await app.refusals(encryptBulk, { input: { items: seals } })).toMatchObject([{ code: 'LIMIT_EXCEEDED' }]);
  });
});

describe('decrypting values over GraphQL', () => {
  test.each(['', '  ', 'x'.repeat(201), 'two\nlines'])('refuses the purpose %j', async (purpose) => {
    const item = { accountId: 'AC1', envelope: (await sealed({ accountId: 'AC1', value: 'a' })).value };
    expect(await app.refusals(decrypt, { input: { item, purpose } })).toMatchObject([
      { code: 'BAD_INPUT', field: ['purpose'] },
    ]);
  });

  test('answers an envelope of another account as one that does not exist', async () => {
    const { value: theirs } = await sealed({ accountId: 'AC-theirs', value: 'secret' });
    const invented = Buffer.from(Buffer.from(theirs, 'base64').toString().replace('AC-theirs', 'AC-nobody')).toString(
      'base64',
    );
    const answers = [
      await opened({ accountId: 'AC-mine', envelope: theirs }),
      await opened({ accountId: 'AC-nobody', envelope: invented }),
      await opened({ accountId: 'AC-mine', envelope: 'nonsense' }),
      await opened({ accountId: 'AC-theirs', envelope: invented }),
    ];
    for (const answer of answers)
      expect(answer).toEqual({
        ref: null,
        ok: false,
        value: null,
        code: 'DECRYPT_FAILED',
        message: 'The envelope cannot be opened.',
      });
  });

  test('leaves one event a call and account, with purpose and count', async () => {
    const { value: envelope } = await sealed({ accountId: 'AC-audit', value: 'a' });
    const items = Array.from({ length: 3 }, () => ({ accountId: 'AC-audit', envelope }));
    await app.done(decryptBulk, { input: { items, purpose: ' refund 12 ' } });
    const events = (await eventsOf(app, 'decrypt')).filter(({ details }) => details.accountId === 'AC-audit');
    expect(events).toMatchObject([{ outcome: 'SUCCESS', details: { values: 3, purpose: 'refund 12' } }]);
  });
});
