import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/domain/id.ts';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';

let app: TestApp;
let entityId: string;
const unknown = (type: string) => Buffer.from(`${type}:${newId()}`).toString('base64url');

beforeAll(async () => {
  app = await testApp();
  const { registerEntityVersion } = await app.done(register, { input: { document: sparkSummitDocument } });
  entityId = registerEntityVersion.entity.id;
});
afterAll(() => app?.stop());

const mapEntity = `mutation ($input: MapEntityInput!) { mapEntity(input: $input) { clientMutationId
  userErrors { code field message } mapping { id role accountField subjectFields dataset { id name } entity { id } } } }`;
const mapping = (over: Record<string, unknown> = {}) => ({
  entityId,
  dataset: { namespace: 'kafka://here', name: 'messages' },
  role: 'TOPIC',
  accountField: 'account_sid',
  ...over,
});

describe('mapEntity', () => {
  test('maps, and maps again by changing the mapping', async () => {
    const first = (await app.done(mapEntity, { input: mapping({ clientMutationId: 'mine' }) })).mapEntity;
    expect(first).toMatchObject({
      clientMutationId: 'mine',
      mapping: { role: 'TOPIC', subjectFields: [], dataset: { name: 'messages' }, entity: { id: entityId } },
    });
    const second = (await app.done(mapEntity, { input: mapping({ subjectFields: ['to'] }) })).mapEntity;
    expect(second.mapping).toMatchObject({ id: first.mapping.id, subjectFields: ['to'] });
  });

  test('at the same moment by many makes one dataset and one mapping', async () => {
    const input = mapping({ dataset: { namespace: 'kafka://here', name: 'crowded' } });
    const answers = await Promise.all(Array.from({ length: 16 }, () => app.done(mapEntity, { input })));
    expect(new Set(answers.map((answer) => answer.mapEntity.mapping.id)).size).toBe(1);
  });

  test.each([
    ['an unknown entity', { entityId: unknown('Entity') }, 'NOT_FOUND', ['entityId']],
    ['an id of another type', { entityId: unknown('Dataset') }, 'NOT_FOUND', ['entityId']],
    ['an unknown account field', { accountField: 'nobody' }, 'MAPPING_INVALID', ['accountField']],
    ['an unknown subject field', { subjectFields: ['to', 'nobody'] }, 'MAPPING_INVALID', ['subjectFields', '1']],
    ['a dataset without name', { dataset: { namespace: 'n', name: ' ' } }, 'BAD_INPUT', ['dataset', 'name']],
  ])('refuses %s', async (_name, over, code, field) => {
    expect(await app.refusals(mapEntity, { input: mapping(over) })).toMatchObject([{ code, field }]);
  });
});

const unmapEntity = `mutation ($input: UnmapEntityInput!) { unmapEntity(input: $input) { clientMutationId
  userErrors { code field message } entity { id mappings(first: 9) { nodes { id } } } dataset { name } } }`;

describe('unmapEntity', () => {
  test('removes the mapping, and answers what it had joined', async () => {
    const input = mapping({ dataset: { namespace: 'kafka://here', name: 'left' } });
    const { id } = (await app.done(mapEntity, { input })).mapEntity.mapping;
    const { unmapEntity: done } = await app.done(unmapEntity, { input: { id, clientMutationId: 'mine' } });
    expect(done).toMatchObject({ clientMutationId: 'mine', entity: { id: entityId }, dataset: { name: 'left' } });
    expect(done.entity.mappings.nodes.map((one: Data) => one.id)).not.toContain(id);
    expect(await app.refusals(unmapEntity, { input: { id } })).toMatchObject([{ code: 'NOT_FOUND', field: ['id'] }]);
    expect(await app.refusals(unmapEntity, { input: { id: entityId } })).toMatchObject([{ code: 'NOT_FOUND' }]);
  });

  test('is refused while a stream lands in the dataset', async () => {
    const landed = await app.done(
      `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
         stream { id target { mappings(first: 1) { nodes { id } } } } } }`,
      { input: { entityId, area: 'unmap', dateField: 'date_created', accountField: 'account_sid' } },
    );
    const { id } = landed.createLakeLanding.stream.target.mappings.nodes[0];
    expect(await app.refusals(unmapEntity, { input: { id } })).toMatchObject([
      { code: 'MAPPING_IN_USE', field: ['id'], message: expect.stringContaining('LANDING') },
    ]);
  });
});

const setPolicy = `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) {
  userErrors { code field message } protectionPolicy { id action semanticType } } }`;
const preview = `query ($id: ID!, $field: String!, $sample: JSON!) {
  previewProtection(entityId: $id, accountField: $field, sample: $sample) { protected } }`;
const sample = {
  sid: 'SM1',
  account_sid: 'AC1',
  date_created: '2018-06-05T10:00:00Z',
  to: '+11234567890',
  from: '+351234567890',
  message_body: 'Hello Spark Summit!',
};
const protectedNow = async (): Promise<Data> =>
  (await app.done(preview, { id: entityId, field: 'account_sid', sample })).previewProtection.protected;

describe('protection', () => {
  test('leaves of the sample what the documents say', async () => {
    expect(await protectedNow()).toEqual({ ...sample, to: '+1123456XXXX', from: '+35123456XXXX', message_body: '' });
  });

  test('encrypts customer text into the envelope when a policy says so, and goes back', async () => {
    const policy = { scope: 'ENTITY', scopeName: 'Demo.SparkSummit', semanticType: 'customer_text' };
    const made = await app.done(setPolicy, { input: { ...policy, action: 'ENCRYPT' } });
    expect(made.setProtectionPolicy.protectionPolicy.semanticType).toBe('customertext');
    const sealed = (await protectedNow()).message_body;
    expect(sealed).toMatch(/^eyJjcnlwdG9faWQiOjEsInNpZCI6/);
    expect(JSON.parse(Buffer.from(sealed, 'base64').toString())).toMatchObject({ crypto_id: 1, sid: 'AC1' });
    const changed = await app.done(setPolicy, { input: { ...policy, action: 'REMOVE' } });
    expect(changed.setProtectionPolicy.protectionPolicy).toMatchObject({
      id: made.setProtectionPolicy.protectionPolicy.id,
      action: 'REMOVE',
    });
    expect((await protectedNow()).message_body).toBe('');
  });

  test.each([
    [
      'an unknown type',
      { scope: 'GLOBAL', semanticType: 'shoe-size', action: 'REDACT' },
      'SEMANTIC_TYPE_UNKNOWN',
      ['semanticType'],
    ],
    [
      'a global policy with a name',
      { scope: 'GLOBAL', scopeName: 'x', semanticType: 'email', action: 'REDACT' },
      'BAD_INPUT',
      ['scopeName'],
    ],
    [
      'an entity policy without a name',
      { scope: 'ENTITY', semanticType: 'email', action: 'REDACT' },
      'BAD_INPUT',
      ['scopeName'],
    ],
    [
      'a field policy without a field',
      { scope: 'FIELD', scopeName: 'Demo.X', semanticType: 'email', action: 'REDACT' },
      'BAD_INPUT',
      ['scopeName'],
    ],
  ])('refuses %s', async (_name, input, code, field) => {
    expect(await app.refusals(setPolicy, { input })).toMatchObject([{ code, field }]);
  });

  test('of an unknown entity is an error', async () => {
    const { errors } = await app.graphql(preview, { id: unknown('Entity'), field: 'a', sample: {} });
    expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  });
});

describe('what cannot be done', () => {
  test('streams without Kafka are refused, and say what to set', async () => {
    const mutation = `mutation ($input: CreateStreamProtectionInput!) { createStreamProtection(input: $input) {
      userErrors { code message field } stream { id } } }`;
    const input = { entityId, sourceTopic: 'a', targetTopic: 'b', accountField: 'account_sid' };
    expect(await app.refusals(mutation, { input })).toEqual([
      { code: 'KAFKA_NOT_CONFIGURED', message: expect.stringContaining('KAFKA_BROKERS'), field: null },
    ]);
    expect(await app.produce('a', { records: [{ value: 1 }] })).toMatchObject({
      status: 503,
      body: { error_code: 50_302 },
    });
  });

  test('lineage of an unknown dataset is an error, never an empty graph', async () => {
    const query = 'query ($start: ID!) { lineage(start: $start) { complete } }';
    const { data, errors, requestId } = await app.graphql(query, { start: unknown('Dataset') });
    expect(data).toBeNull();
    expect(errors).toEqual([
      {
        message: expect.stringContaining('no such dataset'),
        locations: expect.any(Array),
        path: ['lineage'],
        extensions: { code: 'NOT_FOUND', retryable: false, requestId, field: ['start'] },
      },
    ]);
  });

  test('requests that are no GraphQL of ours are BAD_INPUT', async () => {
    for (const query of ['{', '{ nothing }', 'query ($x: Int!) { entities(first: $x) { totalCount } }']) {
      const { errors, requestId } = await app.graphql(query);
      expect(errors[0]?.extensions).toEqual({ code: 'BAD_INPUT', retryable: false, requestId });
    }
    const empty = await app.post('/graphql', {});
    expect([empty.status, empty.body.errors[0].extensions]).toEqual([400, { code: 'BAD_INPUT', retryable: false }]);
    const missing = await app.post('/nowhere', {});
    expect([missing.status, missing.body.code]).toEqual([404, 'NOT_FOUND']);
  });

  test('a mutation by GET or by a simple cross-site form is refused', async () => {
    const get = await fetch(
      `${app.urls.main}/graphql?query=${encodeURIComponent('mutation { cancelOperation(input: {id: "x"}) { userErrors { code } } }')}`,
      {
        headers: { 'content-type': 'application/json' },
      },
    );
    expect(get.status).toBe(405);
    const form = await fetch(`${app.urls.main}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: '{"query":"{ entities { totalCount } }"}',
    });
    expect(form.status).toBeGreaterThanOrEqual(400);
  });

  test('our own faults are masked, and the request id stays', async () => {
    await app.em.fork().execute('alter table legal_hold rename to legal_hold_away');
    const { data, errors, requestId } = await app.graphql('{ legalHolds { totalCount nodes { id } } }');
    await app.em.fork().execute('alter table legal_hold_away rename to legal_hold');
    expect(data).toBeNull();
    expect(errors).toMatchObject([
      { message: 'Something went wrong on our side.', extensions: { code: 'INTERNAL', retryable: false, requestId } },
    ]);
    expect(JSON.stringify(errors)).not.toMatch(/legal_hold|relation|select/);
  });

  test('a given request id is kept when it is fit for a log', async () => {
    const idOf = async (id: string) =>
      (await fetch(`${app.urls.main}/healthz`, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await idOf('abc.DEF-1')).toBe('abc.DEF-1');
    expect(await idOf('a b')).not.toBe('a b');
  });
});

describe('the audit log', () => {
  test('has one event with the request id for every mutation that changed something', async () => {
    const landing = `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message } stream { id } } }`;
    const hold = `mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } legalHold { id } } }`;
    const release = `mutation ($input: ReleaseLegalHoldInput!) { releaseLegalHold(input: $input) { userErrors { code } legalHold { id } } }`;
    const request = `mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code } operation { id } } }`;
    const cancel = `mutation ($input: CancelOperationInput!) { cancelOperation(input: $input) { userErrors { code } operation { id } } }`;
    const steer = (verb: string) =>
      `mutation ($input: SteerStreamInput!) { ${verb}(input: $input) { userErrors { code } stream { state } } }`;
    const seen: [string, string][] = [];
    const act = async (action: string, query: string, input: Record<string, unknown>): Promise<Data> => {
      const { data, errors, requestId } = await app.graphql(query, { input });
      expect(errors).toEqual([]);
      expect(data[action].userErrors).toEqual([]);
      seen.push([action, requestId]);
      return data[action];
    };
    const { entity } = await act('registerEntityVersion', register, {
      document: documentOf('Audited', [
        { name: 'a', type: 'string' },
        { name: 'd', type: 'string' },
      ]),
    });
    const { mapping: mapped } = await act('mapEntity', mapEntity, {
      ...mapping({ entityId: entity.id, accountField: 'a' }),
      role: 'WAREHOUSE_TABLE',
    });
    await act('unmapEntity', unmapEntity, { id: mapped.id });
    await act('setProtectionPolicy', setPolicy, {
      scope: 'NAMESPACE',
      scopeName: 'Demo',
      semanticType: 'ip',
      action: 'REMOVE',
    });
    const { stream } = await act('createLakeLanding', landing, {
      entityId: entity.id,
      area: 'demo',
      dateField: 'd',
      accountField: 'a',
    });
    expect((await act('pauseStream', steer('pauseStream'), { id: stream.id })).stream.state).toBe('PAUSED');
    expect((await act('resumeStream', steer('resumeStream'), { id: stream.id })).stream.state).toBe('RUNNING');
    const { legalHold } = await act('placeLegalHold', hold, {
      matterId: 'M',
      reason: 'r',
      scope: { accountId: 'AC-canary-7' },
    });
    await act('releaseLegalHold', release, { id: legalHold.id, reason: 'over' });
    const { operation } = await act('requestErasure', request, { subjects: [{ accountId: 'AC-canary-8' }] });
    await act('cancelOperation', cancel, { id: operation.id });
    const { auditEvents } = await app.done(
      '{ auditEvents(first: 100) { nodes { action requestId outcome actorId details } } }',
    );
    for (const [action, requestId] of seen) {
      const events = auditEvents.nodes.filter((event: Data) => event.requestId === requestId);
      expect(events).toMatchObject([{ action, outcome: 'SUCCESS', actorId: 'local' }]);
    }
    expect(JSON.stringify(auditEvents)).not.toMatch(/AC-canary/);
  });
});
