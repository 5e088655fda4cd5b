import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { a1, a2, a3, type Case, hardDelete, post, type Registry, softDelete, startRegistry } from './contract.ts';

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

const ofVersions: readonly Case[] = [
  { name: 'versions in order', before: [post(a1), post(a2), post(a3)], ask: ['GET', versions], body: [1, 2, 3] },
  { name: 'no versions of an unknown subject', ask: ['GET', versions], code: 40_401 },
  {
    name: 'versions that are not deleted',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['GET', versions],
    body: [2],
  },
  {
    name: 'deleted versions too',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['GET', `${versions}?deleted=true`],
    body: [1, 2],
  },
  {
    name: 'deleted versions only',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['GET', `${versions}?deletedOnly=true`],
    body: [1],
  },
  {
    name: 'deleted versions only, when both are asked for',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['GET', `${versions}?deletedOnly=true&deleted=true`],
    body: [1],
  },
  {
    name: 'no deleted version of a subject that has none',
    before: [post(a1)],
    ask: ['GET', `${versions}?deletedOnly=true`],
    body: [],
  },
  {
    name: 'no versions of a deleted subject',
    before: [post(a1), softDelete(subject)],
    ask: ['GET', versions],
    code: 40_401,
  },
  {
    name: 'versions of a deleted subject with deleted=true',
    before: [post(a1), softDelete(subject)],
    ask: ['GET', `${versions}?deleted=true`],
    body: [1],
  },
  {
    name: 'nothing of a subject deleted for good',
    before: [post(a1), softDelete(subject), hardDelete(subject)],
    ask: ['GET', `${versions}?deleted=true`],
    code: 40_401,
  },
  {
    name: 'deleted=yes as false',
    before: [post(a1), softDelete(subject)],
    ask: ['GET', `${versions}?deleted=yes`],
    code: 40_401,
  },
  {
    name: 'deleted=TRUE as true',
    before: [post(a1), softDelete(subject)],
    ask: ['GET', `${versions}?deleted=TRUE`],
    body: [1],
  },
];

const ofVersion: readonly Case[] = [
  { name: 'a version', before: [post(a1), post(a2)], ask: ['GET', `${versions}/1`], body: found },
  ...['latest', 'LATEST', 'Latest', '-1', '2', '02', '%2B2', '%202%20'].map((version) => ({
    name: `version ${decodeURIComponent(version)}`,
    before: [post(a1), post(a2)],
    ask: ['GET', `${versions}/${version}`] as const,
    body: { subject: '{s}', id: '#{1}', version: '#2', schema: a2 },
  })),
  ...['0', '-2', 'one', '1.5', '9999999999', '2147483648', '1e1', '%00', 'latest2', '-'].map((version) => ({
    name: `no version ${version}`,
    before: [post(a1)],
    ask: ['GET', `${versions}/${version}`] as const,
    code: 42_202,
  })),
  {
    name: 'no invalid version of an unknown subject',
    ask: ['GET', `${versions}/zero`],
    code: 42_202,
    message:
      /^The specified version 'zero' is not a valid version id\. Allowed values are between \[1, 2\^31-1\] and the string "latest"/,
  },
  { name: 'no version of an unknown subject', ask: ['GET', `${versions}/1`], code: 40_401 },
  { name: 'no latest version of an unknown subject', ask: ['GET', `${versions}/latest`], code: 40_401 },
  {
    name: 'no version that was never given',
    before: [post(a1)],
    ask: ['GET', `${versions}/2`],
    code: 40_402,
    message: /^Version 2 not found\.$/,
  },
  {
    name: 'no version of a deleted subject',
    before: [post(a1), softDelete(subject)],
    ask: ['GET', `${versions}/1`],
    code: 40_401,
  },
  {
    name: 'no deleted version',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['GET', `${versions}/1`],
    code: 40_402,
  },
  {
    name: 'a deleted version with deleted=true',
    before: [post(a1), post(a2), softDelete(`${versions}/1`)],
    ask: ['GET', `${versions}/1?deleted=true`],
    body: found,
  },
  {
    name: 'that a version is deleted, to clients that know it',
    before: [post(a1), softDelete(subject)],
    ask: ['GET', `${versions}/1?deleted=true`, undefined, extended],
    body: { ...found, ...more, deleted: true },
  },
  {
    name: 'new fields for clients that know them',
    before: [post(a1)],
    ask: ['GET', `${versions}/1`, undefined, extended],
    body: { ...found, ...more },
  },
  {
    name: 'the latest version that is not deleted',
    before: [post(a1), post(a2), softDelete(`${versions}/2`)],
    ask: ['GET', `${versions}/latest`],
    body: found,
  },
  {
    name: 'the latest version of all with deleted=true',
    before: [post(a1), post(a2), softDelete(`${versions}/2`)],
    ask: ['GET', `${versions}/latest?deleted=true`],
    body: { subject: '{s}', id: '#{1}', version: '#2', schema: a2 },
  },
  {
    name: 'a variant of the text',
    before: [post(a1), refersTo()],
    ask: ['GET', '/subjects/{t}/versions/1?format=resolved'],
    body: {
      subject: '{t}',
      id: '#{1}',
      version: '#1',
      schema: expect.stringContaining('"fields":[{"name":"a"'),
      references: [{ name: 'R', subject: '{s}', version: '#1' }],
    },
  },
  {
    name: 'the text as it is for a variant that does not exist',
    before: [post(a1)],
    ask: ['GET', `${versions}/1?format=nope`],
    body: found,
  },
  { name: 'the bare text', before: [post(a1)], ask: ['GET', `${versions}/1/schema`], text: a1 },
  {
    name: 'the bare text of the latest',
    before: [post(a1), post(a2)],
    ask: ['GET', `${versions}/latest/schema`],
    text: a2,
  },
  {
    name: 'the bare text of a deleted version',
    before: [post(a1), softDelete(subject)],
    ask: ['GET', `${versions}/1/schema?deleted=true`],
    text: a1,
  },
  { name: 'no bare text of an unknown subject', ask: ['GET', `${versions}/1/schema`], code: 40_401 },
  {
    name: 'no bare text of an unknown version',
    before: [post(a1)],
    ask: ['GET', `${versions}/5/schema`],
    code: 40_402,
  },
  {
    name: 'no bare text of an invalid version',
    before: [post(a1)],
    ask: ['GET', `${versions}/x/schema`],
    code: 42_202,
  },
];

const referencedBy: readonly Case[] = [
  { name: 'nobody', before: [post(a1)], ask: ['GET', `${versions}/1/referencedby`], body: [] },
  { name: 'a schema', before: [post(a1), refersTo()], ask: ['GET', `${versions}/1/referencedby`], body: ['#{1}'] },
  {
    name: 'a schema once, wherever it is registered',
    before: [post(a1), refersTo(), refersTo('{s}', '{u}')],
    ask: ['GET', `${versions}/latest/referencedby`],
    body: ['#{1}'],
  },
  {
    name: 'nobody who refers to another version',
    before: [post(a1), post(a2), refersTo()],
    ask: ['GET', `${versions}/2/referencedby`],
    body: [],
  },
  {
    name: 'nobody who is deleted',
    before: [post(a1), refersTo(), softDelete('/subjects/{t}')],
    ask: ['GET', `${versions}/1/referencedby`],
    body: [],
  },
  { name: 'no unknown subject', ask: ['GET', `${versions}/1/referencedby`], code: 40_401 },
  { name: 'no unknown version', before: [post(a1)], ask: ['GET', `${versions}/3/referencedby`], code: 40_402 },
  { name: 'no invalid version', before: [post(a1)], ask: ['GET', `${versions}/0/referencedby`], code: 42_202 },
];

describe('GET /subjects/{subject}/versions answers', () => {
  test.each(ofVersions)('$name', (one) => registry.check(one));
});
describe('GET /subjects/{subject}/versions/{version} answers', () => {
  test.each(ofVersion)('$name', (one) => registry.check(one));
});
describe('GET /subjects/{subject}/versions/{version}/referencedby answers', () => {
  test.each(referencedBy)('$name', (one) => registry.check(one));
});
