import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkajsGateway } from '../../src/adapters/kafka/kafkajs-gateway.ts';
import { type Data, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { carriedOut, erase } from '../testkit/erasure.ts';
import { gatewayFor, missingKafka, testBroker } from '../testkit/kafka.ts';
import { type Row, rowsOfFile, talkTransformer } from '../testkit/transform.ts';

const missing = await missingKafka();

const fields = [
  { name: 'message_id', type: 'string' },
  { name: 'account_sid', type: 'string' },
  { name: 'date_created', type: 'string' },
  { name: 'date_updated', type: ['null', 'string'], default: null },
  { name: 'status', type: ['null', 'string'], default: null },
];
const phone = { name: 'to', type: ['null', 'string'], default: null, twilio_type: 'phonenumber' };

/** The other example of the talk: the furthest status stays. Its list of values is given beside the document. */
const byStatus = `{ "name": "SparkSummit Status",
  "sources": [ { "topic": "SparkSummit.Demo", "transforms": [ { "type": "localizeDates", "fields": ["date_created", "date_updated"] } ] } ],
  "key": ["message_id"],
  "merge": { "strategy": "deduplicate", "fields": [ { "name": "status", "compare": "msgStatus", "direction": "asc" },
    { "name": "date_updated", "compare": "strings", "direction": "asc" } ] },
  "resource": { "format": "parquet", "path": "data/twilliofs/redacted/sparksummit_demo/v1.0/by_date_created_ym/parquet",
    "indexing": [ { "type": "monthly", "date": "date_created" } ],
    "schema": { "namespace": "SparkSummit", "entity": "Demo", "version": 2 } } }`;
const msgStatus = ['queued', 'sending', 'sent', 'delivered'];

const run = `{ id number status code reason recordsDone recordsTotal ranges { topic partition from to }
  statistics { read suppressed rejected rows keys changed filesWritten filesReplaced } rejects { code field rows places } }`;

describe.skipIf(missing)(`a transformer${missing ? `: ${missing}` : ''}`, () => {
  let app: TestApp;
  let gateway: KafkajsGateway;
  let close: () => Promise<void>;
  const sent: Row[] = [];
  const ids = new Map<string, string>();

  beforeAll(async () => {
    const broker = await testBroker();
    close = broker.close;
    app = await testApp({ KAFKA_BROKERS: broker.brokers });
    gateway = gatewayFor(broker.brokers);
    await gateway.ensureTopic({ name: 'SparkSummit.Demo', partitions: 3, config: {} });
    const document = (list: readonly Data[], version: string) => ({
      version,
      created_by: 'tester',
      namespace: 'Team',
      schema: { name: 'Demo', namespace: 'SparkSummit', type: 'record', fields: list },
    });
    await app.done(register, { input: { document: document(fields, '1.0') } });
    const { registerEntityVersion } = await app.done(register, {
      input: { document: document([...fields, phone], '2.0') },
    });
    await app.done(
      `mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code message } mapping { dataset { namespace } } } }`,
      {
        input: {
          entityId: registerEntityVersion.entity.id,
          dataset: { namespace: `kafka://${broker.brokers}`, name: 'SparkSummit.Demo' },
          role: 'TOPIC',
          accountField: 'account_sid',
          subjectFields: ['to'],
        },
      },
    );
    ids.set('entity', registerEntityVersion.entity.id);
  });
  afterAll(async () => {
    await gateway?.close();
    await app?.stop();
    await close?.();
  });

  async function send(...rows: readonly Row[]): Promise<void> {
    sent.push(...rows);
    const results = await gateway.produce(
      'SparkSummit.Demo',
      rows.map((row, n) => ({ key: `${row.message_id}`, value: JSON.stringify(row), partition: n % 3 })),
    );
    expect(results.every(({ ok }) => ok)).toBe(true);
  }
  const create = (document: string, orders?: Data): Promise<Data> =>
    app.done(
      `mutation ($input: CreateTransformerInput!) { createTransformer(input: $input) { userErrors { code message field } issues { path code message }
         transformer { id name } transformerVersion { number document dataset { id name lakeTable { origin partitioning } } } } }`,
      { input: { document, orders } },
    );
  async function runOf(id: string, mode = 'INCREMENTAL'): Promise<Data> {
    const asked = await app.done(
      'mutation ($input: RunTransformerInput!) { runTransformer(input: $input) { userErrors { code message } run { id status } } }',
      { input: { id, mode } },
    );
    const { id: runId } = asked.runTransformer.run;
    return eventually(
      async () =>
        (await app.done(`query ($id: ID!) { node(id: $id) { ... on TransformRun ${run} } }`, { id: runId })).node,
      ({ status }) => ['COMPLETED', 'FAILED', 'CANCELLED'].includes(status),
    );
  }
  /** Rows by folder, in the order of the key. */
  async function table(location: string, format: string): Promise<Record<string, Row[]>> {
    const root = join(app.lakeRoot, location);
    const found: Record<string, Row[]> = {};
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const folder = entry.parentPath.slice(root.length + 1);
      const rows = await rowsOfFile(join(entry.parentPath, entry.name), format);
      found[folder] = [...(found[folder] ?? []), ...rows].sort((a, b) =>
        String(a.message_id) < String(b.message_id) ? -1 : 1,
      );
    }
    return Object.fromEntries(Object.entries(found).sort());
  }

  const iso = (text: string): string => new Date(text).toISOString().replace(/Z$/u, '000Z');
  const localized = ({ date_created, date_updated, ...row }: Row): Row => ({
    ...row,
    date_created: iso(String(date_created)),
    ...(date_updated === undefined ? {} : { date_updated: iso(String(date_updated)) }),
  });
  /** Whoever stays by a rank, computed from all that was sent. */
  function expected(rows: readonly Row[], rank: (row: Row) => string, chars: number): Record<string, Row[]> {
    const kept = new Map<string, Row>();
    for (const row of rows.map(localized)) {
      const other = kept.get(String(row.message_id));
      if (other === undefined || rank(row) > rank(other)) kept.set(String(row.message_id), row);
    }
    const byId = [...kept].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
    const folders = Map.groupBy(byId, (row) => String(row.date_created).slice(0, chars).replaceAll('-', '/'));
    return Object.fromEntries([...folders].sort());
  }
  const talkTable = 'data/twilliofs/redacted/sparksummit_demo/v1.0/by_date_created_ymd/avro';
  const statusTable = 'data/twilliofs/redacted/sparksummit_demo/v1.0/by_date_created_ym/parquet';
  const rankByUpdate = (row: Row): string => `${row.date_updated ?? ''}`;
  const rankByStatus = (row: Row): string => `${msgStatus.indexOf(String(row.status))}${row.date_updated ?? ''}`;
  const message = (n: number, more: Row = {}): Row => ({
    message_id: `M${n % 40}`,
    account_sid: `AC${n % 2}`,
    date_created: `2018-06-0${1 + ((n % 40) % 5)}T23:30:00-05:00`,
    date_updated: new Date(Date.UTC(2018, 6, 1 + ((n * 7) % 60), n % 24)).toISOString(),
    status: msgStatus[(n * 3) % 4],
    to: `+4930${n % 40}`,
    ...more,
  });

  test('of the talk makes the table that a script computes, verbatim, in batches', async () => {
    await send(...Array.from({ length: 90 }, (_, n) => message(n)));
    const { createTransformer } = await create(talkTransformer);
    expect(createTransformer.transformerVersion).toMatchObject({
      number: 1,
      document: talkTransformer,
      dataset: { name: talkTable, lakeTable: { origin: 'TRANSFORMED', partitioning: 'YMD' } },
    });
    ids.set('talk', createTransformer.transformer.id);
    expect(await runOf(createTransformer.transformer.id)).toMatchObject({
      status: 'COMPLETED',
      statistics: { read: 90, suppressed: 0, rejected: 0, rows: 90, keys: 40, changed: 40, filesWritten: 5 },
    });
    expect(await table(talkTable, 'avro')).toEqual(expected(sent, rankByUpdate, 10));
    await send(...Array.from({ length: 60 }, (_, n) => message(n + 90, n < 3 ? { date_created: '2018-06-09' } : {})));
    expect(await runOf(createTransformer.transformer.id)).toMatchObject({
      status: 'COMPLETED',
      statistics: { read: 60 },
    });
    expect(await table(talkTable, 'avro')).toEqual(expected(sent, rankByUpdate, 10));
  });

  test('changes nothing when it is run again, from where it is or from the start', async () => {
    const id = ids.get('talk') ?? '';
    const before = await readdir(join(app.lakeRoot, talkTable), { recursive: true });
    expect(await runOf(id)).toMatchObject({
      status: 'COMPLETED',
      statistics: { read: 0, changed: 0, filesWritten: 0 },
    });
    expect(await runOf(id, 'BATCH')).toMatchObject({
      status: 'COMPLETED',
      statistics: { read: 150, changed: 0, filesWritten: 0 },
    });
    expect(await readdir(join(app.lakeRoot, talkTable), { recursive: true })).toEqual(before);
  });

  test('goes by an ordered list of values that is given beside the document', async () => {
    const { createTransformer } = await create(byStatus, [{ name: 'msgStatus', values: msgStatus }]);
    ids.set('status', createTransformer.transformer.id);
    expect(await runOf(createTransformer.transformer.id)).toMatchObject({ status: 'COMPLETED' });
    expect(await table(statusTable, 'parquet')).toEqual(expected(sent, rankByStatus, 7));
  });

  test('is known to lineage, column by column', async () => {
    const found = await app.done(
      `query ($id: ID!) { node(id: $id) { ... on TransformRun { dataset { name
         fields(first: 20) { nodes { path } } mappings { nodes { accountField subjectFields } } } } } }`,
      { id: (await runOf(ids.get('talk') ?? '')).id },
    );
    expect(found.node.dataset).toMatchObject({
      name: talkTable,
      mappings: { nodes: [{ accountField: 'account_sid', subjectFields: ['to'] }] },
    });
    expect(found.node.dataset.fields.nodes.map(({ path }: Data) => path)).toContain('date_created');
  });

  test('takes no row that it cannot, and tells where these are and nothing of what they hold', async () => {
    await gateway.produce('SparkSummit.Demo', [
      { key: 'x', value: 'no json', partition: 0 },
      { key: 'x', value: JSON.stringify(message(1, { date_created: 'secret value' })), partition: 1 },
      { key: 'x', value: JSON.stringify({ ...message(1), message_id: null }), partition: 2 },
      { key: 'x', value: null, partition: 2 },
    ]);
    const ended = await runOf(ids.get('talk') ?? '');
    expect(ended).toMatchObject({ status: 'COMPLETED', statistics: { read: 3, rejected: 3, rows: 0, changed: 0 } });
    expect(ended.rejects).toEqual([
      { code: 'DATE_UNREADABLE', field: 'date_created', rows: 1, places: [expect.stringMatching(/^1:\d+$/u)] },
      { code: 'KEY_MISSING', field: 'message_id', rows: 1, places: [expect.stringMatching(/^2:\d+$/u)] },
      { code: 'UNREADABLE', field: null, rows: 1, places: [expect.stringMatching(/^0:\d+$/u)] },
    ]);
  });

  test('is refused with all that is wrong with it, and shown on records before it is made', async () => {
    const wrong = talkTransformer
      .replace('"localizeDates"', '"localise"')
      .replace('"key": ["message_id"]', '"key": ["colour"]');
    const { validateTransformer } = await app.done(
      'query ($document: String!) { validateTransformer(document: $document) { valid issues { path code message } } }',
      { document: wrong },
    );
    expect(validateTransformer).toMatchObject({
      valid: false,
      issues: [{ path: 'sources[0].transforms[0].type', code: 'UNKNOWN_TRANSFORM' }],
    });
    const taken = await app.graphql(
      'mutation ($input: CreateTransformerInput!) { createTransformer(input: $input) { userErrors { code field } issues { path code } transformer { id } } }',
      { input: { document: talkTransformer } },
    );
    expect(taken.data.createTransformer).toMatchObject({
      transformer: null,
      userErrors: [{ code: 'TRANSFORMER_INVALID', field: ['document', 'resource', 'path'] }],
      issues: [{ path: 'resource.path', code: 'LOCATION_TAKEN' }],
    });
    const preview = (input: Data): Promise<Data> =>
      app.done(
        'mutation ($input: PreviewTransformerInput!) { previewTransformer(input: $input) { userErrors { code message } preview { before after { json partition } rejects { code field rows } } } }',
        { input: { document: talkTransformer, ...input } },
      );
    const records = [message(1), message(41), { ...message(2), date_created: 'never' }].map((row) =>
      JSON.stringify(row),
    );
    const shown = (await preview({ records })).previewTransformer.preview;
    expect(shown.before).toEqual(records);
    expect(shown.after.map(({ json, partition }: Data) => [partition, JSON.parse(json).message_id])).toEqual([
      ['2018/06/03', 'M1'],
    ]);
    expect(shown.rejects).toEqual([{ code: 'DATE_UNREADABLE', field: 'date_created', rows: 1 }]);
    const sampled = (await preview({})).previewTransformer.preview;
    expect(sampled.before.length).toBeGreaterThan(0);
    const { transformerSchema } = await app.done('{ transformerSchema }');
    expect(transformerSchema).toMatchObject({ type: 'object', required: expect.arrayContaining(['sources', 'key']) });
  });

  test('holds, redacts, erases and keeps away: operations act on its table as on any other', async () => {
    const [held, gone] = [
      { field: 'to', value: '+49301' },
      { field: 'to', value: '+49303' },
    ];
    await app.done(
      `mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code message } } }`,
      {
        input: { scope: { accountId: 'AC1', subject: held }, matterId: 'm', reason: 'court' },
      },
    );
    const subjects = [held, gone].map((subject) => ({ accountId: 'AC1', subject }));
    const operation = await erase(app, { subjects, entityId: ids.get('entity') });
    const targets = operation.targets.nodes.filter(({ role }: Data) => role === 'LAKE_TABLE');
    expect(targets.map(({ status, verification }: Data) => [status, verification.survivors])).toEqual([
      ['VERIFIED', 0],
      ['VERIFIED', 0],
    ]);
    const persons = async (location: string, format: string): Promise<unknown[]> =>
      Object.values(await table(location, format)).flatMap((rows) => rows.map((row) => row.to));
    expect(await persons(talkTable, 'avro')).not.toContain(gone.value);
    expect(await persons(talkTable, 'avro')).toContain(held.value);
    expect(await runOf(ids.get('talk') ?? '', 'BATCH')).toMatchObject({
      status: 'COMPLETED',
      statistics: { changed: 0 },
    });
    expect(await persons(talkTable, 'avro')).not.toContain(gone.value);
    // What is written after the erasure is new.
    // The erasure has put another topic in the place of this one, by the name of which it is still known.
    const produced = await app.produce('SparkSummit.Demo', { records: [{ key: 'M3', value: message(3) }] });
    expect(produced.body.offsets).toMatchObject([{ error: null }]);
    expect(await runOf(ids.get('talk') ?? '')).toMatchObject({
      status: 'COMPLETED',
      statistics: { suppressed: 0, changed: 1 },
    });
    expect(await persons(talkTable, 'avro')).toContain(gone.value);
    await app.done(
      `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code message } } }`,
      {
        input: { scope: 'ENTITY', scopeName: 'SparkSummit.Demo', semanticType: 'phonenumber', action: 'REDACT' },
      },
    );
    await carriedOut(app, 'Protection', { entityId: ids.get('entity') });
    expect(await persons(statusTable, 'parquet')).not.toContain('+49305');
    const { datasets } = await app.done('{ datasets(first: 100) { nodes { id name } } }');
    const datasetId = datasets.nodes.find(({ name }: Data) => name === statusTable).id;
    await app.done(
      'mutation ($input: SetLakeRetentionInput!) { setLakeRetention(input: $input) { userErrors { code message } } }',
      {
        input: { datasetId, days: 30 },
      },
    );
    const retained = await carriedOut(app, 'Retention', { datasetId });
    expect(retained.targets.nodes).toMatchObject([{ receipt: { recordsErased: 38 } }]);
    expect(await persons(statusTable, 'parquet')).toEqual([expect.any(String)]);
  });

  test('does to raw records what policies say before anything of them is written', async () => {
    const raw = '+49309999999';
    const produced = await app.produce('SparkSummit.Demo', {
      records: [{ key: 'P', value: message(0, { message_id: 'P', to: raw }) }],
    });
    expect(produced.body.offsets).toMatchObject([{ error: null }]);
    const document = JSON.parse(talkTransformer);
    document.name = 'Protected';
    document.sources[0].transforms.unshift({ type: 'protect' });
    document.resource = { ...document.resource, format: 'ndjson', codec: 'none', path: 'data/protected' };
    const { createTransformer } = await create(JSON.stringify(document));
    expect(await runOf(createTransformer.transformer.id)).toMatchObject({
      status: 'COMPLETED',
      statistics: { rejected: 3 },
    });
    const rows = Object.values(await table('data/protected', 'ndjson')).flat();
    const row = rows.find(({ message_id }) => message_id === 'P');
    expect(row?.to).toEqual(expect.stringMatching(/\+49/u));
    expect(row?.to).not.toBe(raw);
    const { columnLineage } = await app.done(
      `query ($id: ID!) { columnLineage(datasetId: $id, field: "to", direction: UPSTREAM, maxDepth: 1) { edges { masking } } }`,
      { id: createTransformer.transformerVersion.dataset.id },
    );
    expect(columnLineage.edges).toMatchObject([{ masking: true }]);
  });

  test('merges files with a table that another made, by schedule and over some days', async () => {
    await mkdir(join(app.lakeRoot, 'incoming'), { recursive: true });
    const file = message(0, { message_id: 'FILE', to: '+4930777', date_created: '2018-06-02T10:00:00Z' });
    await writeFile(join(app.lakeRoot, 'incoming/a.ndjson'), `${JSON.stringify(file)}\n`);
    const document = JSON.parse(talkTransformer);
    const [{ transforms }] = document.sources;
    const schema = { namespace: 'SparkSummit', entity: 'Demo' };
    const files = { path: 'incoming/*.ndjson', format: 'ndjson', schema, account: 'account_sid', subjects: ['to'] };
    document.name = 'Merged';
    document.sources = [
      { table: 'data/protected', transforms },
      { files, transforms },
    ];
    document.resource = { ...document.resource, format: 'parquet', path: 'data/merged' };
    const { createTransformer } = await create(JSON.stringify(document));
    const { id } = createTransformer.transformer;
    const asked = await app.done(
      `mutation ($input: RunTransformerInput!) { runTransformer(input: $input) { userErrors { code } run { id mode days { from to } } } }`,
      { input: { id, mode: 'BACKFILL', from: '2018-06-02', to: '2018-06-03' } },
    );
    expect(asked.runTransformer.run).toMatchObject({
      mode: 'BACKFILL',
      days: { from: '2018-06-02', to: '2018-06-03' },
    });
    const ended = async (runId: string) =>
      eventually(
        async () =>
          (
            await app.done(
              `query ($id: ID!) { node(id: $id) { ... on TransformRun { status files { source path } } } }`,
              { id: runId },
            )
          ).node,
        ({ status }) => ['COMPLETED', 'FAILED'].includes(status),
      );
    const filled = await ended(asked.runTransformer.run.id);
    expect(filled.files).toContainEqual({ source: 1, path: 'incoming/a.ndjson' });
    expect(Object.keys(await table('data/merged', 'parquet'))).toEqual(['2018/06/02']);
    expect((await runOf(id)).status).toBe('COMPLETED');
    const all = (found: Record<string, Row[]>) =>
      Object.values(found)
        .flat()
        .map(({ message_id }) => String(message_id))
        .sort();
    const source = await table('data/protected', 'ndjson');
    expect(all(await table('data/merged', 'parquet'))).toEqual([...all(source), 'FILE'].sort());
    const schedule = `mutation ($input: ScheduleTransformerInput!) { scheduleTransformer(input: $input) { userErrors { code field }
      transformer { dueAt schedule { cron zone mode paused } } } }`;
    const set = await app.done(schedule, { input: { id, cron: '15 2 * * *', zone: 'Europe/Berlin' } });
    expect(set.scheduleTransformer.transformer).toEqual({
      dueAt: expect.any(String),
      schedule: { cron: '15 2 * * *', zone: 'Europe/Berlin', mode: 'INCREMENTAL', paused: false },
    });
  });
});
