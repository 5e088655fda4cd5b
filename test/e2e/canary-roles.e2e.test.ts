import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesOfZip } from '../../src/cli/zip-files.ts';
import { type Role, roleNames } from '../../src/domain/access/role.ts';
import { reportNames } from '../../src/domain/governance/report.ts';
import { type Data, eventually, webSocketClient } from '../testkit/app.ts';
import { type CanaryWorld, canaryWorld, recordsOfPlace } from '../testkit/canary-world.ts';
import { erase } from '../testkit/erasure.ts';
import { asking, rootToken } from '../testkit/hidden-things.ts';
import { gatewayFor, missingKafka, scanAll } from '../testkit/kafka.ts';
import { postgresTools } from '../testkit/postgres-tools.ts';
import { documentFor, leastOf, rootFields } from '../testkit/root-documents.ts';

const redisUrl = process.env.LINEWARD_TEST_REDIS;
const missing = (await missingKafka()) ?? (redisUrl === undefined ? 'no Redis' : null);
const officer: Role = 'privacy_officer';

interface Told {
  readonly role: Role;
  readonly what: string;
  readonly text: string;
}

describe.skipIf(missing !== null)(`personal data of two entities${missing === null ? '' : `: ${missing}`}`, () => {
  let world: CanaryWorld;
  let directory: string;
  let topicId: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lineward-canary-'));
    world = await canaryWorld(redisUrl ?? '');
    await world.app.done('mutation { discoverTopics(input: {}) { userErrors { message } } }');
    const named = { name: world.places[0]?.raw };
    const { topics } = await world.app.done(
      'query ($name: String!) { topics(filter: { name: { eq: $name } }) { nodes { id } } }',
      named,
    );
    topicId = topics.nodes[0].id;
  });
  afterAll(async () => {
    await world?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Of the documents over all that can be read, with the least they take; and with what shows most. */
  const questions = (): readonly { what: string; query: string; variables: object }[] => {
    const { marks, places, preview } = world;
    const { canary, person } = marks;
    const least = rootFields()
      .filter(({ root }) => root === 'Query')
      .map(({ root, field }) => {
        const variables = leastOf(field.args);
        const { query } = documentFor(root, field, Object.keys(variables));
        return { what: field.name, query, variables };
      });
    const most = [
      '{ entities(first: 50) { nodes { fullName versions(first: 9) { nodes { document fields(first: 50) { nodes { path } } } } } } }',
      '{ datasets(first: 50) { nodes { name documentation lakeTable { location rows } fields(first: 50) { nodes { path } } } } }',
      `{ search(query: "${canary}", first: 50) { totalCount nodes { kind } facets { tag { value } } } }`,
      '{ changes(last: 100) { nodes { type action resourceName actorId } } }',
      '{ streams(first: 9) { nodes { status { reason setAside passed } lag { records } } } }',
      '{ topics(first: 50) { nodes { name partitions(first: 9) { nodes { latest } } } } }',
      '{ transformers(first: 9) { nodes { versions(first: 9) { nodes { document } } runs(first: 9) { nodes { reason rejects { code field rows places } } } } } }',
      '{ operations(first: 50) { nodes { statusReason reason gaps { reason } plan subjects(first: 9) { nodes { accountId } } certificate { body } } } }',
      '{ auditEvents(first: 100) { nodes { action details } } }',
      '{ legalHolds(first: 9) { nodes { matterId reason } } }',
      '{ kafkaCluster { consumerGroups(first: 50) { nodes { name } } } }',
      `{ explainDecision(item: { accountId: "AC1", datasetId: "${places[0]?.rawId}", subject: { field: "sid", value: "${person}-1" } }) { action reason } }`,
    ].map((query) => ({ what: query.slice(0, 40), query, variables: {} }));
    return [
      ...least,
      ...most,
      {
        what: 'previewTransformer',
        query: `mutation ($input: PreviewTransformerInput!) { previewTransformer(input: $input) { userErrors { code message }
          preview { before after { json partition } rejects { code field places } } } }`,
        variables: { input: { document: preview } },
      },
      {
        what: 'sampleTopic',
        query: `mutation ($input: SampleTopicInput!) { sampleTopic(input: $input) { userErrors { code message } sample { records unreadable
          suggestions { path semanticType declared } } } }`,
        variables: { input: { id: topicId, seconds: 1 } },
      },
    ];
  };
  const addresses = (): readonly string[] => {
    const { main, registry } = world.app.urls;
    return [
      ...reportNames.flatMap((name) => [`${main}/api/v1/reports/${name}`, `${main}/api/v1/reports/${name}?format=csv`]),
      `${main}/api/v1/audit/export`,
      `${main}/api/v1/events/lineage`,
      `${main}/api/v1/registry/export`,
      `${main}/api/v1/search?q=${world.marks.canary}`,
      `${main}/api/v1/jobs`,
      `${main}/metrics`,
      ...world.places.map(({ fullName }) => `${registry}/v1/entities/${fullName}/versions/latest`),
      `${registry}/schemas`,
    ];
  };

  /** Everything that somebody of a role is told. */
  async function toldTo(role: Role, token: string): Promise<readonly Told[]> {
    const { app, places } = world;
    const kit = asking(app);
    const told: Told[] = [];
    const add = (what: string, answer: string): void => void told.push({ role, what, text: answer });
    for (const { what, query, variables } of questions())
      add(what, JSON.stringify(await kit.ask(token, query, variables)));
    for (const url of addresses()) add(url, (await kit.get(token, url)).text);
    const url = `${app.urls.main}/api/v1/evidence/all`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const bytes = Buffer.from(await response.arrayBuffer());
    if (response.status !== 200) add('evidence', bytes.toString());
    else {
      const file = join(directory, `${role}.zip`);
      await writeFile(file, bytes);
      for (const packed of await filesOfZip(file)) add(`evidence ${packed.name}`, await text(packed.content()));
    }
    for (const { table } of places)
      for (const decrypt of [false, true]) {
        const opened = await kit.send(token, `${app.urls.main}/api/v1/lake/reads`, { table, purpose: 'test', decrypt });
        add(`lake read ${decrypt}`, opened.text);
        if (opened.status !== 201) continue;
        const rows = await kit.get(token, `${app.urls.main}/api/v1/lake/reads/${JSON.parse(opened.text).id}/rows`);
        add(`lake rows ${decrypt}`, rows.text);
      }
    const client = webSocketClient(app.urls.main, token);
    const heard: Data[] = [];
    const done = client.subscribe(
      { query: 'subscription { changed(after: "0") { type action resourceName resourceId actorId } }' },
      { next: (event) => heard.push(event), error: () => {}, complete: () => {} },
    );
    await eventually(
      async () => heard.length,
      (count) => count > 5,
    );
    done();
    await client.dispose();
    add('subscription', JSON.stringify(heard));
    return told;
  }

  test('is told in clear to who may see it, where records are shown, and to nobody else anywhere', async () => {
    const { app, marks } = world;
    await app.restart({ LINEWARD_API_TOKEN: rootToken });
    const kit = asking(app);
    const told: Told[] = [];
    try {
      for (const role of roleNames) told.push(...(await toldTo(role, await kit.tokenOf(`canary-${role}`, [role]))));
    } finally {
      await app.restart();
    }
    expect(told.length).toBeGreaterThan(roleNames.length * 75);
    const clear = told.filter(({ text: answer }) => answer.includes(marks.canary));
    // A preview protects what it takes of a topic for the officer, too; who persons are is shown to that role there alone.
    expect(new Set(clear.map(({ role, what }) => `${role}: ${what}`))).toEqual(new Set([`${officer}: lake rows true`]));
    const persons = told.filter(
      ({ what, text: answer }) => what === 'previewTransformer' && answer.includes(marks.person),
    );
    expect(persons.map(({ role }) => role)).toEqual([officer]);
    expect(told.filter(({ text: answer }) => answer.includes(marks.refused))).toEqual([]);
    // None of them was silent because it did not work.
    for (const what of ['previewTransformer', 'sampleTopic', 'lake rows false', 'subscription'])
      expect(
        told.some((one) => one.what === what && one.text.length > 50),
        what,
      ).toBe(true);
  });

  test('is in the topics that were sent to, and in none that the product writes', async () => {
    const { brokers, places, marks } = world;
    const gateway = gatewayFor(brokers);
    const cluster = await gateway.cluster.describe();
    const names = cluster.topics
      .map(({ name }) => name)
      .filter((name) => places.some(({ raw, clean }) => name.startsWith(raw) || name.startsWith(clean)));
    // What is raw, what is clean, and what could be made neither of: by each entity.
    expect(names.filter((name) => name.endsWith('.dead-letter'))).toHaveLength(2);
    expect(names.length).toBeGreaterThanOrEqual(6);
    for (const name of names) {
      const records = await scanAll(gateway, name);
      const texts = records.map(({ key, value, headers }) => `${key} ${value} ${JSON.stringify(headers)}`);
      const isRaw = places.some(({ raw }) => raw === name);
      // A raw topic holds what was sent until it is erased there; it is the product's to keep it to itself.
      expect(
        texts.some((one) => one.includes(marks.canary)),
        name,
      ).toBe(isRaw);
      expect(
        texts.some((one) => one.includes(marks.refused)),
        name,
      ).toBe(isRaw);
    }
    await gateway.close();
  });

  test('of who was erased is nowhere afterwards, nor is any in logs, queues, hooks or a dump of the database', async () => {
    const { app, marks, places, record, brokers, log, hooks } = world;
    const erased = [0, 1, 2];
    for (const place of places)
      for (const n of erased) {
        const subject = { field: place.key, value: record(place, n)[place.key] };
        const done = await erase(app, {
          subjects: [{ accountId: record(place, n).account, subject }],
          entityId: place.entityId,
        });
        expect(done.statusReason ?? done.status, JSON.stringify(done.gaps)).toBe('COMPLETED');
      }
    const isErased = new RegExp(`${marks.person}-[0-2](?!\\d)`);
    const isPersonal = new RegExp(`${marks.canary}|${marks.refused}|${isErased.source}`);
    const found = (texts: readonly string[]): readonly string[] => texts.filter((one) => isPersonal.test(one));
    const gateway = gatewayFor(brokers);
    for (const { raw, clean } of places)
      for (const topic of [raw, clean]) {
        const last = new Map((await scanAll(gateway, topic)).map(({ key, value }) => [String(key), String(value)]));
        expect(
          [...last.values()].filter((value) => isErased.test(value)),
          topic,
        ).toEqual([]);
      }
    await gateway.close();
    const redis = new Redis(redisUrl ?? '');
    const queued: string[] = [];
    for await (const keys of redis.scanStream({ count: 500 }))
      for (const key of keys as string[])
        queued.push(`${key} ${(await redis.dumpBuffer(key))?.toString('latin1') ?? ''}`);
    redis.disconnect();
    expect(found(queued)).toEqual([]);
    expect(log.length).toBeGreaterThan(50);
    expect(found(log)).toEqual([]);
    expect(hooks.received.length).toBeGreaterThan(0);
    expect(found(hooks.received.map(({ body, headers }) => `${body} ${JSON.stringify(headers)}`))).toEqual([]);
    const files = await readdir(app.lakeRoot, { recursive: true, withFileTypes: true });
    const staged = files.filter((file) => file.isFile() && /\/_(?:erasure|landing)(?:\/|$)/.test(file.parentPath));
    expect(staged.map(({ name }) => name)).toEqual([]);
    expect(files.filter((file) => file.isFile()).length).toBeGreaterThan(1);
    for (const { table } of places) expect(await rowsOf(table)).toBe(recordsOfPlace - erased.length);
  });

  async function rowsOf(table: string): Promise<number> {
    const { app, marks } = world;
    const kit = asking(app);
    const { text: opened } = await kit.send('', `${app.urls.main}/api/v1/lake/reads`, { table, purpose: 'test' });
    const { text: rows } = await kit.get('', `${app.urls.main}/api/v1/lake/reads/${JSON.parse(opened).id}/rows`);
    expect(rows).not.toMatch(new RegExp(`${marks.person}-[0-2](?!\\d)`));
    return rows.trim().split('\n').length - 1;
  }

  test('is in no dump that the tools of the database make', async ({ skip }) => {
    const tools = await postgresTools();
    if (tools === null) return skip('no tools of PostgreSQL');
    const { app, marks } = world;
    const file = join(directory, 'dump.sql');
    const [{ name }] = await app.em.fork().execute<[{ name: string }]>('select current_database() as name');
    const address = new URL(process.env.LINEWARD_TEST_DATABASE ?? '');
    address.pathname = `/${name}`;
    await promisify(execFile)(tools.pgDump, ['--file', file, address.href]);
    const dump = await readFile(file, 'utf8');
    expect(dump.length).toBeGreaterThan(100_000);
    expect(dump).toContain('CREATE TABLE public.audit_seal');
    for (const mark of [marks.canary, marks.refused]) expect(dump).not.toContain(mark);
    expect(dump).not.toMatch(new RegExp(`${marks.person}-[0-2](?!\\d)`));
  });
});
