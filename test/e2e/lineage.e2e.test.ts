import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { type AnyEvent, runOf, shopEvents, tableOf } from '../testkit/lineage.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

async function send(path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Data> {
  const response = await fetch(`${app.urls.main}/api/v1/lineage${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body as string,
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}
const sendEvent = (event: AnyEvent): Promise<Data> => send('', JSON.stringify(event));
async function idOf(name: string): Promise<string> {
  const [row] = await app.em.fork().execute<{ id: string }[]>('select id from dataset where name = ?', [name]);
  return Buffer.from(`Dataset:${row?.id}`).toString('base64url');
}

const walk = `query ($start: ID!, $direction: LineageDirection!, $asOf: DateTimeISO) { lineage(start: $start, direction: $direction, asOf: $asOf) {
  complete nodes { depth dataset { name } } jobs { namespace name } edges { job jobNamespace } } }`;
async function counts(name: string, direction: string): Promise<[number, number]> {
  const { lineage } = await app.done(walk, { start: await idOf(name), direction });
  expect(lineage.complete).toBe(true);
  return [lineage.jobs.length, lineage.nodes.length - 1];
}
const label = `mutation ($input: LabelDatasetFieldInput!) { labelDatasetField(input: $input) { userErrors { code field }
  field { path semanticType classifications isInSchema dataset { name } } } }`;
const carrying = `query ($semanticType: String, $classification: String, $asOf: DateTimeISO) {
  fieldsCarrying(semanticType: $semanticType, classification: $classification, asOf: $asOf) { complete truncatedReason asOf
    labels { depth semanticType classifications field { path dataset { name } } origin { path dataset { name } } via { job { name } source { path } } }
    gaps { code field { path dataset { name } } edge { kind subtype source { path } target { path } } } } }`;
const placed = ({ dataset, path }: Data): string => `${dataset.name}.${path}`;
async function carriers(variables: Record<string, unknown>): Promise<Data> {
  const { fieldsCarrying } = await app.done(carrying, variables);
  return {
    fields: fieldsCarrying.labels.map(({ field }: Data) => placed(field)).sort(),
    gaps: fieldsCarrying.gaps.map(({ code, field }: Data) => `${code} ${placed(field)}`).sort(),
    labels: fieldsCarrying.labels,
  };
}

describe('the events of a shop', () => {
  beforeAll(async () => {
    for (const event of shopEvents()) expect(await sendEvent(event)).toEqual({ status: 201, body: null });
  });

  test('are walked with the jobs that only read or only write', async () => {
    expect(await counts('menu', 'DOWNSTREAM')).toEqual([5, 5]);
    expect(await counts('trip_week', 'DOWNSTREAM')).toEqual([3, 3]);
    expect(await counts('trip_week', 'UPSTREAM')).toEqual([10, 9]);
    const { datasets } = await app.done('{ datasets(first: 100) { totalCount } }');
    expect(datasets.totalCount).toBe(13);
  });

  test('carry a label exactly where its values go, with origin and way, until it is taken back', async () => {
    const input = { datasetId: await idOf('client'), field: 'email', semanticType: 'EMAIL' };
    const { labelDatasetField } = await app.done(label, { input });
    expect(labelDatasetField.field).toMatchObject({
      semanticType: 'email',
      classifications: ['PII'],
      isInSchema: true,
    });
    const expected = ['client.email', 'fast_trip.client_email', 'trip_week.client_email', 'voucher.client_email'];
    const found = await carriers({ classification: 'PII' });
    expect(found.fields).toEqual(expected);
    expect(found.labels.find(({ field }: Data) => field.dataset.name === 'voucher')).toMatchObject({
      depth: 2,
      semanticType: 'email',
      origin: { path: 'email', dataset: { name: 'client' } },
      via: { job: { name: 'time_trips' }, source: { path: 'client_email' } },
    });
    expect((await carriers({ semanticType: 'E-Mail-Address-Nobody-Has' })).fields).toEqual([]);
    expect((await carriers({ asOf: '2020-01-01T00:00:00Z' })).fields).toEqual(['client.email']);
    await app.done(label, { input: { ...input, semanticType: null } });
    expect((await carriers({})).fields).toEqual([]);
    const { auditEvents } = await app.done('{ auditEvents(filter: { action: "labelDatasetField" }) { totalCount } }');
    expect(auditEvents.totalCount).toBe(2);
  });

  test('name a column that nobody knows, which is a gap', async () => {
    const query = `query ($id: ID!, $field: String!) { columnLineage(datasetId: $id, field: $field, direction: UPSTREAM) {
      complete frontier { path } nodes { depth field { path dataset { name } } } gaps { code field { path dataset { name } } }
      edges { kind masking validFrom validTo job { name } source { path } target { path } } } }`;
    const { columnLineage } = await app.done(query, { id: await idOf('trip_week'), field: 'item_id' });
    expect(columnLineage.nodes.map(({ field, depth }: Data) => `${depth} ${placed(field)}`).sort()).toEqual([
      '0 trip_week.item_id',
      '1 branch.item_id',
      '1 item_kind.item_id',
    ]);
    expect(columnLineage.gaps.map(({ code, field }: Data) => `${code} ${placed(field)}`).sort()).toEqual([
      'DATASET_UNKNOWN item_kind.item_id',
      'FIELD_UNKNOWN branch.item_id',
    ]);
    expect(columnLineage.edges[0]).toMatchObject({
      kind: 'DIRECT',
      validFrom: '2026-11-02T22:00:00.000Z',
      validTo: null,
    });
    for (const [id, field] of [
      [await idOf('trip_week'), 'nothing'],
      [await idOf('nothing'), 'x'],
    ] as const) {
      const { errors } = await app.graphql(query, { id, field });
      expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    }
  });
});

describe('an event', () => {
  const event = (more: object = {}): AnyEvent => ({ ...runOf(500, 'any', [tableOf({ name: 'x' })], [])[0], ...more });

  test.each([
    ['without schemaURL and producer', { schemaURL: undefined, producer: undefined }],
    ['with nanoseconds', { eventTime: '2026-11-02T22:00:00.123456789Z' }],
    ['without a time zone', { eventTime: '2026-11-02T22:00:01.1' }],
    ['with letters of all kinds', { job: { namespace: 'ñ 🚲', name: 'работа/数据' } }],
    ['with absent lists and facets', { inputs: null, outputs: null }],
    ['of a job', { run: undefined }],
    ['of a dataset', { run: undefined, job: undefined, dataset: { namespace: 'n', name: 'd' } }],
    [
      'with facets that are none',
      { outputs: [{ namespace: 'n', name: 'd', facets: { schema: 7, columnLineage: { fields: [1] }, symlinks: [] } }] },
    ],
    [
      'of a megabyte',
      { run: { runId: '00000000-0000-4000-8000-000000000777', facets: { text: 'x'.repeat(1_100_000) } } },
    ],
    [
      'with escapes that the database has not',
      { outputs: [{ namespace: 'n', name: 'd', facets: { a: { b: '\0 \ud800' } } }] },
    ],
  ])('%s is taken, and answered as it came', async (_name, more) => {
    const text = ` ${JSON.stringify(event(more), null, 1)}\n`;
    expect(await send('', text)).toEqual({ status: 201, body: null });
    const log = await fetch(`${app.urls.main}/api/v1/events/lineage?limit=1000`);
    expect((await log.text()).includes(text.trim())).toBe(true);
  });

  test.each([
    ['job.name', { job: { namespace: 'n', name: null } }],
    ['job.namespace', { job: { name: 'x' } }],
    ['job.namespace', { job: null }],
    ['run.runId', { run: { runId: 'no uuid' } }],
    ['inputs.0.name', { inputs: [{ namespace: 'n', name: null }] }],
    ['inputs.0.namespace', { inputs: [7] }],
    ['outputs', { outputs: {} }],
    ['eventTime', { eventTime: 'yesterday canary' }],
    ['eventTime', { eventTime: undefined }],
    ['outputs.0.name', { outputs: [{ namespace: 'n', name: 'canary\0' }] }],
    ['outputs.0.name', { outputs: [{ namespace: 'n', name: 'é'.repeat(1_300) }] }],
  ])('with a wrong %s is refused with the place and without the value', async (place, more) => {
    const { status, body } = await sendEvent(event(more));
    expect(status).toBe(422);
    expect(body).toMatchObject({ code: 'EVENT_INVALID', message: expect.stringContaining(`${place}:`) });
    expect(body.message).not.toMatch(/canary|ééé/);
  });

  test('that is no JSON is another fault than one that is no event', async () => {
    for (const text of ['', '{"a":', 'null x', Buffer.from([0x22, 0xff, 0x22])])
      expect(await send('', text)).toMatchObject({ status: 400, body: { code: 'BAD_INPUT' } });
    for (const text of ['null', '[]', '7', '{}']) expect(await send('', text)).toMatchObject({ status: 422 });
  });

  test('comes packed, too', async () => {
    const packed = gzipSync(JSON.stringify(event({ job: { namespace: 'n', name: 'packed' } })));
    expect(await send('', packed, { 'content-encoding': 'gzip' })).toMatchObject({ status: 201 });
    expect(await send('', Buffer.from('x'), { 'content-encoding': 'gzip' })).toMatchObject({ status: 400 });
  });
});

describe('a batch', () => {
  test('is taken as a whole, or but for those it names', async () => {
    const good = runOf(600, 'batch', [tableOf({ name: 'x' })], [tableOf({ name: 'batched' })]);
    expect(await send('/batch', JSON.stringify(good))).toEqual({ status: 204, body: null });
    const bad = [{ ...good[0], run: { runId: 'x' } }, ...good, 7];
    expect(await send('/batch', ` ${JSON.stringify(bad, null, 2)}`)).toEqual({
      status: 200,
      body: {
        status: 'partial_success',
        summary: { received: 4, successful: 2, failed: 2, retriable: 0, non_retriable: 2 },
        failed_events: [
          { index: 0, reason: expect.stringContaining('run.runId'), retriable: false },
          { index: 3, reason: expect.any(String), retriable: false },
        ],
      },
    });
    expect(await send('/batch', '[7]')).toMatchObject({ status: 200, body: { status: 'error' } });
    expect(await send('/batch', '[]')).toMatchObject({ status: 204 });
    expect(await send('/batch', '{}')).toMatchObject({ status: 400 });
    expect(await send('/batch', '[1,')).toMatchObject({ status: 400 });
  });
});

describe('labels', () => {
  const input = (field: string, more: object) => ({ namespace: 'labels', name: 'person', field, ...more });
  const made = (name: string, fields: object, facets: object = {}) => ({
    namespace: 'labels',
    name,
    facets: {
      schema: { fields: Object.keys(fields).map((field) => ({ name: field })) },
      columnLineage: { fields },
      ...facets,
    },
  });
  const at = (hour: string, outputs: AnyEvent[], inputs: AnyEvent[] = [], run = 700): Promise<Data> =>
    sendEvent({
      ...runOf(run + Number(hour), 'labelling', inputs, outputs)[0],
      eventTime: `2026-11-05T${hour}:00:00Z`,
    });
  const mail = async () => carriers({ classification: 'SECRET' });

  test('stop where a step masks or only filters, and say so; they end with their step and pass through what was dropped', async () => {
    const schema = { fields: [{ name: 'mail' }] };
    const direct = { inputFields: [input('mail', {})] };
    const hashed = {
      inputFields: [input('mail', { transformations: [{ type: 'DIRECT', subtype: 'hash', masking: true }] })],
    };
    const filtered = { inputFields: [input('mail', { transformations: [{ type: 'INDIRECT', subtype: 'FILTER' }] })] };
    await at(
      '10',
      [made('copy', { direct, hashed, filtered })],
      [{ namespace: 'labels', name: 'person', facets: { schema } }],
    );
    await at('11', [made('last', { end: { inputFields: [{ namespace: 'labels', name: 'copy', field: 'direct' }] } })]);
    const datasetId = await idOf('person');
    await app.done(label, { input: { datasetId, field: 'mail', classifications: ['SECRET'] } });
    expect(await mail()).toMatchObject({
      fields: ['copy.direct', 'last.end', 'person.mail'],
      gaps: ['INDIRECT copy.filtered', 'MASKED copy.hashed'],
    });
    await at('12', [
      { namespace: 'labels', name: 'copy', facets: { lifecycleStateChange: { lifecycleStateChange: 'DROP' } } },
    ]);
    expect((await mail()).fields).toEqual(['last.end', 'person.mail']);
    const drop = await app.done(
      'query ($id: ID!) { node(id: $id) { ... on Dataset { droppedAt fields { nodes { path isInSchema } } } } }',
      {
        id: await idOf('copy'),
      },
    );
    expect(drop.node).toMatchObject({
      droppedAt: '2026-11-05T12:00:00.000Z',
      fields: { nodes: [{ path: 'direct' }, {}, {}] },
    });
    // Heard of again, and made in another way: what came before may still be there, which is said.
    await at('13', [made('copy', { direct: hashed })]);
    expect(await mail()).toMatchObject({
      fields: ['person.mail'],
      gaps: expect.arrayContaining(['MASKED copy.direct', 'ENDED copy.direct']),
    });
    expect((await carriers({ classification: 'SECRET', asOf: '2026-11-05T11:30:00Z' })).fields).toEqual([
      'copy.direct',
      'last.end',
      'person.mail',
    ]);
  });

  test('go on under another name of the same data', async () => {
    const other = { namespace: 'labels', name: 'alias', type: 'TABLE' };
    await at('14', [{ ...made('alias_reader', { x: { inputFields: [{ ...other, field: 'mail' }] } }) }]);
    await sendEvent({
      eventTime: '2026-11-05T15:00:00Z',
      dataset: { namespace: 'labels', name: 'person', facets: { symlinks: { identifiers: [other] } } },
    });
    expect((await mail()).fields).toEqual(['alias.mail', 'alias_reader.x', 'person.mail']);
  });

  test('begin at what the registry says of an entity that is mapped, and our own streams are jobs', async () => {
    const { entity } = await registered(
      app,
      documentOf('Mapped', [
        { name: 'account', type: 'string' },
        { name: 'day', type: 'string' },
        { name: 'phone', type: 'string', twilio_type: 'phonenumber' },
      ]),
    );
    const { createLakeLanding } = await app.done(
      `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message }
         stream { target { id namespace name } } } }`,
      { input: { entityId: entity.id, area: 'demo', dateField: 'day', accountField: 'account' } },
    );
    const { id, ...table } = createLakeLanding.stream.target;
    await at('16', [made('report', { caller: { inputFields: [{ ...table, field: 'phone' }] } })], [table]);
    expect(await carriers({ semanticType: 'phonenumber' })).toMatchObject({
      fields: [`${table.name}.phone`, 'report.caller'].sort(),
      labels: expect.arrayContaining([expect.objectContaining({ depth: 1, classifications: ['PII'] })]),
    });
    const { lineage } = await app.done(walk, { start: id, direction: 'BOTH' });
    expect(lineage.jobs.map(({ namespace }: Data) => namespace)).toEqual(['lineward', 'shop']);
    expect(lineage.nodes).toHaveLength(3);
  });

  test('are refused where they cannot be', async () => {
    const datasetId = await idOf('person');
    const refused = async (more: object) =>
      (await app.refusals(label, { input: { datasetId, field: 'mail', ...more } }))[0];
    expect(await refused({ field: 'nothing' })).toEqual({ code: 'NOT_FOUND', field: ['field'] });
    expect(await refused({ semanticType: 'nothing' })).toEqual({
      code: 'SEMANTIC_TYPE_UNKNOWN',
      field: ['semanticType'],
    });
    expect(await refused({ classifications: ['a,b'] })).toEqual({ code: 'BAD_INPUT', field: ['classifications'] });
  });
});
