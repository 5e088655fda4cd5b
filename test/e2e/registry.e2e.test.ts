import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';

let app: TestApp;

beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

const registered = async (document: unknown, aliases?: readonly string[]): Promise<Data> =>
  (await app.done(register, { input: { document, aliases } })).registerEntityVersion;

const counts = async () =>
  (
    await app.em
      .fork()
      .execute(
        'select (select count(*) from entity)::int entities, (select count(*) from entity_version)::int versions, (select count(*) from entity_field)::int fields, (select count(*) from audit_event)::int events',
      )
  )[0];

const field = (extra: Record<string, unknown>) => [
  { name: 'ok', type: 'string' },
  { name: 'x', ...extra },
];
const names = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `f${index}`, type: 'string' }));

describe('registering a document', () => {
  test('gives it back exactly, key order and unknown attributes included, with its fields typed', async () => {
    const document = { ...sparkSummitDocument, zeta: [{ b: 1, a: null }], alpha: { deep: { z: 'ü', y: 1.5 } } };
    const { version, entity, isNew } = await registered(document, ['SparkSummit.Demo']);
    expect(JSON.stringify(version.document)).toBe(JSON.stringify(document));
    expect([isNew, version.number, version.label, version.createdBy]).toEqual([true, 1, '1.0', 'data-platform']);
    expect(entity).toMatchObject({
      fullName: 'Demo.SparkSummit',
      aliases: ['SparkSummit.Demo'],
      catalogNamespace: 'Redaction',
    });
    const types = Object.fromEntries(version.fields.nodes.map((node: Data) => [node.path, node.semanticType]));
    expect(types).toEqual({
      sid: null,
      account_sid: null,
      date_created: 'datetime',
      to: 'phonenumber',
      from: 'phonenumber',
      message_body: 'customertext',
    });
    const to = version.fields.nodes.find((node: Data) => node.path === 'to');
    expect(to).toMatchObject({ type: 'string', nullable: false, required: true, classifications: ['PII'] });
  });

  test('again answers the version it has, whatever the order of keys, and changes nothing', async () => {
    const first = await registered(documentOf('Same'));
    const before = await counts();
    const { schema, ...rest } = documentOf('Same');
    const again = await registered({ schema, ...rest });
    expect(again).toMatchObject({ isNew: false, version: { id: first.version.id, number: 1 } });
    expect(await counts()).toEqual(before);
  });

  test('changed makes version 2, which is the latest; the old one stays as it was', async () => {
    const first = await registered(documentOf('Grown'));
    const second = await registered(documentOf('Grown', field({ type: ['null', 'string'], default: null }), '2.0'));
    expect(second).toMatchObject({ isNew: true, entity: { id: first.entity.id }, version: { number: 2 } });
    expect(second.version.schemaId).toBeGreaterThan(first.version.schemaId);
    const { entity } = await app.done(
      `{ entity(namespace: "Demo", name: "Grown") { latestVersion { number } versions { nodes { number document } } } }`,
    );
    expect(entity.latestVersion.number).toBe(2);
    expect(entity.versions.nodes.map((node: Data) => node.number)).toEqual([2, 1]);
    expect(entity.versions.nodes[1].document).toEqual(documentOf('Grown'));
  });

  test('describes nested fields by path', async () => {
    const { version } = await registered(
      documentOf('Nested', [
        {
          name: 'user',
          type: {
            type: 'record',
            name: 'User',
            fields: [
              { name: 'email', type: 'string', twilio_type: 'email', doc: 'where to write' },
              { name: 'phones', type: { type: 'array', items: 'string' }, twilio_type: 'PhoneNummer' },
            ],
          },
        },
        { name: 'tags', type: { type: 'map', values: ['null', 'string'] } },
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' }, default: 0 },
      ]),
    );
    expect(
      version.fields.nodes.map((node: Data) => [node.path, node.type, node.required, node.semanticType, node.doc]),
    ).toEqual([
      ['user', 'record', true, null, null],
      ['user.email', 'string', true, 'email', 'where to write'],
      ['user.phones', 'array', true, 'phonenumber', null],
      ['tags', 'map', true, null, null],
      ['at', 'long', false, null, null],
    ]);
  });

  test('of 10,000 fields is taken and can be read page by page', async () => {
    const { version } = await registered(documentOf('Wide', names(10_000)));
    expect(version.fields.totalCount).toBe(10_000);
    const read: string[] = [];
    let after: string | null = null;
    do {
      const { node }: Data = await app.done(
        `query ($id: ID!, $after: String) { node(id: $id) { ... on EntityVersion {
          fields(first: 100, after: $after) { nodes { path } pageInfo { hasNextPage endCursor } } } } }`,
        { id: version.id, after },
      );
      read.push(...node.fields.nodes.map((item: Data) => item.path));
      after = node.fields.pageInfo.hasNextPage ? node.fields.pageInfo.endCursor : null;
    } while (after !== null);
    expect(read).toEqual(names(10_000).map((item) => item.name));
  });

  test('may name a field like a member of every object', async () => {
    const { version } = await registered(
      documentOf('Members', [
        { name: 'constructor', type: 'string', twilio_type: 'email' },
        { name: 'toString', type: 'string' },
        { name: 'hasOwnProperty', type: 'string' },
      ]),
    );
    expect(version.fields.nodes.map((node: Data) => node.path)).toEqual(['constructor', 'toString', 'hasOwnProperty']);
    const entity = `{ entity(namespace: "Demo", name: "Members") { id } }`;
    const { id } = (await app.done(entity)).entity;
    const { previewProtection } = await app.done(
      `query ($id: ID!, $sample: JSON!) { previewProtection(entityId: $id, accountField: "toString", sample: $sample) { protected } }`,
      { id, sample: { constructor: 'john@example.com', toString: 'AC1', hasOwnProperty: 'x' } },
    );
    expect(previewProtection.protected).toEqual({
      constructor: 'j***@example.com',
      toString: 'AC1',
      hasOwnProperty: 'x',
    });
  });
});

describe('lookup', () => {
  test('finds an entity by name and by alias, and a name beats an alias', async () => {
    const named = await registered(documentOf('Named'));
    const other = await registered(documentOf('Other'), ['Old.Name', 'Demo.Named']);
    const at = async (namespace: string, name: string) =>
      (
        await app.done(`query ($a: String!, $b: String!) { entity(namespace: $a, name: $b) { id } }`, {
          a: namespace,
          b: name,
        })
      ).entity?.id;
    expect(await at('Old', 'Name')).toBe(other.entity.id);
    expect(await at('Demo', 'Named')).toBe(named.entity.id);
    expect(await at('Demo', 'Nobody')).toBeUndefined();
  });

  test('an alias belongs to one entity', async () => {
    await registered(documentOf('Owner'), ['Taken.Alias']);
    const errors = await app.refusals(register, {
      input: { document: documentOf('Thief'), aliases: ['a', 'Taken.Alias'] },
    });
    expect(errors).toEqual([expect.objectContaining({ code: 'ALREADY_EXISTS', field: ['aliases', '1'] })]);
    expect((await app.done('{ entity(namespace: "Demo", name: "Thief") { id } }')).entity).toBeNull();
    expect(await app.refusals(register, { input: { document: documentOf('Bad'), aliases: ['white space'] } })).toEqual([
      expect.objectContaining({ code: 'BAD_INPUT', field: ['aliases', '0'] }),
    ]);
  });
});

describe('64 registrations at once', () => {
  test('of the same document make one version', async () => {
    const answers = await Promise.all(Array.from({ length: 64 }, () => registered(documentOf('Crowd'))));
    expect(new Set(answers.map((answer) => answer.version.id)).size).toBe(1);
    expect(answers.filter((answer) => answer.isNew)).toHaveLength(1);
  });

  test('of different documents of one entity number them without gaps', async () => {
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, index) => registered(documentOf('Race', undefined, `${index}`))),
    );
    expect(answers.map((answer) => answer.version.number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 64 }, (_, index) => index + 1),
    );
    // The documents differ and their schema does not.
    expect(new Set(answers.map((answer) => answer.version.schemaId)).size).toBe(1);
    expect(new Set(answers.map((answer) => answer.entity.id)).size).toBe(1);
  });

  test('of different entities that want one alias give it to one of them, and refuse the others', async () => {
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        app.graphql(register, { input: { document: documentOf(`Claim${index}`), aliases: ['Claimed.Alias'] } }),
      ),
    );
    const codes = answers.map(({ data, errors }) => {
      expect(errors).toEqual([]);
      return data.registerEntityVersion.userErrors[0]?.code ?? 'OK';
    });
    expect(codes.filter((code) => code === 'OK')).toHaveLength(1);
    expect(codes.filter((code) => code === 'ALREADY_EXISTS')).toHaveLength(15);
  });
});
