import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/domain/id.ts';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';

let app: TestApp;
const nodeTypes = [
  'AccessPolicy',
  'AccountKey',
  'ApiToken',
  'AuditEvent',
  'Certificate',
  'Dataset',
  'Domain',
  'Entity',
  'EntityField',
  'EntityVersion',
  'GlossaryTerm',
  'LakeRegistration',
  'LegalHold',
  'LineageEdge',
  'Mapping',
  'Operation',
  'OperationTarget',
  'ProtectionPolicy',
  'Stream',
  'Topic',
  'TopicRetention',
  'TransformRun',
  'Transformer',
  'TransformerVersion',
  'Webhook',
];
const total = 25;
const expected = Array.from({ length: total }, (_, index) => `Entity${String(index).padStart(2, '0')}`);

const entities = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: EntityFilter) {
  entities(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    totalCount edges { cursor node { name } } nodes { name }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;

const page = async (variables: Record<string, unknown>): Promise<Data> =>
  (await app.done(entities, variables)).entities;
const namesOf = (found: Data): string[] => found.nodes.map((node: Data) => node.name);
const filtered = async (filter: unknown): Promise<string[]> => namesOf(await page({ filter, first: 100 }));
const globalIdOf = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64url');

beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  for (const [index, name] of expected.entries()) {
    const document = { ...documentOf(name), namespace: index % 2 === 0 ? 'Even' : 'Odd' };
    await app.done(register, { input: { document } });
  }
});
afterAll(() => app?.stop());

describe('pages', () => {
  test('forward meet every item once, in order, whatever their size', async () => {
    for (const first of [1, 4, 25, 100]) {
      const read: string[] = [];
      let after: string | null = null;
      for (let more = true; more; ) {
        const found: Data = await page({ first, after });
        expect(found.pageInfo.hasPreviousPage).toBe(after !== null);
        expect(found.totalCount).toBe(total);
        expect(found.pageInfo.startCursor).toBe(found.edges[0].cursor);
        read.push(...namesOf(found));
        ({ hasNextPage: more, endCursor: after } = found.pageInfo);
      }
      expect(read).toEqual(expected);
    }
  });

  test('backward meet every item once, in order', async () => {
    const read: string[] = [];
    let before: string | null = null;
    for (let more = true; more; ) {
      const found: Data = await page({ last: 7, before });
      expect(found.pageInfo.hasNextPage).toBe(before !== null);
      read.unshift(...namesOf(found));
      ({ hasPreviousPage: more, startCursor: before } = found.pageInfo);
    }
    expect(read).toEqual(expected);
  });

  test('start after and end before any cursor', async () => {
    const { edges } = await page({ first: 100 });
    for (const [index, { cursor }] of edges.entries()) {
      expect(namesOf(await page({ first: 3, after: cursor }))).toEqual(expected.slice(index + 1, index + 4));
      expect(namesOf(await page({ last: 3, before: cursor }))).toEqual(expected.slice(Math.max(0, index - 3), index));
    }
    const between = await page({ after: edges[4].cursor, before: edges[8].cursor });
    expect(namesOf(between)).toEqual(expected.slice(5, 8));
  });

  test('have 50 items unless told, and may be empty', async () => {
    expect(namesOf(await page({}))).toEqual(expected);
    expect(await page({ first: 0 })).toMatchObject({ nodes: [], edges: [], pageInfo: { endCursor: null } });
  });

  test.each([
    ['a size over 100', { first: 101 }, 'BAD_INPUT', 'first'],
    ['a negative size', { last: -1 }, 'BAD_INPUT', 'last'],
    ['first and last together', { first: 1, last: 1 }, 'BAD_INPUT', 'last'],
    ['a cursor that is none', { after: 'nonsense' }, 'BAD_CURSOR', 'after'],
    ['an empty cursor', { before: '' }, 'BAD_CURSOR', 'before'],
  ])('refuse %s', async (_name, variables, code, field) => {
    const { data, errors } = await app.graphql(entities, variables);
    expect(data).toBeNull();
    expect(errors).toMatchObject([{ extensions: { code, field: [field], retryable: false } }]);
  });

  test('refuse a cursor of another filter, of another list, and one with made-up keys', async () => {
    const { pageInfo } = await page({ first: 1 });
    const codeOf = async (query: string, variables: Record<string, unknown>) =>
      (await app.graphql(query, variables)).errors[0]?.extensions.code;
    const filter = { name: { startsWith: 'E' } };
    expect(await codeOf(entities, { first: 1, filter, after: pageInfo.endCursor })).toBe('BAD_CURSOR');
    const datasets = 'query ($after: String) { datasets(after: $after) { nodes { id } } }';
    expect(await codeOf(datasets, { after: pageInfo.endCursor })).toBe('BAD_CURSOR');
    const [scope] = JSON.parse(Buffer.from(pageInfo.endCursor, 'base64url').toString());
    for (const keys of [[], ['a'], ['a', 'b', 'c', 'd'], ['a', 'b\0', 'c']]) {
      const after = Buffer.from(JSON.stringify([scope, ...keys])).toString('base64url');
      expect(await codeOf(entities, { after })).toBe('BAD_CURSOR');
    }
  });
});

describe('filters', () => {
  test('compare texts', async () => {
    expect(await filtered({ name: { eq: 'Entity07' } })).toEqual(['Entity07']);
    expect(await filtered({ name: { in: ['Entity03', 'Entity01', 'None'] } })).toEqual(['Entity01', 'Entity03']);
    expect(await filtered({ name: { startsWith: 'Entity2' } })).toHaveLength(5);
    expect(await filtered({ name: { startsWith: 'entity2' } })).toEqual([]);
    expect(await filtered({ name: { contains: 'TITY1' } })).toHaveLength(10);
    expect(await filtered({ name: { contains: '%' } })).toEqual([]);
    expect(await filtered({ name: { startsWith: 'Entity_' } })).toEqual([]);
    expect(await filtered({ name: { in: [] } })).toEqual([]);
  });

  test('combine by and, or and not', async () => {
    const odd = { catalogNamespace: { eq: 'Odd' } };
    const low = { name: { startsWith: 'Entity0' } };
    expect(await filtered({ and: [odd, low] })).toEqual(['Entity01', 'Entity03', 'Entity05', 'Entity07', 'Entity09']);
    expect(await filtered({ ...odd, ...low })).toEqual(await filtered({ and: [odd, low] }));
    expect(await filtered({ or: [{ name: { eq: 'Entity24' } }, { and: [odd, low] }] })).toHaveLength(6);
    expect(await filtered({ not: { or: [odd, low] } })).toEqual(
      expected.filter((name, index) => index % 2 === 0 && !name.startsWith('Entity0')),
    );
    expect(await filtered({ or: [] })).toEqual([]);
    expect(await filtered({ and: [] })).toEqual(expected);
  });

  test('take null for absent', async () => {
    expect(await filtered(null)).toEqual(expected);
    expect(await filtered({ name: null, and: null, or: null, not: null })).toEqual(expected);
    expect(await filtered({ name: { eq: 'Entity07', in: null } })).toEqual(['Entity07']);
    const holds = await app.done('{ legalHolds(filter: { active: null, accountId: null }) { totalCount } }');
    expect(holds.legalHolds.totalCount).toBe(0);
  });

  test('count what they let through', async () => {
    expect((await page({ first: 1, filter: { catalogNamespace: { eq: 'Odd' } } })).totalCount).toBe(12);
  });

  test('have limits', async () => {
    let deep: unknown = { name: { eq: 'x' } };
    for (let level = 0; level < 6; level += 1) deep = { not: deep };
    for (const filter of [deep, { name: { in: Array(101).fill('x') } }]) {
      const { errors } = await app.graphql(entities, { filter });
      expect(errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED', field: ['filter'] } }]);
    }
  });

  test('refuse a text that the database cannot keep', async () => {
    const { errors } = await app.graphql(entities, { filter: { name: { eq: 'a\0' } } });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_INPUT', field: ['filter', 'name', 'eq'] } }]);
  });
});

describe('nodes', () => {
  const node = 'query ($id: ID!) { node(id: $id) { __typename id } }';
  const nodes = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';
  let ids: Record<string, string>;

  beforeAll(async () => {
    const input = { matterId: 'M', reason: 'r', scope: { accountId: 'AC1' } };
    const { placeLegalHold } = await app.done(
      'mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } legalHold { id } } }',
      { input },
    );
    const { setProtectionPolicy } = await app.done(
      'mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code } protectionPolicy { id } } }',
      { input: { scope: 'GLOBAL', semanticType: 'email', action: 'REMOVE' } },
    );
    const { registerEntityVersion } = await app.done(register, {
      input: {
        document: documentOf('Nodes', [
          { name: 'account', type: 'string' },
          { name: 'day', type: 'string' },
        ]),
      },
    });
    const { entity, version } = registerEntityVersion;
    const { createLakeLanding } = await app.done(
      `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
         stream { id target { id mappings { nodes { id } } } } } }`,
      { input: { entityId: entity.id, area: 'demo', dateField: 'day', accountField: 'account' } },
    );
    const { stream } = createLakeLanding;
    const { lineage } = await app.done('query ($start: ID!) { lineage(start: $start) { edges { id } } }', {
      start: stream.target.id,
    });
    const { requestErasure } = await app.done(
      'mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code } operation { id } } }',
      { input: { subjects: [{ accountId: 'AC1', subject: null }], reason: null, entityId: null } },
    );
    const operation = requestErasure.operation.id;
    const operationId = Buffer.from(operation, 'base64url').toString().split(':')[1];
    const datasetId = Buffer.from(stream.target.id, 'base64url').toString().split(':')[1];
    const [targetId, certificateId, registrationId] = [newId(), newId(), newId()];
    const entityId = Buffer.from(entity.id, 'base64url').toString().split(':')[1];
    await app.em.fork().execute(
      `insert into lake_registration (id, entity_id, location, account_field, subject_fields, dry_run, accept_unreadable,
         status, requested_by, created_at, updated_at)
       values (?, ?, 'a/table', 'account', '{}', true, false, 'PROFILED', 'tester', now(), now())`,
      [registrationId, entityId],
    );
    await app.em.fork().execute(
      `insert into operation_target (id, operation_id, dataset_id, role, round, sequence, account_field, subject_fields,
         status, estimate, updated_at)
       values (?, ?, ?, 'LAKE_TABLE', 1, 1, 'account', '{}', 'PENDING',
         '{"action":"REWRITE","files":0,"bytes":0,"records":0,"seconds":0}', now())`,
      [targetId, operationId, datasetId],
    );
    await app.em.fork().execute(
      `insert into certificate (id, operation_id, round, body, signature, public_key, issued_at)
       values (?, ?, 1, '{}', 's', 'k', now())`,
      [certificateId, operationId],
    );
    const [topicId, retentionId] = [newId(), newId()];
    await app.em.fork().execute(
      `insert into topic (id, namespace, name, dataset_id, topic_kind, partition_count, replica_count, discovered_at, seen_at)
       values (?, 'kafka://seeded', 'seeded', ?, 'DATA', 1, 1, now(), now())`,
      [topicId, datasetId],
    );
    await app.em.fork().execute(
      `insert into topic_retention (id, dataset_id, policy_version, policy, created_at, updated_at)
       values (?, ?, 1, '{"retention.ms": "1"}', now(), now())`,
      [retentionId, datasetId],
    );
    const [transformerId, transformerVersionId, runId] = [newId(), newId(), newId()];
    await app.em
      .fork()
      .execute(`insert into transformer (id, name, created_by, created_at) values (?, 't', 'seed', now())`, [
        transformerId,
      ]);
    await app.em.fork().execute(
      `insert into transformer_version (id, transformer_id, number, document, orders, table_id, dataset_id, created_by, created_at)
       select ?, ?, 1, '{}', '{}', t.id, t.dataset_id, 'seed', now() from lake_table t limit 1`,
      [transformerVersionId, transformerId],
    );
    await app.em.fork().execute(
      `insert into transform_run (id, transformer_id, version_id, dataset_id, number, mode, status, requested_by, reads_as, created_at, updated_at, finished_at)
       values (?, ?, ?, ?, 1, 'BATCH', 'COMPLETED', 'seed', '{"id": "seed", "kind": "local", "roles": []}', now(), now(), now())`,
      [runId, transformerId, transformerVersionId, datasetId],
    );
    const { rotateAccountKey } = await app.done(
      'mutation { rotateAccountKey(input: { accountId: "AC1" }) { userErrors { code } accountKey { id } } }',
    );
    const words = await app.done(
      `mutation { defineDomain(input: { name: "a", description: "" }) { userErrors { code } domain { id } }
         defineGlossaryTerm(input: { name: "a", description: "" }) { userErrors { code } glossaryTerm { id } } }`,
    );
    const { createApiToken } = await app.done(
      'mutation { createApiToken(input: { name: "a", roles: [viewer] }) { userErrors { code } apiToken { id } } }',
    );
    const { createAccessPolicy } = await app.done(
      `mutation { createAccessPolicy(input: { name: "a", reason: "b", rule: { effect: DENY, actions: [HOLD] } }) {
        userErrors { code } accessPolicy { id } } }`,
    );
    const { createWebhook } = await app.done(
      'mutation { createWebhook(input: { name: "w", url: "https://example.com" }) { userErrors { code } webhook { id } } }',
    );
    const { auditEvents } = await app.done('{ auditEvents(first: 1) { nodes { id } } }');
    ids = {
      Topic: globalIdOf('Topic', topicId),
      TopicRetention: globalIdOf('TopicRetention', retentionId),
      Transformer: globalIdOf('Transformer', transformerId),
      TransformerVersion: globalIdOf('TransformerVersion', transformerVersionId),
      TransformRun: globalIdOf('TransformRun', runId),
      AccountKey: rotateAccountKey.accountKey.id,
      Entity: entity.id,
      EntityVersion: version.id,
      EntityField: version.fields.nodes[0].id,
      Dataset: stream.target.id,
      Mapping: stream.target.mappings.nodes[0].id,
      LakeRegistration: globalIdOf('LakeRegistration', registrationId),
      Stream: stream.id,
      ProtectionPolicy: setProtectionPolicy.protectionPolicy.id,
      LineageEdge: lineage.edges[0].id,
      Operation: operation,
      OperationTarget: globalIdOf('OperationTarget', targetId),
      Certificate: globalIdOf('Certificate', certificateId),
      LegalHold: placeLegalHold.legalHold.id,
      ApiToken: createApiToken.apiToken.id,
      AccessPolicy: createAccessPolicy.accessPolicy.id,
      Domain: words.defineDomain.domain.id,
      GlossaryTerm: words.defineGlossaryTerm.glossaryTerm.id,
      Webhook: createWebhook.webhook.id,
      AuditEvent: auditEvents.nodes[0].id,
    };
  });

  test.each(nodeTypes)('answers a %s by its id, and null for an unknown one', async (type) => {
    expect((await app.done(node, { id: ids[type] })).node).toEqual({ __typename: type, id: ids[type] });
    expect((await app.done(node, { id: globalIdOf(type, newId()) })).node).toBeNull();
  });

  test('are of these types and no others', async () => {
    const { __type } = await app.done('{ __type(name: "Node") { possibleTypes { name } } }');
    expect(__type.possibleTypes.map((type: Data) => type.name).sort()).toEqual(nodeTypes);
  });

  test('answers many in their order, repeated ones too', async () => {
    const wanted = [...Object.values(ids).reverse(), ids.Entity, globalIdOf('Entity', newId())];
    const found = (await app.done(nodes, { ids: wanted })).nodes;
    expect(found.map((item: Data) => item?.id ?? null)).toEqual([...wanted.slice(0, -1), null]);
  });

  test.each([
    '',
    'x',
    globalIdOf('Entity', 'no-uuid'),
    globalIdOf('Nothing', newId()),
    globalIdOf('constructor', newId()),
  ])('refuses %j, which is no id of ours', async (id) => {
    const { data, errors } = await app.graphql(node, { id });
    expect(data).toEqual({ node: null });
    expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND', field: ['id'] } }]);
  });

  test('of another type are refused where a certain one is meant', async () => {
    const { errors } = await app.graphql('query ($start: ID!) { lineage(start: $start) { complete } }', {
      start: ids.Entity,
    });
    expect(errors).toMatchObject([
      { message: expect.stringContaining('id of Entity'), extensions: { code: 'NOT_FOUND' } },
    ]);
  });

  test('are at most 100 at once', async () => {
    const { errors } = await app.graphql(nodes, { ids: Array(101).fill(ids.Entity) });
    expect(errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED' } }]);
  });
});
