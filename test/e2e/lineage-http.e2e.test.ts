import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';
import { type AnyEvent, runOf, shopEvents, tableOf } from '../testkit/lineage.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

const ndjson = { 'content-type': 'application/x-ndjson' };
async function bulk(body: string | Buffer, query = '', headers: Record<string, string> = {}): Promise<Data> {
  const response = await fetch(`${app.urls.main}/api/v1/lineage/bulk${query}`, {
    method: 'POST',
    headers: { ...ndjson, ...headers },
    body: body as string,
  });
  const text = await response.text();
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { status: response.status, lines };
}
const linesFrom = (events: readonly AnyEvent[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join('');
async function eventCount(): Promise<number> {
  const [row] = await app.em.fork().execute<{ count: number }[]>('select count(*)::int from lineage_event');
  return row?.count ?? 0;
}
const last = (lines: Data[]): Data => lines.at(-1);

describe('a stream of events', () => {
  test('is answered line by line, and again with the same', async () => {
    const events = shopEvents();
    const { status, lines } = await bulk(linesFrom(events));
    expect(status).toBe(200);
    expect(lines.slice(0, -1)).toEqual(events.map((_, index) => ({ line: index + 1, ok: true })));
    const summary = { received: 26, successful: 26, failed: 0, retriable: 0, non_retriable: 0 };
    expect(last(lines)).toEqual({ summary });
    const known = await eventCount();
    expect((await bulk(gzipSync(linesFrom(events)), '?results=failed', { 'content-encoding': 'gzip' })).lines).toEqual([
      { summary },
    ]);
    expect(await eventCount()).toBe(known);
  });

  test('of any lines is taken but for those that are none', async () => {
    const [good] = runOf(900, 'lines', [tableOf({ name: 'line' })], []);
    const text = `\n${JSON.stringify(good)}\r\n{"eventTime": "canary\n\n7\n${JSON.stringify({ ...good, job: null })}`;
    const { lines } = await bulk(text);
    expect(lines).toEqual([
      { line: 2, ok: true },
      { line: 3, ok: false, reason: 'The line is no JSON.', retriable: false },
      { line: 5, ok: false, reason: expect.any(String), retriable: false },
      { line: 6, ok: false, reason: expect.stringContaining('job.namespace'), retriable: false },
      { summary: { received: 4, successful: 1, failed: 3, retriable: 0, non_retriable: 3 } },
    ]);
    expect((await bulk('', '')).lines).toEqual([
      { summary: { received: 0, successful: 0, failed: 0, retriable: 0, non_retriable: 0 } },
    ]);
  });

  test('that cannot be read further says so after the lines before it', async () => {
    const [good] = runOf(901, 'cut', [tableOf({ name: 'line' })], []);
    const before = Buffer.from(`${JSON.stringify(good)}\n`);
    for (const bytes of [Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from([0x22, 0xc3])]) {
      const { lines } = await bulk(Buffer.concat([before, bytes]));
      expect(last(lines)).toMatchObject({ ok: false, reason: expect.stringContaining('UTF-8'), retriable: false });
    }
    const packed = gzipSync(linesFrom([good]));
    for (const bytes of [packed.subarray(0, -9), Buffer.from('no gzip')]) {
      const { lines } = await bulk(bytes, '', { 'content-encoding': 'gzip' });
      expect(last(lines)).toMatchObject({ ok: false, reason: expect.stringContaining('gzip') });
    }
    const long = await bulk(`${' '.repeat(17 * 1024 * 1024)}\n${JSON.stringify(good)}\n`);
    expect(long.lines).toMatchObject([
      { line: 1, ok: false, reason: expect.stringContaining('characters') },
      { line: 2, ok: true },
      {},
    ]);
  });

  test('that breaks off leaves what was answered, and is sent again', async () => {
    const events = Array.from(
      { length: 2_500 },
      (_, index) => runOf(10_000 + index, 'broken', [], [tableOf({ name: 'b' })])[0],
    );
    const known = await eventCount();
    await new Promise<void>((resolve) => {
      const sending = request(`${app.urls.main}/api/v1/lineage/bulk`, { method: 'POST', headers: ndjson });
      sending.on('error', () => resolve());
      sending.on('response', (response) => {
        response.on('error', () => resolve());
        // The first thousand are answered while the rest is still to come.
        response.once('data', () => sending.destroy());
      });
      sending.write(linesFrom(events.slice(0, 1_500)));
    });
    expect(await eventCount()).toBeGreaterThanOrEqual(known + 1_000);
    expect(last((await bulk(linesFrom(events), '?results=failed')).lines).summary).toMatchObject({ successful: 2_500 });
    expect(await eventCount()).toBe(known + 2_500);
  });

  test('of another type, or asked otherwise, is refused as a whole', async () => {
    const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
    expect((await fetch(`${app.urls.main}/api/v1/lineage/bulk`, sent)).status).toBe(400);
    expect(await bulk('{}', '?results=some')).toMatchObject({ status: 400, lines: [{ code: 'BAD_INPUT' }] });
  });
});

async function read(path: string): Promise<Data> {
  const response = await fetch(`${app.urls.main}/api/v1${path}`);
  return { status: response.status, body: await response.json() };
}

describe('reads of Marquez', () => {
  beforeAll(async () => {
    const colons = { namespace: 'postgres://db:5432', name: 'public.t:x' };
    const odd = {
      ...runOf(40, 'a:b', [colons], [{ ...tableOf({ name: 'odd', fields: ['z', 'a'] }) }])[0],
      eventType: 'FAIL',
    };
    await bulk(linesFrom([...shopEvents(), odd]));
  });

  test('list namespaces, datasets, jobs and runs', async () => {
    const { namespaces } = (await read('/namespaces')).body;
    expect(namespaces.map(({ name }: Data) => name)).toEqual(['postgres://db:5432', 'shop']);
    expect((await read('/namespaces/postgres%3A%2F%2Fdb%3A5432')).body.name).toBe('postgres://db:5432');
    const { datasets, totalCount } = (await read('/namespaces/shop/datasets?limit=3&offset=1')).body;
    expect(datasets).toHaveLength(3);
    expect(totalCount).toBeGreaterThan(13);
    const { body } = await read('/namespaces/shop/datasets/trip_week');
    expect(body).toMatchObject({ id: { namespace: 'shop', name: 'trip_week' }, sourceName: 'shop', deleted: false });
    expect(body.fields.map(({ name }: Data) => name)).toContain('client_email');
    const { versions } = (await read('/namespaces/shop/datasets/trip_week/versions')).body;
    expect(versions).toMatchObject([{ version: body.currentVersion, fields: body.fields }]);
    expect((await read(`/namespaces/shop/datasets/trip_week/versions/${body.currentVersion}`)).body).toEqual(
      versions[0],
    );
    const { jobs } = (await read('/namespaces/shop/jobs')).body;
    expect((await read('/jobs?limit=1000')).body.jobs).toEqual(jobs);
    const job = (await read('/namespaces/shop/jobs/make_trip_week')).body;
    expect(job).toMatchObject({
      outputs: [{ name: 'trip_week' }],
      latestRun: { state: 'COMPLETED', durationMs: 7_000 },
    });
    expect(job.inputs).toHaveLength(5);
    const { runs } = (await read('/namespaces/shop/jobs/make_trip_week/runs')).body;
    expect((await read(`/jobs/runs/${runs[0].id.toUpperCase()}`)).body).toEqual(runs[0]);
    expect((await read('/namespaces/shop/jobs/a%3Ab')).body.latestRun).toMatchObject({ state: 'FAILED' });
    for (const path of ['/namespaces/x', '/namespaces/shop/datasets/x', '/namespaces/shop/jobs/x', '/jobs/runs/x'])
      expect(await read(path)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect((await read('/namespaces/shop/jobs?limit=-1')).status).toBe(400);
    expect((await read('/tags')).body).toEqual({ tags: [] });
  });

  test('draw the graph around a dataset or a job, whatever colons their names have', async () => {
    const nodeOf = async (nodeId: string, more = '') =>
      (await read(`/lineage?nodeId=${encodeURIComponent(nodeId)}${more}`)).body;
    const { graph, complete } = await nodeOf('dataset:shop:trip_week');
    expect(complete).toBe(true);
    const ids = graph.map(({ id }: Data) => id);
    // Of both ways: 9 datasets with 10 jobs up, 3 with 3 down, and itself.
    expect(graph.filter(({ type }: Data) => type === 'JOB')).toHaveLength(13);
    expect(graph.filter(({ type }: Data) => type === 'DATASET')).toHaveLength(13);
    const node = graph.find(({ id }: Data) => id === 'dataset:shop:trip_week');
    expect(node.inEdges).toEqual([{ origin: 'job:shop:make_trip_week', destination: node.id }]);
    for (const { inEdges, outEdges } of graph)
      for (const { origin, destination } of [...inEdges, ...outEdges])
        expect(ids).toEqual(expect.arrayContaining([origin, destination]));
    const around = await nodeOf('job:shop:a:b');
    expect(around.graph.map(({ id }: Data) => id).sort()).toEqual([
      'dataset:postgres://db:5432:public.t:x',
      'dataset:shop:odd',
      'job:shop:a:b',
    ]);
    expect((await nodeOf('dataset:postgres://db:5432:public.t:x')).graph).toHaveLength(3);
    expect(await nodeOf('dataset:shop:client', '&depth=1')).toMatchObject({
      complete: false,
      truncatedReason: 'MAX_DEPTH',
    });
    expect(await nodeOf('dataset:shop:nothing')).toMatchObject({ code: 'NOT_FOUND' });
    for (const wrong of ['dataset:shop', 'x:y:z', 'datasetField:shop:client:email', `dataset${':a'.repeat(60)}`])
      expect(await nodeOf(wrong)).toMatchObject({ code: 'BAD_INPUT' });
  });

  test('draw columns, find names and page events by time', async () => {
    const fieldId = encodeURIComponent('datasetField:shop:trip_week:client_email');
    const { graph } = (await read(`/column-lineage?nodeId=${fieldId}&withDownstream=true`)).body;
    expect(graph.map(({ data }: Data) => `${data.dataset}.${data.field}`).sort()).toEqual([
      'client.email',
      'fast_trip.client_email',
      'trip_week.client_email',
      'voucher.client_email',
    ]);
    expect(graph.find(({ data }: Data) => data.dataset === 'trip_week')).toMatchObject({
      data: { inputFields: [{ namespace: 'shop', dataset: 'client', field: 'email' }], transformationType: 'IDENTITY' },
      inEdges: [{ origin: 'datasetField:shop:client:email' }],
      outEdges: [{}, {}],
    });
    const whole = (await read('/column-lineage?nodeId=dataset:shop:voucher')).body;
    expect(whole.graph.map(({ data }: Data) => data.dataset)).not.toContain('fast_trip');
    expect((await read('/column-lineage?nodeId=job:shop:time_trips')).body.graph.length).toBeGreaterThan(4);
    expect((await read('/column-lineage?nodeId=datasetField:shop:voucher:none')).status).toBe(404);
    const { results, totalCount } = (await read('/search?q=TRIP&limit=2')).body;
    expect(results).toHaveLength(2);
    expect(totalCount).toBeGreaterThan(3);
    expect((await read('/search?q=trip_week&filter=DATASET')).body.results).toMatchObject([
      { type: 'DATASET', nodeId: 'dataset:shop:trip_week', name: 'trip_week' },
    ]);
    expect((await read('/search')).status).toBe(400);
    const at = async (query: string) => (await read(`/events/lineage?${query}`)).body.totalCount;
    expect(await at('after=2026-11-02T22:00:00Z&before=2026-11-02T22:00:07Z')).toBeGreaterThan(10);
    expect(await at('before=2020-01-01T00:00:00Z')).toBe(0);
  });
});
