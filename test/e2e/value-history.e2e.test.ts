import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { runOf, tableOf, take } from '../testkit/lineage.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

/** Does a mutation, and answers after the millisecond in which it was done: history is told in milliseconds. */
async function said(mutation: string, input: object, answer = ''): Promise<Data> {
  const name = mutation[0]?.toUpperCase() + mutation.slice(1);
  const data = await app.done(
    `mutation ($input: ${name}Input!) { ${mutation}(input: $input) { userErrors { code message } ${answer} } }`,
    { input },
  );
  await sleep(3);
  return data[mutation];
}
const history = 'valueChanges(first: 50) { totalCount nodes { part before after actorId at } }';
const valuesAt = (node: string, asOf: string): string => `${node} { valuesAsOf(asOf: "${asOf}") { part value } }`;
const read = ({ part, before, after }: Data) => [part, JSON.parse(before), JSON.parse(after)];
const asValues = ({ valuesAsOf }: Data) =>
  Object.fromEntries(valuesAsOf.map(({ part, value }: Data) => [part, JSON.parse(value)]));

/** Does `work` while another transaction holds the entity; this one does `change` and commits when `work` waits for it. */
async function behind(name: string, change: string, work: () => Promise<unknown>): Promise<void> {
  let done: Promise<unknown> = Promise.resolve();
  await app.em.fork().transactional(async (tx) => {
    const [held] = await tx.execute<{ id: string }[]>('select id from entity where name = ? for no key update', [name]);
    let isDone = false;
    done = work().finally(() => {
      isDone = true;
    });
    const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    while (!isDone && (await app.em.fork().execute(waiting)).length === 0) await sleep(5);
    await tx.execute(change, [held?.id]);
  });
  await done;
}

describe('the history', () => {
  test('tells changes that waited for each other in the order in which they were made, each upon the one before', async () => {
    const { entity } = await registered(app, documentOf('Queue'));
    const told = `insert into value_change (resource_type, resource_id, part, after, actor_id) values ('Entity', ?, 'documentation', '"null"', 'ann')`;
    await behind('Queue', told, () => said('describeEntity', { entityId: entity.id, documentation: 'Last.' }));
    const alias = `insert into entity_alias (alias, entity_id) values ('Queue.One', ?)`;
    await behind('Queue', alias, () => registered(app, documentOf('Queue'), ['Queue.Two']));
    const { nodes } = (await app.done(`{ entity(namespace: "Demo", name: "Queue") { ${history} } }`)).entity
      .valueChanges;
    expect(read(nodes[0])).toEqual(['aliases', ['Queue.One'], ['Queue.One', 'Queue.Two']]);
    expect(read(nodes[2])).toEqual(['documentation', null, 'null']);
    const [described] = await app.em
      .fork()
      .execute<{ later: boolean }[]>(
        `select max(at) filter (where after = '"Last."') > max(at) filter (where after = '"null"') as later from value_change`,
      );
    expect(described).toEqual({ later: true });
  });

  test('of an entity tells who changed what, and what was in force at any moment', async () => {
    const { entity } = await registered(app, documentOf('Chronicle'), ['Old.Chronicle']);
    const { entity: successor } = await registered(app, documentOf('Successor'));
    const entityId = entity.id;
    await sleep(3);
    await said('describeEntity', { entityId, documentation: 'First.', owners: ['ann'] });
    await said('describeEntity', { entityId, documentation: 'Second.', owners: ['ann'], tags: ['gold'] });
    await said('describeEntity', { entityId, documentation: 'Second.' });
    await said('addEntityAliases', { entityId, aliases: ['New.Chronicle'] });
    await said('removeEntityAlias', { entityId, alias: 'Old.Chronicle' });
    await said('deprecateEntity', { id: entityId, reason: 'merged', replacementId: successor.id });
    await said('reinstateEntity', { id: entityId });
    const node = `entity(namespace: "Demo", name: "Chronicle")`;
    const { valueChanges } = (await app.done(`{ ${node} { ${history} } }`)).entity;
    const deprecation = { reason: 'merged', replacementId: expect.any(String) };
    expect(valueChanges.nodes.map(read).reverse()).toEqual([
      ['aliases', null, ['Old.Chronicle']],
      ['documentation', null, 'First.'],
      ['owners', null, ['ann']],
      ['documentation', 'First.', 'Second.'],
      ['tags', null, ['gold']],
      ['aliases', ['Old.Chronicle'], ['New.Chronicle', 'Old.Chronicle']],
      ['aliases', ['New.Chronicle', 'Old.Chronicle'], ['New.Chronicle']],
      ['deprecation', null, deprecation],
      ['deprecation', deprecation, null],
    ]);
    expect(valueChanges).toMatchObject({ totalCount: 9 });
    expect(new Set(valueChanges.nodes.map(({ actorId }: Data) => actorId))).toEqual(new Set(['local']));
    const at = (index: number): string => valueChanges.nodes.toReversed()[index].at;
    const valuesOf = async (moment: string) => asValues((await app.done(`{ ${valuesAt(node, moment)} }`)).entity);
    const nothing = { documentation: null, owners: null, tags: null, aliases: null, deprecation: null };
    expect(await valuesOf('2020-01-01T00:00:00Z')).toEqual(nothing);
    expect(await valuesOf(at(0))).toEqual({ ...nothing, aliases: ['Old.Chronicle'] });
    const first = { ...nothing, documentation: 'First.', owners: ['ann'], aliases: ['Old.Chronicle'] };
    expect(await valuesOf(at(2))).toEqual(first);
    const second = { ...first, documentation: 'Second.', tags: ['gold'] };
    expect(await valuesOf(at(4))).toEqual(second);
    expect(await valuesOf(at(7))).toEqual({ ...second, aliases: ['New.Chronicle'], deprecation });
    const now = { ...second, aliases: ['New.Chronicle'] };
    expect(await valuesOf(at(8))).toEqual(now);
    expect(await valuesOf('2100-01-01T00:00:00Z')).toEqual(now);
  });

  test('of what was said before histories were kept begins with what is in force', async () => {
    const { entity } = await registered(app, documentOf('Elder'));
    await app.em.fork().execute(`update entity set documentation = 'Of old.', tags = '{old}' where name = 'Elder'`);
    const query = `{ ${valuesAt('entity(namespace: "Demo", name: "Elder")', '2026-01-01T00:00:00Z')} }`;
    expect(asValues((await app.done(query)).entity)).toMatchObject({ documentation: 'Of old.', tags: ['old'] });
    await said('describeEntity', { entityId: entity.id, documentation: null });
    expect(asValues((await app.done(query)).entity)).toMatchObject({ documentation: 'Of old.', tags: ['old'] });
  });

  test('of a version tells its deprecation', async () => {
    const { version } = await registered(app, documentOf('Aged'));
    await said('deprecateEntityVersion', { id: version.id, reason: 'too wide' });
    const { node } = await app.done(`query ($id: ID!) { node(id: $id) { ... on EntityVersion { ${history} } } }`, {
      id: version.id,
    });
    expect(node.valueChanges.nodes.map(read)).toEqual([
      ['deprecation', null, { reason: 'too wide', replacementId: null }],
    ]);
  });

  test('of a field of a dataset tells its labels', async () => {
    await take(app.em, runOf(1, 'load', [], [tableOf({ name: 'guests', fields: ['id', 'email'] })]));
    const named = 'dataset(namespace: "shop", name: "guests")';
    const datasetId = (await app.done(`{ ${named} { id } }`)).dataset.id;
    const label = (input: object) => said('labelDatasetField', { datasetId, field: 'email', ...input });
    await label({ semanticType: 'email' });
    await label({ semanticType: 'email' });
    await label({ semanticType: null, classifications: ['PII', 'SECRET'] });
    await label({ semanticType: null, classifications: [] });
    const fields = (await app.done(`{ ${named} { fields { nodes { path ${history} } } } }`)).dataset.fields.nodes;
    const email = { semanticType: 'email', classifications: ['PII'] };
    const secret = { semanticType: null, classifications: ['PII', 'SECRET'] };
    const changes = fields[0].valueChanges.nodes;
    expect(changes.map(read)).toEqual([
      ['label', secret, null],
      ['label', email, secret],
      ['label', null, email],
    ]);
    expect(fields[1]).toMatchObject({ path: 'id', valueChanges: { totalCount: 0, nodes: [] } });
    const moment = `{ ${named} { fields { nodes { valuesAsOf(asOf: "${changes[1].at}") { part value } } } } }`;
    const then = (await app.done(moment)).dataset.fields.nodes.map(asValues);
    expect(then).toEqual([{ label: secret }, { label: null }]);
  });

  test('of terms and domains tells how they were defined', async () => {
    await said('defineDomain', { name: 'Whole', description: 'All.' });
    await said('defineDomain', { name: 'Part', description: 'Some.', owners: ['ann'] });
    await said('defineDomain', { name: 'Part', description: 'Some.', owners: ['bob'], parent: 'Whole' });
    await said('defineGlossaryTerm', { name: 'Part', description: 'Not a domain.' });
    const { domains, glossaryTerms } = await app.done(
      `{ domains { nodes { name ${history} } } glossaryTerms { nodes { name ${history} } } }`,
    );
    const part = domains.nodes.find(({ name }: Data) => name === 'Part');
    expect(part.valueChanges.nodes.map(read).reverse()).toEqual([
      ['description', null, 'Some.'],
      ['owners', null, ['ann']],
      ['owners', ['ann'], ['bob']],
      ['parent', null, 'Whole'],
    ]);
    expect(glossaryTerms.nodes[0].valueChanges.nodes.map(read)).toEqual([['description', null, 'Not a domain.']]);
    const moment = part.valueChanges.nodes[2].at;
    const then = await app.done(`{ domains { nodes { name valuesAsOf(asOf: "${moment}") { part value } } } }`);
    expect(asValues(then.domains.nodes[0])).toEqual({ description: 'Some.', owners: ['ann'], parent: null });
  });
});
