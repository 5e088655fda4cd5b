import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';

let app: TestApp;

beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

const entity =
  'id documentation owners tags revision aliases updatedAt deprecation { reason by at replacement { id __typename } }';
const mutation = (name: string, input: string, selection = `entity { ${entity} }`): string =>
  `mutation ($input: ${input}!) { ${name}(input: $input) { clientMutationId userErrors { code message field } ${selection} } }`;

const describeEntity = mutation('describeEntity', 'DescribeEntityInput');
const addAliases = mutation('addEntityAliases', 'AddEntityAliasesInput');
const removeAlias = mutation('removeEntityAlias', 'RemoveEntityAliasInput');
const deprecate = mutation('deprecateEntity', 'DeprecateEntityInput');
const reinstate = mutation('reinstateEntity', 'ReinstateEntityInput');
const version = 'entityVersion { id number deprecation { reason replacement { ... on EntityVersion { number } } } }';
const deprecateVersion = mutation('deprecateEntityVersion', 'DeprecateEntityVersionInput', version);
const reinstateVersion = mutation('reinstateEntityVersion', 'ReinstateEntityVersionInput', version);

const made = async (name: string): Promise<Data> => (await registered(app, documentOf(name))).entity;
const described = async (input: object): Promise<Data> =>
  (await app.done(describeEntity, { input })).describeEntity.entity;
const eventsOf = async (resourceId: string): Promise<string[]> =>
  (
    await app.done('query ($id: ID!) { auditEvents(filter: {resourceId: $id}) { nodes { action } } }', {
      id: resourceId,
    })
  ).auditEvents.nodes.map((event: Data) => event.action);

describe('describing an entity', () => {
  test('changes what is given, keeps what is absent, and clears what is null or empty', async () => {
    const { id } = await made('Described');
    const documentation = '# Messages\n\n- one per *text*\t✓';
    const first = await described({
      entityId: id,
      documentation,
      owners: [' team:sms ', 'ann', 'ann'],
      tags: ['tier-1'],
    });
    expect(first).toMatchObject({ documentation, owners: ['team:sms', 'ann'], tags: ['tier-1'], revision: 1 });
    expect(await described({ entityId: id, tags: ['b', 'a'] })).toMatchObject({
      documentation,
      owners: ['team:sms', 'ann'],
      tags: ['b', 'a'],
      revision: 2,
    });
    expect(await described({ entityId: id, documentation: null, owners: [] })).toMatchObject({
      documentation: null,
      owners: [],
      tags: ['b', 'a'],
    });
    const last = await described({ entityId: id, documentation: ' \n', tags: null });
    expect(last).toMatchObject({ documentation: null, tags: [], revision: 4 });
    expect(await eventsOf(id)).toEqual(Array.from({ length: 4 }, () => 'describeEntity'));
    const { entities } = await app.done(`{ entities(filter: {name: {eq: "Described"}}) { nodes { ${entity} } } }`);
    expect(entities.nodes).toEqual([last]);
  });

  test('that changes nothing leaves no trace', async () => {
    const { id } = await made('Same');
    await described({ entityId: id, tags: ['a'] });
    expect(await described({ entityId: id, tags: ['a'] })).toMatchObject({ revision: 1 });
    expect(await described({ entityId: id })).toMatchObject({ revision: 1 });
    expect(await eventsOf(id)).toEqual(['describeEntity']);
  });

  test('upon an older revision is a conflict, also when two come at once', async () => {
    const { id } = await made('Contested');
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        app.graphql(describeEntity, { input: { entityId: id, tags: [`t${index}`], expectedRevision: 0 } }),
      ),
    );
    const codes = answers.map(({ data }) => data.describeEntity.userErrors[0]?.code ?? 'OK').sort();
    expect(codes).toEqual([...Array.from({ length: 7 }, () => 'CONFLICT'), 'OK']);
    const [refused] = await app.refusals(describeEntity, { input: { entityId: id, expectedRevision: 9 } });
    expect(refused).toMatchObject({ code: 'CONFLICT', field: ['expectedRevision'] });
  });

  test('keeps it while versions come', async () => {
    const { id } = await made('Kept');
    const before = await described({ entityId: id, documentation: 'kept', owners: ['o'], tags: ['t'] });
    const { version: next } = await registered(app, documentOf('Kept', undefined, '2.0'));
    const { node } = await app.done(`query ($id: ID!) { node(id: $id) { ... on Entity { ${entity} } } }`, { id });
    expect(next.number).toBe(2);
    expect(node).toMatchObject({ documentation: 'kept', owners: ['o'], tags: ['t'], revision: before.revision });
  });

  test.each<[string, object, string, readonly string[] | null]>([
    [
      'a documentation over 100,000 characters',
      { documentation: 'x'.repeat(100_001) },
      'LIMIT_EXCEEDED',
      ['documentation'],
    ],
    ['a control character in the documentation', { documentation: 'a\u0007' }, 'BAD_INPUT', ['documentation']],
    ['a line break in an owner', { owners: ['a', 'b\nc'] }, 'BAD_INPUT', ['owners', '1']],
    ['a blank owner', { owners: [' '] }, 'BAD_INPUT', ['owners', '0']],
    ['a tag over 200 characters', { tags: ['x'.repeat(201)] }, 'LIMIT_EXCEEDED', ['tags', '0']],
    ['101 tags', { tags: Array.from({ length: 101 }, (_, index) => `t${index}`) }, 'LIMIT_EXCEEDED', ['tags']],
    ['an unknown entity', { entityId: globalId('Entity') }, 'NOT_FOUND', ['entityId']],
    ['the id of something else', { entityId: globalId('Dataset') }, 'NOT_FOUND', ['entityId']],
  ])('refuses %s', async (_name, input, code, field) => {
    const { id } = await made('Strict');
    expect(await app.refusals(describeEntity, { input: { entityId: id, ...input } })).toMatchObject([{ code, field }]);
    expect(await eventsOf(id)).toEqual([]);
  });

  test('refuses half a surrogate pair before it reaches anything', async () => {
    const { id } = await made('Half');
    const { errors } = await app.graphql(describeEntity, { input: { entityId: id, documentation: 'a\ud800' } });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_INPUT', field: ['input', 'documentation'] } }]);
    expect(await eventsOf(id)).toEqual([]);
  });

  test('takes texts that look like something else as they are', async () => {
    const { id } = await made('Odd');
    const odd = ['"},{', "'; drop table entity", '%_\\', '{a,b}', 'NULL', 'ü'];
    expect((await described({ entityId: id, tags: odd, owners: odd, documentation: odd.join('\n') })).tags).toEqual(
      odd,
    );
  });
});

function globalId(type: string): string {
  return Buffer.from(`${type}:00000000-0000-7000-8000-000000000000`).toString('base64url');
}

describe('aliases', () => {
  const at = async (namespace: string, name: string) =>
    (
      await app.done('query ($a: String!, $b: String!) { entity(namespace: $a, name: $b) { id } }', {
        a: namespace,
        b: name,
      })
    ).entity?.id;

  test('come and go, and every lookup by name honours them', async () => {
    const { id } = await made('Aliased');
    const aliases = ['Old.Aliased', 'Older.Aliased'];
    const { addEntityAliases } = await app.done(addAliases, {
      input: { entityId: id, aliases, clientMutationId: 'c' },
    });
    expect(addEntityAliases).toMatchObject({ clientMutationId: 'c', entity: { aliases } });
    expect(await at('Older', 'Aliased')).toBe(id);
    await app.done(addAliases, { input: { entityId: id, aliases } });
    const { removeEntityAlias } = await app.done(removeAlias, { input: { entityId: id, alias: 'Old.Aliased' } });
    expect(removeEntityAlias.entity.aliases).toEqual(['Older.Aliased']);
    expect(await at('Old', 'Aliased')).toBeUndefined();
    expect(await eventsOf(id)).toEqual(['removeEntityAlias', 'addEntityAliases']);
  });

  test('are refused when they are taken, malformed, too many or not there', async () => {
    const { id } = await made('Greedy');
    const other = await made('First');
    await app.done(addAliases, { input: { entityId: other.id, aliases: ['Only.One'] } });
    const refusedFor = (aliases: readonly string[]) => app.refusals(addAliases, { input: { entityId: id, aliases } });
    expect(await refusedFor(['Mine.One', 'Only.One'])).toMatchObject([
      { code: 'ALREADY_EXISTS', field: ['aliases', '1'] },
    ]);
    expect(await at('Mine', 'One')).toBeUndefined();
    expect(await refusedFor(['fine', 'not fine'])).toMatchObject([{ code: 'BAD_INPUT', field: ['aliases', '1'] }]);
    const many = Array.from({ length: 101 }, (_, index) => `Many.A${index}`);
    expect(await refusedFor(many)).toMatchObject([{ code: 'LIMIT_EXCEEDED', field: ['aliases'] }]);
    const remove = (alias: string) => app.refusals(removeAlias, { input: { entityId: id, alias } });
    expect(await remove('Only.One')).toMatchObject([{ code: 'NOT_FOUND', field: ['alias'] }]);
  });

  test('that many want at once go to one of them', async () => {
    const claimants = await Promise.all(Array.from({ length: 8 }, (_, index) => made(`Claimant${index}`)));
    const answers = await Promise.all(
      claimants.map(({ id }, index) => {
        const aliases = ['Claim.A', 'Claim.B'];
        return app.graphql(addAliases, {
          input: { entityId: id, aliases: index % 2 === 0 ? aliases : aliases.reverse() },
        });
      }),
    );
    const codes = answers.map(({ data }) => data.addEntityAliases.userErrors[0]?.code ?? 'OK').sort();
    expect(codes).toEqual([...Array.from({ length: 7 }, () => 'ALREADY_EXISTS'), 'OK']);
  });
});

describe('deprecation', () => {
  test('of an entity says why and what instead, and can be taken back', async () => {
    const [old, next] = [await made('Old'), await made('Next')];
    const input = { id: old.id, reason: 'Use Next.', replacementId: next.id };
    const { deprecateEntity } = await app.done(deprecate, { input });
    expect(deprecateEntity.entity).toMatchObject({
      revision: 1,
      deprecation: { reason: 'Use Next.', by: 'local', replacement: { id: next.id, __typename: 'Entity' } },
    });
    const ofState = async (deprecated: boolean) =>
      (
        await app.done(
          'query ($d: Boolean) { entities(filter: {deprecated: $d, name: {in: ["Old", "Next"]}}) { nodes { id } } }',
          {
            d: deprecated,
          },
        )
      ).entities.nodes;
    expect([await ofState(true), await ofState(false)]).toEqual([[{ id: old.id }], [{ id: next.id }]]);
    const again = await app.done(deprecate, { input: { id: old.id, reason: 'Gone.' } });
    expect(again.deprecateEntity.entity.deprecation).toMatchObject({ reason: 'Gone.', replacement: null });
    const back = await app.done(reinstate, { input: { id: old.id } });
    expect(back.reinstateEntity.entity).toMatchObject({ deprecation: null, revision: 3 });
    expect(await eventsOf(old.id)).toEqual(['reinstateEntity', 'deprecateEntity', 'deprecateEntity']);
    expect(await app.refusals(reinstate, { input: { id: old.id } })).toMatchObject([
      { code: 'CONFLICT', field: ['id'] },
    ]);
  });

  test('of a version leaves the entity alone', async () => {
    const first = await registered(app, documentOf('Versioned'));
    const second = await registered(app, documentOf('Versioned', undefined, '2.0'));
    const input = { id: first.version.id, reason: 'No consent.', replacementId: second.version.id };
    const { deprecateEntityVersion } = await app.done(deprecateVersion, { input });
    expect(deprecateEntityVersion.entityVersion).toMatchObject({
      number: 1,
      deprecation: { reason: 'No consent.', replacement: { number: 2 } },
    });
    const { node } = await app.done(
      'query ($id: ID!) { node(id: $id) { ... on Entity { deprecation { at } latestVersion { deprecation { at } } } } }',
      { id: first.entity.id },
    );
    expect(node).toEqual({ deprecation: null, latestVersion: { deprecation: null } });
    const { reinstateEntityVersion } = await app.done(reinstateVersion, { input: { id: first.version.id } });
    expect(reinstateEntityVersion.entityVersion.deprecation).toBeNull();
    expect(await eventsOf(first.version.id)).toContain('reinstateEntityVersion');
  });

  test('never leads in a ring, and says why', async () => {
    const [one, two] = [await made('RingOne'), await made('RingTwo')];
    const refused = (input: object) => app.refusals(deprecate, { input: { id: two.id, reason: 'r', ...input } });
    await app.done(deprecate, { input: { id: one.id, reason: 'r', replacementId: two.id } });
    const replacement = { code: 'BAD_INPUT', field: ['replacementId'] };
    expect(await refused({ replacementId: one.id })).toMatchObject([replacement]);
    expect(await refused({ replacementId: two.id })).toMatchObject([replacement]);
    expect(await refused({ replacementId: globalId('Entity') })).toMatchObject([
      { code: 'NOT_FOUND', field: ['replacementId'] },
    ]);
    expect(await refused({ reason: ' ' })).toMatchObject([{ code: 'BAD_INPUT', field: ['reason'] }]);
    expect(await refused({ reason: 'x'.repeat(2_001) })).toMatchObject([{ code: 'LIMIT_EXCEEDED', field: ['reason'] }]);
    expect(await refused({ id: globalId('Entity') })).toMatchObject([{ code: 'NOT_FOUND', field: ['id'] }]);
  });
});
