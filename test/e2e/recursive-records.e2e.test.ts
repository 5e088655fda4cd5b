import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app?.stop());

const text = { type: 'string' };
const schemas = {
  AVRO: JSON.stringify({
    type: 'record',
    name: 'Avro',
    namespace: 'tree',
    fields: [
      { name: 'account', type: 'string' },
      { name: 'phone', type: 'string', twilio_type: 'phonenumber' },
      { name: 'others', type: { type: 'array', items: { type: 'string', 'confluent:tags': ['phonenumber'] } } },
      { name: 'children', type: { type: 'array', items: 'Avro' } },
    ],
  }),
  JSON: JSON.stringify({
    title: 'tree.Json',
    type: 'object',
    properties: {
      account: text,
      phone: { ...text, twilio_type: 'phonenumber' },
      others: { type: 'array', items: { ...text, twilio_type: 'phonenumber' } },
      children: { type: 'array', items: { $ref: '#' } },
    },
  }),
  PROTOBUF: `syntax = "proto3"; package tree; message Proto { string account = 1;
    string phone = 2 [(twilio_type) = "phonenumber"]; repeated string others = 3 [(twilio_type) = "phonenumber"];
    repeated Proto children = 4; }`,
};
const names = { AVRO: 'Avro', JSON: 'Json', PROTOBUF: 'Proto' };
const leaf = { account: 'a', phone: '911', others: ['12'], children: [] };
const sample = { account: 'AC1', phone: '911', others: ['12'], children: [{ ...leaf, children: [leaf] }] };
const shownLeaf = { account: 'a', phone: 'XXX', others: ['XX'], children: [] };
const shown = { account: 'AC1', phone: 'XXX', others: ['XX'], children: [{ ...shownLeaf, children: [shownLeaf] }] };

async function registered(format: keyof typeof schemas): Promise<string> {
  const response = await fetch(`${app.urls.registry}/subjects/${format}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ schemaType: format, schema: schemas[format] }),
  });
  expect(response.status).toBe(200);
  return (await app.done(`{ entity(namespace: "tree", name: "${names[format]}") { id } }`)).entity.id;
}

async function preview(id: string): Promise<Data> {
  const query = `query ($id: ID!, $sample: JSON!) { previewProtection(entityId: $id, accountField: "account", sample: $sample) {
    protected gaps recurrences { at to } steps { path } changes { place } } }`;
  return (await app.done(query, { id, sample })).previewProtection;
}

describe.each(['AVRO', 'JSON', 'PROTOBUF'] as const)('a record inside itself, in %s', (format) => {
  test('is previewed as it will be protected, at every depth', async () => {
    expect(await preview(await registered(format))).toEqual({
      protected: shown,
      gaps: [],
      recurrences: [{ at: 'children[]', to: '' }],
      steps: [{ path: 'phone' }, { path: 'others' }],
      changes: [
        { place: 'phone' },
        { place: 'others' },
        { place: 'children[0].phone' },
        { place: 'children[0].others' },
        { place: 'children[0].children[0].phone' },
        { place: 'children[0].children[0].others' },
      ],
    });
  });

  test('of a version from before the catalog kept its shape is protected by its schema', async () => {
    const id = await registered(format);
    await app.em.fork().execute(`update entity_field set shape = null`);
    await app.em.fork().execute(`update entity_field set semantic_type = null where path = 'others'`);
    expect((await preview(id)).protected).toEqual(shown);
  });
});

test('a version from before whose schema cannot be read has no plan', async () => {
  const id = await registered('JSON');
  await app.em.fork().execute('update entity_field set shape = null');
  await app.em.fork().execute(`update schema set text = '{' where text like '%tree.Json%'`);
  await app.restart();
  const { errors } = await app.graphql(
    `query ($id: ID!) { previewProtection(entityId: $id, accountField: "account", sample: {}) { protected } }`,
    { id },
  );
  expect(errors).toHaveLength(1);
});
