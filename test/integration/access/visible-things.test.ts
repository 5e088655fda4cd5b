import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccessRule } from '../../../src/domain/access/access-policy.ts';
import type { Actor } from '../../../src/domain/access/actor.ts';
import { AccessPolicyReadModel } from '../../../src/services/access/access-policy.read-model.ts';
import { AccessPolicyService } from '../../../src/services/access/access-policy.service.ts';
import { CatalogReaders } from '../../../src/services/access/catalog-readers.ts';
import { PoliciesInForce } from '../../../src/services/access/policies-in-force.ts';
import { readAs } from '../../../src/services/access/reader.ts';
import { VisibleThings } from '../../../src/services/access/visible-things.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

const ann: Actor = { id: 'ann', kind: 'token', roles: ['engineer'], requestId: null };
let database: TestDatabase;
let policies: PoliciesInForce;
let things: VisibleThings;
let readers: CatalogReaders;
beforeAll(async () => {
  database = await testDatabase();
  const { em } = database;
  policies = new PoliciesInForce({ accessPolicies: new AccessPolicyReadModel({ em }) });
  things = new VisibleThings({ em, policies, kafkaNamespace: 'kafka://k' });
  readers = new CatalogReaders({ policies, carrying: { datasetsCarrying: async () => [] } });
  const rule: AccessRule = {
    ...{ effect: 'DENY', actions: ['DISCOVER'], roles: ['engineer'], actors: [], namespaces: [], names: ['secret*'] },
    ...{ classifications: [], accounts: [], purposes: [], validFrom: null, validUntil: null },
  };
  await new AccessPolicyService({ em, policies: { forget: () => undefined } }).createPolicy(tester, {
    name: 'p',
    reason: 'r',
    rule,
  });
});
afterAll(() => database?.close());

const asAnn = <T>(work: () => Promise<T>): Promise<T> => readAs(readers.of(ann), work);

describe('what the arguments of a change name', () => {
  test.each<[string, unknown]>([
    ['a dataset', { input: { dataset: { namespace: 'shop', name: 'secret_one' } } }],
    ['an entity', { input: [{ deep: { namespace: 'Demo', entity: 'secret' } }] }],
    ['a topic', { input: { sourceTopic: 'secret-topic' } }],
    ['a topic in a document', { input: { document: ' {"sources":[{"topic":"secret.calls"}]}' } }],
    ['an id of nothing', { id: Buffer.from('Dataset:00000000-0000-4000-8000-000000000000').toString('base64url') }],
  ])('is not there, be it %s', async (_what, given) => {
    await expect(asAnn(() => things.assertArguments(given))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    // To who may find everything it is the change that says so.
    await things.assertArguments(given);
    await readAs(readers.of({ ...ann, roles: ['steward'] }), () => things.assertArguments(given));
  });

  test('is there, be it hostile, where nothing of it is hidden', async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(500)}1${'}'.repeat(500)}`);
    for (const given of [
      null,
      { name: 'secret' },
      { text: '{"broken' },
      { text: 'secret' },
      deep,
      { id: 'RGF0YXNldDp4' },
    ])
      await asAnn(() => things.assertArguments(given));
  });

  test('topics are told apart by name, also where the catalog does not know them', async () => {
    expect([...(await asAnn(() => things.topicsAmong(['open', 'secret-topic'])))]).toEqual(['open']);
    expect([...(await things.topicsAmong(['open', 'secret-topic']))]).toEqual(['open', 'secret-topic']);
  });
});
