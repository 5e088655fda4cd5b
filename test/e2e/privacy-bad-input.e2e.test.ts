import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import {
  cryptoJson,
  cryptoLines,
  decrypt,
  decryptBulk,
  encrypt,
  encryptBulk,
  linesOf,
  redact,
  redactBulk,
} from '../testkit/crypto.ts';

let app: TestApp;
const logged: string[] = [];
beforeAll(async () => {
  app = await testApp({ LOG_LEVEL: 'debug' }, { write: (line) => logged.push(line) });
});
afterAll(() => app?.stop());

const codesOf = (answers: Data): Data => answers.map(({ ok, code }: Data) => (ok ? null : code));
const sealedAs = async (accountId: string, value: unknown): Promise<string> =>
  (await cryptoJson(app, 'seal', { accountId, value })).body.value;
const openingOf = async (envelopes: readonly unknown[]): Promise<Data> =>
  (
    await cryptoJson(
      app,
      'open?purpose=test',
      envelopes.map((value) => ({ accountId: 'AC1', value })),
    )
  ).body;
const nested = (levels: number, inside = '"+14155552671"'): string => '['.repeat(levels) + inside + ']'.repeat(levels);

describe('numbers that JSON rounds', () => {
  const rounded = ['9007199254740993', '-9007199254740993', '1e400', '123456789012345678901234567890'];

  test.each(rounded)('%s is refused by itself, wherever it stands', async (number) => {
    for (const value of [number, `[1, ${number}]`, `{"a":{"b":${number}}}`]) {
      const item = `{"ref":"r","accountId":"AC1","type":"phonenumber","value":${value}}`;
      const fine = '{"ref":"f","accountId":"AC1","type":"phonenumber","value":9007199254740991}';
      for (const path of ['seal', 'redact'] as const) {
        const message = expect.stringContaining('send them as text');
        const refused = { ref: 'r', ok: false, code: 'VALUE_INVALID', message };
        expect((await cryptoJson(app, path, item)).body).toEqual(refused);
        const lines = await cryptoLines(app, path, `${item}\n${fine}\n`);
        expect(lines).toMatchObject([refused, { ref: 'f', ok: true }]);
      }
    }
  });

  test('are refused over GraphQL, in variables and in the query', async () => {
    const item = { accountId: 'AC1', value: 2 ** 53 };
    const bulk = await app.done(encryptBulk, { input: { items: [item, { ...item, value: '9007199254740993' }] } });
    expect(codesOf(bulk.encryptBulk.results)).toEqual(['VALUE_INVALID', null]);
    const answer = await app.done(`{ redact(item: { type: "phonenumber", value: [9007199254740993] }) { ok code } }`);
    expect(answer.redact).toEqual({ ok: false, code: 'VALUE_INVALID' });
  });

  test('are kept exactly when they come as text', async () => {
    const text = '9007199254740993';
    expect((await openingOf([await sealedAs('AC1', text)]))[0].value).toBe(text);
  });
});

describe('values of odd shapes', () => {
  test('nested 100,000 levels deep are refused or removed by themselves', async () => {
    const items = [nested(100_000), '"72345"', nested(31)].map(
      (value, index) => `{"ref":"${index}","accountId":"AC1","type":"phonenumber","value":${value}}`,
    );
    const sealed = await cryptoLines(app, 'seal', items.join('\n'));
    expect(codesOf(sealed)).toEqual(['VALUE_INVALID', null, null]);
    const redacted = await cryptoLines(app, 'redact', items.join('\n'));
    expect(codesOf(redacted)).toEqual([null, null, null]);
    expect(JSON.stringify(redacted)).not.toContain('2671');
    expect((await cryptoJson(app, 'redact', `[${items.join(',')}]`)).body).toEqual(redacted);
    expect(codesOf((await cryptoJson(app, 'seal', `[${items.join(',')}]`)).body)).toEqual([
      'VALUE_INVALID',
      null,
      null,
    ]);
  });

  test('nested 100,000 levels deep do no harm over GraphQL', async () => {
    const send = async (body: string) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${app.urls.main}/graphql`, { method: 'POST', headers, body });
      return response.text();
    };
    const variables = `{"items":[{"type":"phonenumber","value":${nested(100_000)}},{"type":"phonenumber","value":"72345"}]}`;
    const answer = await send(`{"query":${JSON.stringify(redactBulk)},"variables":${variables}}`);
    expect(JSON.parse(answer).data.redactBulk[1].value).toBe('7XXXX');
    const inline = `{ redact(item: { type: "phonenumber", value: ${nested(100_000)} }) { value } }`;
    const inlineAnswer = await send(JSON.stringify({ query: inline }));
    for (const text of [answer, inlineAnswer]) expect(text).not.toContain('2671');
    expect((await app.done(redact, { item: { type: 'phonenumber', value: '911' } })).redact.value).toBe('XXX');
  });

  test('with keys that name prototypes are data like all others', async () => {
    const value = '{"__proto__":{"polluted":"+14155552671"},"constructor":"911"}';
    const item = `{"ref":"r","accountId":"AC1","type":"phonenumber","value":${value}}`;
    const [sealed] = await cryptoLines(app, 'seal', item);
    const response = await fetch(`${app.urls.main}/api/v1/crypto:open?purpose=test`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: JSON.stringify({ accountId: 'AC1', value: sealed.value }),
    });
    expect(await response.text()).toContain('"__proto__":{"polluted":"+14155552671"}');
    const [redacted] = await cryptoLines(app, 'redact', item);
    expect(JSON.stringify(redacted)).not.toContain('2671');
    for (const path of ['seal', 'redact'] as const) {
      const { status, text } = await cryptoJson(app, path, item);
      expect([status, text.includes('2671')]).toEqual([400, false]);
    }
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test('with a name twice are read once, and nothing of either shows', async () => {
    const item = '{"type":"phonenumber","value":"+14155552671","value":"+14155559999"}';
    const [answer] = await cryptoLines(app, 'redact', item);
    expect(answer.value).toBe('+1415555XXXX');
  });

  test('that hold half a character, are no items or miss a member are refused by themselves', async () => {
    const lines = [
      '{"ref":"1","accountId":"AC1","value":"\\ud800"}',
      '{"ref":"2","accountId":"AC1","value":{"\\udc00":1}}',
      '{"ref":"3","accountId":"AC\\ud800","value":"a"}',
      '{"ref":"4","accountId":"AC1","value":"a","subject":{"field":"to","value":"\\ud800"}}',
      '{"ref":"5","accountId":"AC\\ud800","value":"a","subject":{"field":"to","value":"b"}}',
      '{"ref":"6","accountId":"AC1\\u0000","value":"a"}',
      '{"ref":"7","accountId":"AC1"}',
      '{"ref":"8","value":"a"}',
      '{"ref":"9","accountId":"AC1","value":"a","suite":4}',
      '{"ref":10,"accountId":"AC1","value":"a"}',
      'null',
      '[]',
      '"+14155552671"',
      '+14155552671',
      '{"ref":"last","accountId":"AC1","value":"a"}',
    ];
    const answers = await cryptoLines(app, 'seal', lines.join('\n'));
    const [bad, invalid] = ['BAD_INPUT', 'VALUE_INVALID'];
    expect(answers.map(({ ref, ok, code }) => [ref, ok ? null : code])).toEqual([
      ['1', invalid],
      ['2', invalid],
      ['3', invalid],
      ['4', bad],
      ['5', invalid],
      ['6', invalid],
      ['7', bad],
      ['8', bad],
      ['9', bad],
      [null, bad],
      [null, bad],
      [null, bad],
      [null, bad],
      [null, bad],
      ['last', null],
    ]);
    expect(JSON.stringify(answers)).not.toContain('4155552671');
  });

  test('of 10 MB are refused, and the ones beside them are not', async () => {
    const large = 'x'.repeat(10 * 1024 * 1024);
    const items = ['a', large, 'b'].map((value, index) => ({ ref: String(index), accountId: 'AC1', value }));
    const lines = await cryptoLines(app, 'seal', linesOf(items));
    expect(lines.map(({ ref, ok, code }) => [ref, ok ? null : code])).toEqual([
      ['0', null],
      [null, 'LIMIT_EXCEEDED'],
      ['2', null],
    ]);
    const { status, body } = await cryptoJson(app, 'seal', items);
    expect([status, body.code]).toEqual([413, 'LIMIT_EXCEEDED']);
    const graphql = await app.graphql(encrypt, { input: { item: items[1] } });
    expect(graphql.status).toBe(413);
    const half = await cryptoJson(app, 'seal', { accountId: 'AC1', value: 'x'.repeat(600 * 1024) });
    expect(half.body).toMatchObject({ ok: false, code: 'VALUE_INVALID' });
    const shown = await cryptoJson(app, 'redact', { type: 'email', value: `a@${'x'.repeat(1024 * 1024)}` });
    expect(shown.body).toMatchObject({ ok: true, value: 'a***@***' });
  });
});

describe('envelopes that do not fit', () => {
  test('answer the same, each by itself', async () => {
    const envelope = await sealedAs('AC1', 'secret text');
    const json = Buffer.from(envelope, 'base64').toString();
    const again = (text: string): string => Buffer.from(text).toString('base64');
    const other = Buffer.from(await sealedAs('AC1', 'another'), 'base64').toString();
    const ctOf = (text: string): string => JSON.parse(text).ct;
    const bad: Record<string, unknown> = {
      'another ciphertext in its place': again(
        json.replace(ctOf(json), ctOf(other).slice(0, -4) + ctOf(json).slice(-4)),
      ),
      'another key version': again(json.replace('"kv":1', '"kv":2')),
      'another semantic type': again(json.replace('"t":""', '"t":"email"')),
      'another account': again(json.replace('"sid":"AC1"', '"sid":"AC2"')),
      'the scope of a person': again(json.replace('"kv"', '"sub":"abc","kv"')),
      'a doubled key': again(json.replace('"kv":1', '"kv":1,"kv":1')),
      'an unknown key': again(json.replace('"kv":1', '"kv":1,"x":1')),
      'another order of keys': again(json.replace('"kv":1,"t":""', '"t":"","kv":1')),
      'white space': again(json.replace('"kv":1', '"kv": 1')),
      base64url: envelope.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''),
      'no padding': `${again(`${json} `)}`.replace(/=+$/, ''),
      'a line break': `${envelope.slice(0, 76)}\n${envelope.slice(76)}`,
      'a bit in the padding': again(json.replace(/..."}$/, 'B"}')),
      'no text': 42,
      'an object': { envelope },
      'an empty text': '',
      'a value that was never encrypted': 'secret text',
      'a key version beyond 31 bits': again(json.replace('"kv":1', '"kv":2147483648')),
    };
    const answers = await openingOf([...Object.values(bad), envelope]);
    const failed = { ref: null, ok: false, code: 'DECRYPT_FAILED', message: 'The envelope cannot be opened.' };
    const named = Object.fromEntries(Object.keys(bad).map((name, index) => [name, answers[index]]));
    expect(named).toEqual(Object.fromEntries(Object.keys(bad).map((name) => [name, failed])));
    expect(answers.at(-1)).toMatchObject({ ok: true, value: 'secret text' });
  });

  test('cut at each length, and with each bit turned, never open', async () => {
    const envelope = await sealedAs('AC1', 'x');
    const bytes = Buffer.from(envelope, 'base64');
    const turned = Array.from({ length: bytes.length * 8 }, (_, bit) => {
      const copy = Buffer.from(bytes);
      copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      return copy.toString('base64');
    });
    const cut = Array.from({ length: envelope.length }, (_, length) => envelope.slice(0, length));
    const answers = await openingOf([...turned, ...cut]);
    expect(answers.every(({ ok }: Data) => !ok)).toBe(true);
    expect(new Set(codesOf(answers))).toEqual(new Set(['DECRYPT_FAILED', 'SUITE_UNKNOWN']));
  });

  test('of an unknown suite name that, and nothing else', async () => {
    const envelope = Buffer.from('{"crypto_id":9,"sid":"AC1","x":1}').toString('base64');
    const answer = (await app.done(decrypt, { input: { item: { accountId: 'AC1', envelope }, purpose: 'test' } }))
      .decrypt;
    expect(answer.result).toMatchObject({ ok: false, code: 'SUITE_UNKNOWN' });
  });
});

describe('texts that the database cannot keep', () => {
  const refusedTexts = ['a\u0000b', 'a\ud800b'];
  test.each(refusedTexts)('%j are refused wherever they stand', async (text) => {
    const define = { name: 'odd', redaction: { kind: 'NULL' }, description: text };
    const queries: [string, Record<string, unknown>][] = [
      [`query ($id: String!) { accountKeys(accountId: $id) { nodes { id } } }`, { id: text }],
      [`query ($name: String!) { semanticTypeVersions(name: $name) { nodes { name } } }`, { name: text }],
      [decryptBulk, { input: { items: [], purpose: text } }],
      [
        `mutation ($input: DefineSemanticTypeInput!) { defineSemanticType(input: $input) { userErrors { code } } }`,
        { input: define },
      ],
      [
        `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code } } }`,
        { input: { scope: 'ENTITY', scopeName: text, semanticType: 'email', action: 'REMOVE' } },
      ],
    ];
    for (const [query, variables] of queries) {
      const { data, errors } = await app.graphql(query, variables);
      const codes = [
        ...errors.map(({ extensions }) => extensions.code),
        ...Object.values((data ?? {}) as Data)
          .flatMap((one) => (one as Data)?.userErrors ?? [])
          .map(({ code }: Data) => code),
      ];
      expect(codes).toEqual(['BAD_INPUT']);
    }
    const purpose = await cryptoJson(app, `open?purpose=${text.includes('\0') ? 'a%00b' : 'a&purpose=b'}`, []);
    expect([purpose.status, purpose.body.code]).toEqual([400, 'BAD_INPUT']);
  });
});

describe('values in the wrong place', () => {
  const canary = '+14155550142';
  const shown = async (text: string): Promise<void> => {
    expect(text).not.toContain('14155550142');
  };

  test('are told to nobody: not in errors, not in logs, not in events', async () => {
    const wrong: [string, Record<string, unknown>][] = [
      [redact, { item: { type: 'phonenumber', value: canary, derived: canary } }],
      [redact, { item: { type: 'phonenumber', vlaue: canary } }],
      [redact, { item: canary }],
      [redact, { item: [{ type: canary }, { value: canary }] }],
      [encrypt, { input: { item: { accountId: { x: canary } } } }],
      [encrypt, { input: { item: { accountId: 'AC1', value: canary, suite: canary } } }],
      [encrypt, { input: { item: { accountId: 'AC1', value: `${canary}\ud800`, type: 'email' } } }],
      [encrypt, { input: { item: { accountId: 'AC1', value: canary, type: 'shoe_size' } } }],
      [encrypt, { input: { item: { accountId: `${canary}\u0000`, value: canary } } }],
      [decrypt, { input: { item: { accountId: 'AC1', envelope: canary }, purpose: 'test' } }],
      [`{ redact(item: { type: "phonenumber", value: "${canary}", derived: "${canary}" }) { value } }`, {}],
      [`mutation { setProtectionPolicy(input: { scope: "${canary}" }) { userErrors { code } } }`, {}],
      [
        `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code } } }`,
        { input: { scope: canary } },
      ],
    ];
    for (const [query, variables] of wrong) await shown(JSON.stringify(await app.graphql(query, variables)));
    for (const body of [
      canary,
      `{"type":"phonenumber","value":"${canary}`,
      `{"type":"phonenumber","value":${canary}}`,
      `{"__proto__":"${canary}"}`,
      `{"type":"phonenumber","value":{"${canary}":1e400}}`,
    ]) {
      await shown((await cryptoJson(app, 'redact', body)).text);
      await shown(JSON.stringify(await cryptoLines(app, 'redact', body)));
    }
    await cryptoJson(app, 'seal', { accountId: 'AC1', value: canary });
    await openingOf([await sealedAs('AC1', canary)]);
    const { entity } = await registered(
      app,
      documentOf('Wrong', [
        { name: 'id', type: 'string' },
        { name: 'to', type: 'string', twilio_type: 'phonenumber' },
      ]),
    );
    const preview = `query ($id: ID!, $sample: JSON!) { previewProtection(entityId: $id, accountField: "id", sample: $sample) { protected } }`;
    for (const sample of [canary, [canary], { id: 'AC1', to: canary, more: canary }])
      await shown(JSON.stringify(await app.graphql(preview, { id: entity.id, sample })));
    const events = await app.em.fork().execute('select * from audit_event');
    await shown(JSON.stringify(events));
    await shown(logged.join(''));
    expect(logged.length).toBeGreaterThan(20);
  });
});
