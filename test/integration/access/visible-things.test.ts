import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../../src/adapters/postgres/orm.ts';
import type { AccessRule } from '../../../src/domain/access/access-policy.ts';
import type { Actor } from '../../../src/domain/access/actor.ts';
import { AccessPolicyReadModel } from '../../../src/services/access/access-policy.read-model.ts';
import { AccessPolicyService } from '../../../src/services/access/access-policy.service.ts';
import { CatalogReaders } from '../../../src/services/access/catalog-readers.ts';
import { PoliciesInForce } from '../../../src/services/access/policies-in-force.ts';
import { asker, isAnswering, readAs, seen } from '../../../src/services/access/reader.ts';
import { VisibleThings } from '../../../src/services/access/visible-things.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

const ann: Actor = { id: 'ann', kind: 'token', roles: ['engineer'], requestId: null };
let database: TestDatabase;
let viewed: Awaited<ReturnType<typeof openDatabase>>;
let policies: PoliciesInForce;
let things: VisibleThings;
let readers: CatalogReaders;
beforeAll(async () => {
  database = await testDatabase();
  viewed = await openDatabase(database.url, { view: seen, isAnswering, asker, answerMs: 10_000 });
  const { em } = viewed;
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
afterAll(async () => {
  await viewed?.close();
  await database?.close();
});

const asAnn = <T>(work: () => Promise<T>): Promise<T> => readAs(readers.of(ann), work);

describe('what the arguments of a change name', () => {
  test.each<[string, unknown]>([
    ['a dataset', { input: { dataset: { namespace: 'shop', name: 'secret_one' } } }],
    ['an entity', { input: [{ deep: { namespace: 'Demo', entity: 'secret' } }] }],
    ['a topic', { input: { sourceTopic: 'secret-topic' } }],
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
      // Documents are read by what knows them, for whom asks.
      { document: '{"sources":[{"topic":"secret.calls"}]}' },
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

describe('a name that something had, or is known by beside its own', () => {
  beforeAll(async () => {
    await database.em.fork().execute(`
      insert into dataset (id, namespace, name, created_at) values
        ('rewritten', 'kafka://k', 'calls.g2', now()), ('moved', 'kafka://k', 'open.g2', now());
      insert into topic_alias (namespace, name, dataset_id, created_at) values
        ('kafka://k', 'secret-calls', 'rewritten', now()), ('kafka://k', 'open', 'moved', now());
      insert into entity (id, namespace, name, catalog_namespace, created_at, updated_at) values ('slip', 'Demo', 'secret_slip', 'c', now(), now());
      insert into entity_alias (alias, entity_id) values ('Demo.open', 'slip')`);
  });
  const names = async () =>
    (await asAnn(() => viewed.em.fork().execute<{ name: string }[]>('select name from dataset order by name'))).map(
      ({ name }) => name,
    );

  test('hides it as its own does: a topic that was rewritten, an entity with an alias', async () => {
    expect(await names()).toEqual(['open.g2']);
    for (const hidden of ['calls.g2', 'secret-calls'])
      expect(await asAnn(() => things.isTopicHidden(hidden))).toBe(true);
    for (const open of ['open', 'open.g2']) expect(await asAnn(() => things.isTopicHidden(open))).toBe(false);
    expect(await asAnn(() => things.isEntityHidden('Demo.open'))).toBe(true);
  });

  test('is no way to a hidden table: neither its directory nor a URL of that', async () => {
    await database.em.fork().execute(`
      insert into dataset (id, namespace, name, created_at) values ('pay', 'file', 'secret pay', now());
      insert into lake_table (id, dataset_id, location, origin, columns, created_at)
        values ('pay', 'pay', 'data/secret pay', 'REGISTERED', '[]', now())`);
    const given = (table: string) => ({ input: [{ table }] });
    for (const table of [
      'data/secret pay',
      'data/secret pay/',
      's3://lake/data/secret pay',
      'file:///x/data/secret%20pay',
    ])
      await expect(
        asAnn(() => things.assertArguments(given(table))),
        table,
      ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const table of ['data/open', 'a\0', 'file:///%', 'pay'])
      await asAnn(() => things.assertArguments(given(table)));
  });

  test('lets nobody send records that a policy denies under another of its names', async () => {
    const rule = (effect: 'ALLOW' | 'DENY', more: Partial<AccessRule>): AccessRule => ({
      ...{ effect, actions: ['PRODUCE'], roles: [], actors: [], namespaces: [], names: [] },
      ...{ classifications: [], accounts: [], purposes: [], validFrom: null, validUntil: null },
      ...more,
    });
    const service = new AccessPolicyService({ em: database.em, policies });
    const make = (name: string, given: AccessRule) => service.createPolicy(tester, { name, reason: 'r', rule: given });
    await make('sends', rule('DENY', { roles: ['engineer'], names: ['secret*'] }));
    await make('guest', rule('ALLOW', { roles: ['viewer'], names: ['open'] }));
    const guest: Actor = { ...ann, id: 'guest', roles: ['viewer'] };
    const sends = (actor: Actor, to: { topic?: string; entity?: string }) =>
      things.assertProducing(actor, { topic: to.topic, entity: to.entity }).then(
        () => true,
        ({ code }) => code,
      );
    for (const topic of ['secret-calls', 'calls.g2', 'secret-unknown'])
      expect(await sends(ann, { topic })).toBe('FORBIDDEN');
    for (const entity of ['Demo.secret_slip', 'Demo.open']) expect(await sends(ann, { entity })).toBe('FORBIDDEN');
    for (const topic of ['open', 'open.g2'])
      expect([await sends(ann, { topic }), await sends(guest, { topic })]).toEqual([true, true]);
    expect(await sends(guest, { entity: 'Demo.open' })).toBe('FORBIDDEN');
  });
});
