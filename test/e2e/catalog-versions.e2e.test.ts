import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';
import { derived, mapped, registered, registerSchema } from '../testkit/catalog.ts';

let app: TestApp;

beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

const field = (name: string, more: object = {}) => ({ name, type: 'string', ...more });
const avro = (name: string, fields: readonly object[]) =>
  JSON.stringify({ type: 'record', name, namespace: 'Demo', fields });

const diffOf = async (id: string, against?: string): Promise<Data> => {
  const { data, errors } = await app.graphql(
    `query ($id: ID!, $against: ID) { node(id: $id) { ... on EntityVersion { diff(against: $against) {
      from { number } to { number } added { path } removed { path }
      changed { path changes before { type } after { type } }
      classificationChanges { path added removed } affectedDatasets { name } complete truncatedReason } } } }`,
    { id, against },
  );
  return errors.length > 0 ? errors : data.node.diff;
};

describe('a version knows its schema', () => {
  test('with format, text, GUID and all places of the registry that have it', async () => {
    const { version } = await registered(app, documentOf('Known', [field('id')]));
    const text = avro('Known', [{ name: 'id', type: 'string' }]);
    await registerSchema(app, 'known-value', { schema: text });
    await registerSchema(app, ':.staging:known-value', { schema: text });
    await fetch(`${app.urls.registry}/subjects/known-value/versions/1`, { method: 'DELETE' });
    const { node } = await app.done(
      `query ($id: ID!) { node(id: $id) { ... on EntityVersion { format schemaText guid deprecation { reason }
        registrySubjects { totalCount nodes { context subject version deleted } } } } }`,
      { id: version.id },
    );
    const answer = await (await fetch(`${app.urls.registry}/schemas/ids/${version.schemaId}`)).json();
    expect(node).toMatchObject({ format: 'AVRO', schemaText: (answer as Data).schema, deprecation: null });
    expect(node.guid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(node.registrySubjects).toEqual({
      totalCount: 3,
      nodes: [
        { context: '.', subject: 'Demo.Known', version: 1, deleted: false },
        { context: '.', subject: 'known-value', version: 1, deleted: true },
        { context: '.staging', subject: 'known-value', version: 1, deleted: false },
      ],
    });
  });

  test.each([
    [
      'AVRO',
      'Demo',
      'Spaced',
      '{ "type": "record",\n  "name": "Spaced", "namespace": "Demo", "x": 1.0, "fields": [] }',
    ],
    ['JSON', 'Demo', 'SpacedToo', '{\n  "title": "Demo.SpacedToo", "type": "object" }'],
    [
      'PROTOBUF',
      'demo',
      'Said',
      'syntax = "proto3";\npackage demo;\n// Who said it.\nmessage Said { string who = 1; }\n',
    ],
  ])('with the text of %s as it was first registered', async (schemaType, namespace, name, schema) => {
    for (const text of [schema, `${schema}\n`])
      await registerSchema(app, `${name}-value`, { schemaType, schema: text });
    const { entity } = await app.done(
      `query ($namespace: String!, $name: String!) { entity(namespace: $namespace, name: $name) {
        versions { totalCount } latestVersion { originalText schemaText } } }`,
      { namespace, name },
    );
    expect(entity.versions.totalCount).toBe(1);
    expect(entity.latestVersion.originalText).toBe(schema);
    expect(entity.latestVersion.schemaText).not.toBe(schema);
    await registerSchema(app, `${name}-again`, { schemaType, schema: entity.latestVersion.schemaText });
  });

  test('whose text is its original one, where the registry has changed nothing', async () => {
    const { version } = await registered(app, documentOf('Plain', [field('id')]));
    const { node } = await app.done(
      'query ($id: ID!) { node(id: $id) { ... on EntityVersion { originalText schemaText } } }',
      { id: version.id },
    );
    expect(node.originalText).toBe(node.schemaText);
  });
});

describe('the difference of two versions', () => {
  test('names fields, classifications and what lineage makes of the data', async () => {
    const first = await registered(
      app,
      documentOf('Moved', [field('account'), field('mail', { twilio_type: 'email' }), field('gone')]),
    );
    const topic = await mapped(app, first.entity.id, { name: 'moved', role: 'TOPIC', accountField: 'account' });
    const table = await derived(app, topic.id, 'moved_table');
    await derived(app, table.id, 'moved_report');
    const second = await registered(
      app,
      documentOf(
        'Moved',
        [
          field('account'),
          field('mail', { type: ['null', 'string'], default: null }),
          field('phone', { twilio_type: 'phonenumber', default: '' }),
        ],
        '2.0',
      ),
    );
    expect(await diffOf(first.version.id)).toBeNull();
    const diff = {
      from: { number: 1 },
      to: { number: 2 },
      added: [{ path: 'phone' }],
      removed: [{ path: 'gone' }],
      changed: [
        {
          path: 'mail',
          changes: ['NULLABLE', 'REQUIRED', 'SEMANTIC_TYPE', 'CLASSIFICATIONS'],
          before: { type: 'string' },
          after: { type: 'string' },
        },
      ],
      classificationChanges: [
        { path: 'mail', added: [], removed: ['PII'] },
        { path: 'phone', added: ['PII'], removed: [] },
      ],
      affectedDatasets: [{ name: 'moved' }, { name: 'moved_table' }, { name: 'moved_report' }],
      complete: true,
      truncatedReason: null,
    };
    expect(await diffOf(second.version.id)).toEqual(diff);
    expect(await diffOf(second.version.id, first.version.id)).toEqual(diff);
    const back = await diffOf(first.version.id, second.version.id);
    expect(back).toMatchObject({ from: { number: 2 }, to: { number: 1 }, added: diff.removed, removed: diff.added });
    const none = { added: [], removed: [], changed: [], affectedDatasets: [], complete: true };
    expect(await diffOf(first.version.id, first.version.id)).toMatchObject(none);
  });

  test('walks lineage that leads in a ring once', async () => {
    const first = await registered(app, documentOf('Ring', [field('account')]));
    const topic = await mapped(app, first.entity.id, { name: 'ring', role: 'TOPIC', accountField: 'account' });
    const copy = await derived(app, topic.id, 'ring_copy');
    const [from, to] = [copy.id, topic.id].map((id) => Buffer.from(id, 'base64url').toString().split(':')[1]);
    await app.em
      .fork()
      .execute(
        `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from) values ('ring', ?, ?, 'back', now())`,
        [from, to],
      );
    const second = await registered(app, documentOf('Ring', [field('account', { doc: 'who' })], '2.0'));
    const { affectedDatasets, complete } = await diffOf(second.version.id);
    expect([affectedDatasets.map((dataset: Data) => dataset.name), complete]).toEqual([['ring', 'ring_copy'], true]);
  });

  test('is of one entity only', async () => {
    const one = await registered(app, documentOf('One'));
    const other = await registered(app, documentOf('Another'));
    const code = async (against: string) => (await diffOf(one.version.id, against))[0].extensions;
    expect(await code(other.version.id)).toMatchObject({ code: 'BAD_INPUT', field: ['against'] });
    expect(await code(other.entity.id)).toMatchObject({ code: 'NOT_FOUND', field: ['against'] });
    const nobody = Buffer.from('EntityVersion:00000000-0000-7000-8000-000000000000').toString('base64url');
    expect(await code(nobody)).toMatchObject({ code: 'NOT_FOUND', field: ['against'] });
  });

  test('of 10,000 fields is told whole', async () => {
    const wide = (prefix: string) => Array.from({ length: 9_000 }, (_, index) => field(`${prefix}${index}`));
    await registered(app, documentOf('Wide', wide('a')));
    const { version } = await registered(app, documentOf('Wide', [...wide('b'), field('a0')], '2.0'));
    const diff = await diffOf(version.id);
    expect([diff.added.length, diff.removed.length, diff.changed.length]).toEqual([9_000, 8_999, 0]);
  });
});

const check = `query ($input: CheckCompatibilityInput!, $level: CompatibilityLevel, $policy: CompatibilityPolicy) {
  checkCompatibility(input: $input, level: $level, policy: $policy) { subject compatible level policy comparedWith
    incompatibilities { errorType description path additionalInfo suggestion version }
    classificationChanges { path added removed } } }`;
const checked = async (input: unknown, more: object = {}): Promise<Data> =>
  (await app.done(check, { input, ...more })).checkCompatibility;

describe('a schema is checked before it is registered', () => {
  test('as a document: which rule, where, and how to mend it; nothing is registered', async () => {
    await registered(app, documentOf('Sms', [field('to', { twilio_type: 'phonenumber' })]));
    const document = documentOf('Sms', [field('to'), field('mail', { twilio_type: 'email' })], '2.0');
    const report = await checked({ document });
    expect(report).toMatchObject({
      subject: 'Demo.Sms',
      compatible: false,
      level: 'BACKWARD',
      policy: 'STRICT',
      comparedWith: [1],
      incompatibilities: [
        { errorType: 'READER_FIELD_MISSING_DEFAULT_VALUE', additionalInfo: 'mail', path: '/fields/1', version: 1 },
      ],
      classificationChanges: [
        { path: 'to', added: [], removed: ['PII'] },
        { path: 'mail', added: ['PII'], removed: [] },
      ],
    });
    expect(report.incompatibilities[0].suggestion).toMatch(/default/);
    const { entity } = await app.done('{ entity(namespace: "Demo", name: "Sms") { versions { totalCount } } }');
    expect(entity.versions.totalCount).toBe(1);
    expect(await checked({ document }, { level: 'NONE' })).toMatchObject({ compatible: true, comparedWith: [] });
    expect(await checked({ document }, { level: 'FORWARD' })).toMatchObject({ compatible: true, comparedWith: [1] });
  });

  test('a registration answers the same as advice, and as a refusal where a level was set', async () => {
    const withConflict = register.replace('isNew', 'isNew incompatibilities { errorType version suggestion }');
    const document = documentOf('Sms', [field('to'), field('must')], '2.0');
    const config = { method: 'PUT', headers: { 'content-type': 'application/json' } };
    await fetch(`${app.urls.registry}/config/Demo.Sms`, { ...config, body: '{"compatibility": "FULL"}' });
    const { data } = await app.graphql(withConflict, { input: { document } });
    const broken = [{ errorType: 'READER_FIELD_MISSING_DEFAULT_VALUE', version: 1, suggestion: expect.any(String) }];
    expect(data.registerEntityVersion).toMatchObject({
      userErrors: [{ code: 'SCHEMA_INCOMPATIBLE' }],
      entity: null,
      isNew: null,
      incompatibilities: broken,
    });
    await fetch(`${app.urls.registry}/config/Demo.Sms`, { method: 'DELETE' });
    const { registerEntityVersion } = await app.done(withConflict, { input: { document } });
    expect(registerEntityVersion).toMatchObject({ isNew: true, incompatibilities: broken });
    const fine = await app.done(withConflict, { input: { document: documentOf('Fine') } });
    expect(fine.registerEntityVersion.incompatibilities).toEqual([]);
  });

  test('under a subject, with all versions and by another policy', async () => {
    const open = (...names: readonly string[]) => ({
      format: 'JSON',
      text: JSON.stringify({
        type: 'object',
        title: 'Order',
        properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
      }),
    });
    const body = (schema: { text: string }) => ({ schemaType: 'JSON', schema: schema.text });
    await fetch(`${app.urls.registry}/config/order-value`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"compatibility": "NONE"}',
    });
    await registerSchema(app, 'order-value', body(open('a')));
    await registerSchema(app, 'order-value', body(open('a', 'b')));
    const input = { subject: 'order-value', schema: open('a', 'b', 'c') };
    expect(await checked(input)).toMatchObject({ compatible: true, level: 'NONE', comparedWith: [] });
    const strict = await checked(input, { level: 'BACKWARD_TRANSITIVE' });
    expect(strict).toMatchObject({ compatible: false, comparedWith: [2, 1], policy: 'STRICT' });
    expect(new Set(strict.incompatibilities.map((one: Data) => one.version))).toEqual(new Set([2, 1]));
    const lenient = await checked(input, { level: 'BACKWARD_TRANSITIVE', policy: 'LENIENT' });
    expect(lenient).toMatchObject({ compatible: true, comparedWith: [2, 1], incompatibilities: [] });
  });

  test('with metadata, whose tags are classifications', async () => {
    const schema = { text: avro('Tagged', [field('ssn')]) };
    await registerSchema(app, 'tagged-value', { schema: schema.text });
    const metadata = { tags: { '**.ssn': ['PII'] } };
    const report = await checked({ subject: 'tagged-value', schema: { ...schema, metadata } });
    expect(report.classificationChanges).toEqual([{ path: 'ssn', added: ['PII'], removed: [] }]);
  });

  test('against nothing, where the subject is not known', async () => {
    const schema = { format: 'AVRO', text: avro('Nobody', [field('id')]) };
    expect(await checked({ subject: ':.other:nobody', schema })).toMatchObject({
      subject: ':.other:nobody',
      compatible: true,
      comparedWith: [],
      classificationChanges: [],
    });
  });

  test.each<[string, object, string, readonly string[]]>([
    ['nothing', {}, 'BAD_INPUT', ['input']],
    ['a subject without a schema', { subject: 'a' }, 'BAD_INPUT', ['input']],
    ['both forms', { document: {}, subject: 'a', schema: { text: '"string"' } }, 'BAD_INPUT', ['input']],
    ['a document that is none', { document: [] }, 'SCHEMA_INVALID', ['input', 'document']],
    [
      'a subject with a control character',
      { subject: 'a\u0001', schema: { text: '"string"' } },
      'SUBJECT_INVALID',
      ['subject'],
    ],
    [
      'metadata that is none',
      { subject: 'a', schema: { text: '"int"', metadata: 1 } },
      'SCHEMA_INVALID',
      ['input.schema.metadata'],
    ],
  ])('and refuses %s', async (_name, input, code, path) => {
    const { data, errors } = await app.graphql(check, { input });
    expect(data).toBeNull();
    expect(errors).toMatchObject([{ extensions: { code, field: path } }]);
  });

  test('and refuses a schema that is none', async () => {
    for (const format of ['AVRO', 'JSON', 'PROTOBUF']) {
      const { errors } = await app.graphql(check, {
        input: { subject: 'a', schema: { format, text: '{"type": "nope"' } },
      });
      expect(errors).toMatchObject([{ extensions: { code: 'SCHEMA_INVALID' } }]);
    }
    const references = [{ name: 'x', subject: 'unknown', version: 1 }];
    const { errors } = await app.graphql(check, { input: { subject: 'a', schema: { text: '"x"', references } } });
    expect(errors).toMatchObject([{ extensions: { code: 'SCHEMA_INVALID' } }]);
  });
});
