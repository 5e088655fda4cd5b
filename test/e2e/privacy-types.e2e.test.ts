import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { cryptoLines, eventsOf, linesOf, redact } from '../testkit/crypto.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app?.stop());

const define = `mutation ($input: DefineSemanticTypeInput!) { defineSemanticType(input: $input) {
  userErrors { code field message }
  semanticType { name version isBuiltIn aliases classifications defaultAction derivedPolicy description
    redaction { kind count filler layout text } } } }`;
const defined = async (input: Data): Promise<Data> =>
  (await app.done(define, { input })).defineSemanticType.semanticType;
const redacted = async (type: string, value: unknown): Promise<Data> =>
  (await app.done(redact, { item: { type, value } })).redact;
const plate = { name: 'licence_plate', redaction: { kind: 'KEEP_LAST', count: 2 }, classifications: ['PII'] };

describe('defining a semantic type', () => {
  test('makes version 1, and the next with each change', async () => {
    expect(
      await defined({ ...plate, aliases: ['Number_Plate'], description: 'Of a car.', expectedVersion: 0 }),
    ).toEqual({
      name: 'licence_plate',
      version: 1,
      isBuiltIn: false,
      aliases: ['number_plate'],
      classifications: ['PII'],
      defaultAction: 'REDACT',
      derivedPolicy: 'REDACT',
      description: 'Of a car.',
      redaction: { kind: 'KEEP_LAST', count: 2, filler: 'XXXX', layout: null, text: null },
    });
    expect(await redacted('Number_Plate', 'B-LW 1234')).toMatchObject({ ok: true, value: 'XXXX34' });
    const same = { ...plate, aliases: ['number_plate'], description: 'Of a car.' };
    expect((await defined(same)).version).toBe(1);
    const second = { ...same, redaction: { kind: 'LAYOUT', layout: '#-XX XXXX' } };
    expect((await defined({ ...second, expectedVersion: 1 })).version).toBe(2);
    expect((await redacted('licence_plate', 'B-LW 1234')).value).toBe('B-XX XXXX');
    expect((await redacted('licence_plate', 'HH-LW 1234')).value).toBe('XXXX');
    const { semanticTypeVersions } = await app.done(
      `{ semanticTypeVersions(name: "licence_plate") { nodes { version redaction { kind } } } }`,
    );
    expect(semanticTypeVersions.nodes).toEqual([
      { version: 2, redaction: { kind: 'LAYOUT' } },
      { version: 1, redaction: { kind: 'KEEP_LAST' } },
    ]);
    expect((await eventsOf(app, 'defineSemanticType')).map(({ details }) => details.version)).toEqual([1, 2]);
  });

  test.each([
    ['an old version', { ...plate, description: 'new', expectedVersion: 1 }, 'CONFLICT', ['expectedVersion']],
    ['a new type that is there', { ...plate, description: 'new', expectedVersion: 0 }, 'CONFLICT', ['expectedVersion']],
    ['a name of the product', { ...plate, name: 'email' }, 'ALREADY_EXISTS', ['name']],
    ['an alias of the product', { ...plate, name: 'phonenummer' }, 'ALREADY_EXISTS', ['name']],
    ['an alias that is taken', { ...plate, name: 'other', aliases: ['number_plate'] }, 'ALREADY_EXISTS', ['aliases']],
    ['a name that is an alias', { ...plate, name: 'number_plate' }, 'ALREADY_EXISTS', ['name']],
    ['a name of other characters', { ...plate, name: '__proto__' }, 'BAD_INPUT', ['name']],
    ['a rule of the product', { name: 'a', redaction: { kind: 'BUILT_IN' } }, 'BAD_INPUT', ['redaction', 'kind']],
    ['a count of 0', { name: 'a', redaction: { kind: 'KEEP_FIRST', count: 0 } }, 'BAD_INPUT', ['redaction', 'count']],
    ['no count', { name: 'a', redaction: { kind: 'KEEP_FIRST' } }, 'BAD_INPUT', ['redaction', 'count']],
    [
      'a layout that hides nothing',
      { name: 'a', redaction: { kind: 'LAYOUT', layout: '##' } },
      'BAD_INPUT',
      ['redaction', 'layout'],
    ],
    [
      'a hidden direction mark',
      { name: 'a', redaction: { kind: 'CONSTANT', text: 'a\u202e' } },
      'BAD_INPUT',
      ['redaction', 'text'],
    ],
    [
      'a personal type without protection',
      { ...plate, name: 'a', defaultAction: 'NONE' },
      'BAD_INPUT',
      ['defaultAction'],
    ],
    [
      'a classification in small letters',
      { ...plate, name: 'a', classifications: ['pii'] },
      'BAD_INPUT',
      ['classifications'],
    ],
  ])('is refused for %s', async (_name, input, code, field) => {
    expect(await app.refusals(define, { input })).toMatchObject([{ code, field }]);
  });

  test('by many at once gives each version once', async () => {
    const inputs = Array.from({ length: 8 }, (_, index) => ({
      name: 'crowded',
      redaction: { kind: 'CONSTANT', text: `text ${index}` },
    }));
    const versions = await Promise.all(inputs.map(async (input) => (await defined(input)).version));
    expect(versions.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('by two at once with one spelling, or from one version, lets one through', async () => {
    const rule = { kind: 'NULL' };
    const spelled = ['one', 'two'].map((name) => ({ name, aliases: ['same_spelling'], redaction: rule }));
    const based = ['a', 'b'].map((description) => ({
      name: 'based',
      redaction: rule,
      description,
      expectedVersion: 0,
    }));
    for (const [inputs, code] of [
      [spelled, 'ALREADY_EXISTS'],
      [based, 'CONFLICT'],
    ] as const) {
      const refusals = await Promise.all(inputs.map((input) => app.refusals(define, { input })));
      expect(refusals.flat()).toMatchObject([{ code }]);
    }
  });
});

describe('a type of one’s own', () => {
  test('makes tokens: the same for the same value, and others for other types', async () => {
    await defined({ name: 'customer_no', redaction: { kind: 'TOKEN' } });
    await defined({ name: 'order_no', redaction: { kind: 'TOKEN' } });
    const token = async (type: string, value: unknown): Promise<string> => (await redacted(type, value)).value;
    expect(await token('customer_no', 'K-1')).toMatch(/^tok_[\w-]{22}$/);
    expect(await token('customer_no', ' K-1 ')).toBe(await token('customer_no', 'K-1'));
    expect(await token('order_no', 'K-1')).not.toBe(await token('customer_no', 'K-1'));
    expect(await token('customer_no', 7)).toBe(await token('customer_no', '7'));
  });

  test('protects an entity that uses it, with changes and warnings in the preview', async () => {
    await defined({
      name: 'vehicle_id',
      redaction: { kind: 'KEEP_FIRST', count: 3, filler: '…' },
      classifications: ['PII'],
    });
    const text = { type: 'string' };
    const fields = [
      { name: 'account', ...text, twilio_type: 'identifier' },
      { name: 'vin', ...text, twilio_type: 'vehicle_id' },
      { name: 'note', ...text },
      { name: 'shoe', ...text, twilio_type: 'shoe_size' },
    ];
    const document = documentOf('Vehicle', fields);
    // A type that nobody defined is refused with the document.
    const refused = await app.refusals(
      `mutation ($input: RegisterEntityVersionInput!) { registerEntityVersion(input: $input) { userErrors { code field } } }`,
      { input: { document } },
    );
    expect(refused).toMatchObject([{ code: 'SEMANTIC_TYPE_UNKNOWN' }]);
    await defined({ name: 'shoe_size', redaction: { kind: 'NULL' } });
    const { entity, version } = await registered(app, document);
    expect(version.fields.nodes[1]).toMatchObject({ semanticType: 'vehicle_id', classifications: ['PII'] });
    const sample = { account: 'AC1', vin: 'WVWZZZ1JZXW000001', note: 'free', shoe: '43', more: 'unknown' };
    const preview = `query ($id: ID!, $sample: JSON!, $strict: Boolean) {
      previewProtection(entityId: $id, accountField: "account", sample: $sample, strict: $strict) {
        protected gaps changes { place semanticType before after } warnings { path message } steps { path action } } }`;
    const { previewProtection } = await app.done(preview, { id: entity.id, sample });
    expect(previewProtection).toMatchObject({
      protected: { account: 'AC1', vin: 'WVW…', note: 'free' },
      gaps: ['note'],
    });
    expect(previewProtection.changes).toContainEqual({
      place: 'vin',
      semanticType: 'vehicle_id',
      before: 'WVWZZZ1JZXW000001',
      after: 'WVW…',
    });
    expect(JSON.stringify(previewProtection.protected)).not.toContain('unknown');
    const strict = await app.graphql(preview, { id: entity.id, sample, strict: true });
    expect(strict.errors).toMatchObject([{ extensions: { code: 'SCHEMA_INVALID' } }]);
  });

  test('is known to streams of lines at once', async () => {
    await defined({ name: 'fresh', redaction: { kind: 'CONSTANT', text: 'gone' } });
    const [answer] = await cryptoLines(app, 'redact', linesOf([{ type: 'FRESH', value: 'a' }]));
    expect(answer.value).toBe('gone');
  });
});
