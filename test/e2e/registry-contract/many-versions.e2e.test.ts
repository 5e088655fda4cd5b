import { Client } from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Data } from '../../testkit/app.ts';
import { type Registry, startRegistry, unique } from './contract.ts';

let registry: Registry;
const many = unique();
const large = unique();
const count = 205;
const record = (fields: readonly object[], doc = '') => JSON.stringify({ type: 'record', name: many, fields, doc });
const field = (name: string, more: object = {}) => ({ name, type: 'string', default: '', ...more });
const register = async (subject: string, schema: string): Promise<void> => {
  const { status, text } = await registry.ask('POST', `/subjects/${subject}/versions`, { body: { schema } });
  expect(status, text).toBe(200);
};

beforeAll(async () => {
  registry = await startRegistry();
  for (const subject of [many, large])
    await registry.ask('PUT', `/config/${subject}`, { body: { compatibility: 'NONE' } });
  await register(many, record([field('a', { type: 'int', default: 0 })]));
  for (let index = 2; index <= count; index += 1) await register(many, record([field('a')], String(index)));
  for (const letter of 'abc') await register(large, record([field('a')], letter.repeat(3_000_000)));
});
afterAll(() => registry?.stop());

test('GET /schemas answers every version in order, and reads them a part at a time', async () => {
  const { body } = await registry.ask('GET', `/schemas?subjectPrefix=${many}`);
  expect(body.map(({ version }: Data) => version)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  const spy = vi.spyOn(Client.prototype, 'query');
  const { body: texts, headers } = await registry.ask('GET', `/schemas?subjectPrefix=${large}`);
  const statements = spy.mock.calls.length;
  spy.mockRestore();
  expect(headers.get('content-type')).toBe('application/vnd.schemaregistry.v1+json');
  expect(texts.map(({ schema }: Data) => JSON.parse(schema).doc.length)).toEqual([3_000_000, 3_000_000, 3_000_000]);
  // The list of places, and a statement for each of the three.
  expect(statements).toBe(4);
  expect((await registry.ask('GET', `/schemas?subjectPrefix=${large}&latestOnly=true`)).body).toHaveLength(1);
  expect((await registry.ask('GET', '/schemas?subjectPrefix=nobody')).body).toEqual([]);
});

test('a transitive check reaches the oldest version, which another batch holds', async () => {
  await registry.ask('PUT', `/config/${many}`, { body: { compatibility: 'BACKWARD_TRANSITIVE' } });
  const body = { schema: record([field('a'), field('b')]) };
  const path = `/compatibility/subjects/${many}/versions?verbose=true`;
  const { body: answer } = await registry.ask('POST', path, { body });
  expect(answer.is_compatible).toBe(false);
  expect(answer.messages).toContainEqual('{oldSchemaVersion: 1}');
  expect((await registry.ask('POST', `/subjects/${many}/versions`, { body })).status).toBe(409);
  const { checkCompatibility: report } = await registry.app.done(
    `query ($input: CheckCompatibilityInput!) { checkCompatibility(input: $input) { compatible comparedWith } }`,
    { input: { subject: many, schema: { format: 'AVRO', text: body.schema } } },
  );
  expect(report.comparedWith).toHaveLength(count);
  expect(report.compatible).toBe(false);
});
