import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  a1,
  a2,
  avro,
  breaking,
  type Case,
  level,
  post,
  type Registry,
  softDelete,
  startRegistry,
} from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const subject = '/subjects/{s}';
const versions = `${subject}/versions`;
const id = '#{0}';
const found = { subject: '{s}', id, version: '#1', schema: a1 };
const extended = { 'confluent-accept-unknown-properties': 'true' };
const more = {
  guid: expect.stringMatching(/^[\da-f-]{36}$/),
  ts: expect.any(Number),
  deleted: false,
  schemaType: 'AVRO',
};
const holder = '{"type":"record","name":"Holder","fields":[{"name":"r","type":"R"}]}';
const refersTo = (target = '{s}', from = '{t}') =>
  [
    'POST',
    `/subjects/${from}/versions`,
    { schema: holder, references: [{ name: 'R', subject: target, version: 1 }] },
  ] as const;
const properties = (owner: string) => ({ schema: a1, metadata: { properties: { owner, tier: '1' } } });

const lookups: readonly Case[] = [
  { name: 'a schema', before: [post(a1)], ask: ['POST', subject, { schema: a1 }], body: found },
  {
    name: 'a schema in other white space',
    before: [post(a1)],
    ask: ['POST', subject, { schema: JSON.stringify(JSON.parse(a1), null, 1) }],
    body: found,
  },
  { name: 'an older version', before: [post(a1), post(a2)], ask: ['POST', subject, { schema: a1 }], body: found },
  {
    name: 'a newer version',
    before: [post(a1), post(a2)],
    ask: ['POST', subject, { schema: a2 }],
    body: { subject: '{s}', id: '#{1}', version: '#2', schema: a2 },
  },
  {
    name: 'unknown request fields left aside',
    before: [post(a1)],
    ask: ['POST', subject, { schema: a1, id: null, x: 1 }],
    body: found,
  },
  {
    name: 'new fields for clients that know them',
    before: [post(a1)],
    ask: ['POST', subject, { schema: a1 }, extended],
    body: { ...found, ...more },
  },
  {
    name: 'a schema with metadata, asked without',
    before: [['POST', versions, properties('x')]],
    ask: ['POST', subject, { schema: a1 }],
    body: { ...found, metadata: properties('x').metadata },
  },
  {
    name: 'a schema with its metadata',
    before: [['POST', versions, properties('x')]],
    ask: ['POST', subject, properties('x')],
    body: { ...found, metadata: properties('x').metadata },
  },
  {
    name: 'nothing with other metadata',
    before: [['POST', versions, properties('x')]],
    ask: ['POST', subject, properties('y')],
    code: 40_403,
  },
  {
    name: 'a deleted version with deleted=true',
    before: [post(a1), softDelete(subject)],
    ask: ['POST', `${subject}?deleted=true`, { schema: a1 }],
    body: found,
  },
  {
    name: 'no deleted subject',
    before: [post(a1), softDelete(subject)],
    ask: ['POST', subject, { schema: a1 }],
    code: 40_401,
  },
  {
    name: 'no deleted version',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['POST', subject, { schema: a1 }],
    code: 40_403,
  },
  {
    name: 'a deleted version beside others with deleted=true',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['POST', `${subject}?deleted=true`, { schema: a1 }],
    body: found,
  },
  {
    name: 'no unknown subject',
    ask: ['POST', subject, { schema: a1 }],
    code: 40_401,
    message: /^Subject 'c[\da-f]+' not found\.$/,
  },
  {
    name: 'no schema that is under another subject',
    before: [post(a1), post(a2, '{t}')],
    ask: ['POST', subject, { schema: a2 }],
    code: 40_403,
    message: /^Schema not found$/,
  },
  { name: 'no invalid schema', before: [post(a1)], ask: ['POST', subject, { schema: '{' }], code: 42_201 },
  { name: 'no schema at all', before: [post(a1)], ask: ['POST', subject, {}], code: 42_201 },
  {
    name: 'a schema with references',
    before: [post(a1), refersTo()],
    ask: ['POST', '/subjects/{t}', refersTo()[2]],
    body: {
      subject: '{t}',
      id: '#{1}',
      version: '#1',
      schema: holder,
      references: [{ name: 'R', subject: '{s}', version: '#1' }],
    },
  },
  {
    name: 'a normal form with normalize',
    before: [
      [
        'POST',
        `${versions}?normalize=true`,
        { schema: '{"name":"N","type":"record","fields":[{"type":{"type":"int"},"name":"a"}]}' },
      ],
    ],
    ask: [
      'POST',
      `${subject}?normalize=true`,
      { schema: '{"type":"record","name":"N","fields":[{"name":"a","type":"int"}]}' },
    ],
    body: { subject: '{s}', id, version: '#1', schema: expect.any(String) },
  },
  {
    name: 'a normal form where the configuration asks for it',
    before: [
      ['PUT', '/config/{s}', { normalize: true }],
      post('{"type":"record","name":"M","zz":1,"aa":2,"fields":[]}'),
    ],
    ask: ['POST', subject, { schema: '{"type":"record","name":"M","zz":1,"aa":2,"fields":[]}' }],
    body: { subject: '{s}', id, version: '#1', schema: '{"type":"record","name":"M","fields":[],"aa":2,"zz":1}' },
  },
];

const byMetadata: readonly Case[] = [
  {
    name: 'the version with a property',
    before: [['POST', versions, properties('x')]],
    ask: ['GET', `${subject}/metadata?key=owner&value=x`],
    body: { ...found, metadata: properties('x').metadata },
  },
  {
    name: 'the newest of several',
    before: [
      ['POST', versions, properties('x')],
      ['POST', versions, { ...properties('x'), schema: a2 }],
    ],
    ask: ['GET', `${subject}/metadata?key=owner&value=x`],
    body: { subject: '{s}', id: '#{1}', version: '#2', schema: a2, metadata: properties('x').metadata },
  },
  {
    name: 'an older one that alone has it',
    before: [
      ['POST', versions, properties('x')],
      ['POST', versions, properties('y')],
    ],
    ask: ['GET', `${subject}/metadata?key=owner&value=x`],
    body: { ...found, metadata: properties('x').metadata },
  },
  {
    name: 'one that has all properties',
    before: [['POST', versions, properties('x')]],
    ask: ['GET', `${subject}/metadata?key=owner&value=x&key=tier&value=1`],
    body: { ...found, metadata: properties('x').metadata },
  },
  {
    name: 'none that has only one of them',
    before: [['POST', versions, properties('x')]],
    ask: ['GET', `${subject}/metadata?key=owner&value=x&key=tier&value=2`],
    code: 40_403,
  },
  {
    name: 'none without metadata',
    before: [post(a1)],
    ask: ['GET', `${subject}/metadata?key=owner&value=x`],
    code: 40_403,
  },
  { name: 'none of an unknown subject', ask: ['GET', `${subject}/metadata?key=owner&value=x`], code: 40_401 },
  {
    name: 'none that is deleted',
    before: [['POST', versions, properties('x')], softDelete(subject)],
    ask: ['GET', `${subject}/metadata?key=owner&value=x`],
    code: 40_401,
  },
  {
    name: 'a deleted one with deleted=true',
    before: [['POST', versions, properties('x')], softDelete(subject)],
    ask: ['GET', `${subject}/metadata?key=owner&value=x&deleted=true`],
    body: { ...found, metadata: properties('x').metadata },
  },
  {
    name: 'nothing for a value with U+0000',
    before: [post(a1)],
    ask: ['GET', `${subject}/metadata?key=a&value=%00`],
    code: 422,
  },
];

const tag = (path: string, ...tags: readonly string[]) => [
  { schemaEntity: { entityPath: path, entityType: 'sr_field' }, tags },
];
const tags = `${versions}/latest/tags`;
const tagging: readonly Case[] = [
  {
    name: 'added make a new version',
    before: [post(a1), ['POST', tags, { tagsToAdd: tag('R.a', 'PII') }]],
    ask: ['GET', `${versions}/latest`],
    body: { subject: '{s}', id: '#{1}', version: '#2', schema: a1, metadata: { tags: { 'R.a': ['PII'] } } },
  },
  {
    name: 'added to others stand beside them',
    before: [
      post(a1),
      ['POST', tags, { tagsToAdd: tag('R.a', 'PII') }],
      ['POST', tags, { tagsToAdd: tag('R.a', 'PCI', 'PII') }],
    ],
    ask: ['GET', `${versions}/3`],
    body: { subject: '{s}', id: '#{2}', version: '#3', schema: a1, metadata: { tags: { 'R.a': ['PII', 'PCI'] } } },
  },
  {
    name: 'removed are gone',
    before: [
      post(a1),
      ['POST', tags, { tagsToAdd: tag('R.a', 'PII', 'PCI') }],
      ['POST', tags, { tagsToRemove: tag('R.a', 'PII') }],
    ],
    ask: ['GET', `${versions}/latest`],
    body: { subject: '{s}', id: '#{2}', version: '#3', schema: a1, metadata: { tags: { 'R.a': ['PCI'] } } },
  },
  {
    name: 'with a number of their own are registered as that version',
    before: [post(a1)],
    ask: ['POST', tags, { newVersion: 2, tagsToAdd: tag('R.a', 'PII') }],
    body: { id: expect.any(Number) },
  },
  {
    name: 'with a number that is not next are refused',
    before: [post(a1)],
    ask: ['POST', tags, { newVersion: 9, tagsToAdd: tag('R.a', 'PII') }],
    code: 42_201,
  },
  {
    name: 'with rules to merge change these',
    before: [post(a1)],
    ask: ['POST', tags, { rulesToMerge: { domainRules: [{ name: 'r', type: 'CEL' }] } }],
    body: { id: expect.any(Number) },
  },
  {
    name: 'with rules and rules to merge are refused',
    before: [post(a1)],
    ask: ['POST', tags, { ruleSet: {}, rulesToMerge: {} }],
    code: 42_210,
  },
  {
    name: 'without a path are refused',
    before: [post(a1)],
    ask: ['POST', tags, { tagsToAdd: [{ tags: ['PII'] }] }],
    code: 42_201,
  },
  {
    name: 'that are no list are refused',
    before: [post(a1)],
    ask: ['POST', tags, { tagsToAdd: [{ schemaEntity: { entityPath: 'a' }, tags: 'PII' }] }],
    code: 42_201,
  },
  { name: 'of an unknown subject are refused', ask: ['POST', tags, { tagsToAdd: tag('a', 'PII') }], code: 40_401 },
  {
    name: 'of an unknown version are refused',
    before: [post(a1)],
    ask: ['POST', `${versions}/9/tags`, { tagsToAdd: tag('a', 'PII') }],
    code: 40_402,
  },
  {
    name: 'of an invalid version are refused',
    before: [post(a1)],
    ask: ['POST', `${versions}/x/tags`, { tagsToAdd: tag('a', 'PII') }],
    code: 42_202,
  },
  {
    name: 'put on an old version are checked against the newest',
    before: [level('NONE'), post(breaking), post(avro('other:int')), level('BACKWARD')],
    ask: ['POST', `${versions}/1/tags`, { tagsToAdd: tag('R.a', 'PII') }],
    status: 409,
    code: 409,
  },
];

describe('POST /subjects/{subject} finds', () => {
  test.each(lookups)('$name', (one) => registry.check(one));
});
describe('GET /subjects/{subject}/metadata answers', () => {
  test.each(byMetadata)('$name', (one) => registry.check(one));
});
describe('tags', () => {
  test.each(tagging)('$name', (one) => registry.check(one));
});
