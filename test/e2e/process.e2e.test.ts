import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { documentOf, eventually, postGraphql, register, webSocketClient } from '../testkit/app.ts';

const node = resolve('node_modules/.bin/node');
const readyLine =
  /^Lineward ready {2}GraphQL (http:\/\/[^ ]+)\/graphql {2}registry (http:\/\/[^ ]+) {2}produce (http:\/\/[^ ]+)\n/;

interface Lineward {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  out(): string;
  err(): string;
}

const started: Lineward[] = [];

function run(settings: Record<string, string>): Lineward {
  const child = spawn(node, ['--import', resolve('node_modules/tsx/dist/loader.mjs'), resolve('src/main.ts')], {
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      PORT: '0',
      REGISTRY_PORT: '0',
      PRODUCE_PORT: '0',
      LOG_LEVEL: 'warn',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  const exit = once(child, 'close').then(([code]) => code as number | null);
  const process_: Lineward = { child, exit, out: () => out, err: () => err };
  started.push(process_);
  return process_;
}

async function ready(lineward: Lineward): Promise<{ main: string; registry: string; produce: string }> {
  const ended = lineward.exit.then((code) => `ended with ${code}: ${lineward.err()}`);
  const line = await Promise.race([
    eventually(
      async () => lineward.out(),
      (text) => text.includes('\n'),
    ),
    ended,
  ]);
  const [, main = '', registry = '', produce = ''] = readyLine.exec(line) ?? [];
  expect(line).toMatch(readyLine);
  return { main, registry, produce };
}

async function stop(lineward: Lineward): Promise<number | null> {
  lineward.child.kill('SIGTERM');
  return lineward.exit;
}

/** Processes whose command line or working directory names the directory. */
async function processesOn(directory: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory);
    } catch {
      return false;
    }
  });
}

let directory: string;
let dataDir: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lineward-process-'));
  dataDir = join(directory, 'data');
});
afterEach(async () => {
  for (const lineward of started.splice(0)) {
    lineward.child.kill('SIGTERM');
    await lineward.exit;
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('with nothing set', () => {
  test('starts everything embedded, serves, and stops cleanly while a request is in flight', async () => {
    const lineward = run({ LINEWARD_DATA_DIR: dataDir });
    const { main, registry, produce } = await ready(lineward);
    expect(lineward.err()).toContain('authentication is off');

    const answer = await fetch(`${main}/readyz`);
    expect([answer.status, await answer.json()]).toMatchObject([
      200,
      { status: 'ready', parts: { database: { ready: true }, jobs: { ready: true }, keys: { ready: true } } },
    ]);
    for (const url of [registry, produce]) expect(await (await fetch(url)).json()).toEqual({});
    const page = await (await fetch(`${main}/graphql`, { headers: { accept: 'text/html' } })).text();
    expect(page).toMatch(/sandbox/i);
    const { data } = await postGraphql(main, { query: '{ __schema { queryType { name } } }' });
    expect(data.__schema.queryType.name).toBe('Query');
    const metrics = await fetch(`${main}/metrics`);
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await metrics.text()).toMatch(/^lineward_http_request_duration_seconds_bucket\{.*\} \d+$/m);

    // From source: what the loader keeps of the code is in it, about half.
    const status = readFileSync(`/proc/${lineward.child.pid}/status`, 'utf8');
    expect(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024).toBeLessThan(450);

    const input = {
      document: documentOf(
        'Kept',
        Array.from({ length: 9_000 }, (_, n) => ({ name: `f${n}`, type: 'int' })),
      ),
    };
    const inFlight = postGraphql(main, { query: register, variables: { input } });
    await eventually(
      async () => (await (await fetch(`${main}/metrics`)).text()).length,
      (length) => length > 0,
    );
    const sent = Date.now();
    expect(await stop(lineward)).toBe(0);
    expect(Date.now() - sent).toBeLessThan(10_000);
    expect((await inFlight).data.registerEntityVersion.version.number).toBe(1);
    expect(await processesOn(dataDir)).toEqual([]);
  });

  test('one process has the data directory; after kill -9 the next takes over with all data', async () => {
    const first = run({ LINEWARD_DATA_DIR: dataDir });
    const { main } = await ready(first);
    await postGraphql(main, { query: register, variables: { input: { document: documentOf('Survivor') } } });

    const second = run({ LINEWARD_DATA_DIR: dataDir });
    expect(await second.exit).toBe(1);
    expect(second.err()).toMatch(new RegExp(`DATA_DIR_LOCKED: Process ${first.child.pid} already runs`));
    expect((await fetch(`${main}/readyz`)).status).toBe(200);

    first.child.kill('SIGKILL');
    await first.exit;
    expect(await processesOn(join(dataDir, 'postgres'))).not.toEqual([]);
    const third = run({ LINEWARD_DATA_DIR: dataDir });
    const { main: again } = await ready(third);
    const { data } = await postGraphql(again, { query: '{ entities { nodes { name } } }' });
    expect(data.entities.nodes.map((entity: { name: string }) => entity.name)).toContain('Survivor');
    expect(await stop(third)).toBe(0);
    expect(await processesOn(dataDir)).toEqual([]);
  });

  test('the database that is killed is unavailable and not our fault, and comes back by itself', async () => {
    const lineward = run({ LINEWARD_DATA_DIR: dataDir });
    const { main } = await ready(lineward);
    const ask = () => postGraphql(main, { query: '{ entities(first: 1) { nodes { id } } }' });
    process.kill(
      Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]),
      'SIGKILL',
    );
    const { errors } = await eventually(ask, (answer) => answer.errors.length > 0);
    expect(errors[0]?.extensions).toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true });
    await eventually(ask, (answer) => answer.errors.length === 0);
    expect(await stop(lineward)).toBe(0);
    expect(await processesOn(dataDir)).toEqual([]);
  });

  test('a client that never sends the rest of its request does not keep it from stopping', async () => {
    const lineward = run({ LINEWARD_DATA_DIR: dataDir });
    const { main } = await ready(lineward);
    const { hostname, port } = new URL(main);
    const client = connect(Number(port), hostname).on('error', () => {});
    client.write('POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{');
    await once(client, 'connect');
    await fetch(`${main}/healthz`);
    expect(await stop(lineward)).toBe(0);
    expect(await processesOn(dataDir)).toEqual([]);
  });

  test('a signal during the start leaves nothing running', async () => {
    const own = join(directory, 'interrupted');
    const lineward = run({ LINEWARD_DATA_DIR: own });
    await eventually(
      () => readFile(join(own, 'postgres.log'), 'utf8').catch(() => ''),
      (log) => log !== '',
    );
    expect(await stop(lineward)).toBe(0);
    expect(await processesOn(own)).toEqual([]);
  });
});

describe('refuses to start, says why, and leaves nothing running', () => {
  test.each(['PORT', 'REGISTRY_PORT', 'PRODUCE_PORT'])('when %s is taken', async (variable) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const lineward = run({ LINEWARD_DATA_DIR: dataDir, [variable]: String(port) });
    expect(await lineward.exit).toBe(1);
    taken.close();
    expect(lineward.err()).toMatch(new RegExp(`PORT_IN_USE: Port ${port} on 127.0.0.1 is taken.* set ${variable} `));
    expect(lineward.out()).toBe('');
    expect(lineward.err()).not.toMatch(/^\s+at /m);
    expect(await processesOn(dataDir)).toEqual([]);
  });

  test.each([
    ['LINEWARD_DATA_DIR', 'below a file'],
    ['LINEWARD_DATA_DIR', '/proc/data'],
    ['LAKE_URL', 'file:///proc/lake'],
  ])('when %s cannot be written: %s', async (setting, given) => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    const place = given === 'below a file' ? join(file, 'data') : given;
    const lineward = run({ LINEWARD_DATA_DIR: dataDir, [setting]: place });
    expect(await lineward.exit).toBe(1);
    expect(lineward.err()).toMatch(new RegExp(`DATA_DIR_NOT_WRITABLE: .*set ${setting}`));
    expect(lineward.err()).not.toMatch(/^\s+at /m);
    expect(await processesOn(dataDir)).toEqual([]);
  });

  test('when Redis does not answer', async () => {
    const lineward = run({ LINEWARD_DATA_DIR: dataDir, REDIS_URL: 'redis://:hunter2@127.0.0.1:1' });
    expect(await lineward.exit).toBe(1);
    expect(lineward.err()).toMatch(/QUEUE_UNAVAILABLE: The Redis of REDIS_URL does not answer/);
    expect(lineward.err()).toMatch(/"code":"ECONNREFUSED".*"Redis does not answer"/);
    expect(lineward.err()).not.toMatch(/hunter2|^\s+at /m);
    expect(await processesOn(dataDir)).toEqual([]);
  });

  test('when settings are wrong: all of them are named, and no secret is printed', async () => {
    const lineward = run({
      PORT: 'http',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      LINEWARD_API_TOKEN: 'short-secret',
      KAFKA_BROKERS: 'broker',
      LAKE_URL: 'gs://bucket',
    });
    expect(await lineward.exit).toBe(1);
    for (const name of ['PORT', 'LOG_LEVEL', 'DATABASE_URL', 'LINEWARD_API_TOKEN', 'KAFKA_BROKERS', 'LAKE_URL'])
      expect(lineward.err()).toMatch(new RegExp(`^ {2}- ${name}: `, 'm'));
    expect(lineward.err()).toContain('CONFIG_INVALID');
    expect(lineward.err()).not.toMatch(/hunter2|short-secret/);
  });

  test('when the database is that of a superuser, unless that is allowed aloud', async () => {
    const settings = { LINEWARD_DATA_DIR: dataDir, DATABASE_URL: process.env.LINEWARD_TEST_DATABASE ?? '' };
    const refused = run(settings);
    expect(await refused.exit).toBe(1);
    expect(refused.err()).toMatch(/DATABASE_ROLE_REFUSED: The role "lineward" of DATABASE_URL is a superuser/);
    expect(refused.err()).toMatch(/create role lineward_app .*DATABASE_OWNER_ALLOWED=true/);
    expect(refused.err()).not.toContain(new URL(settings.DATABASE_URL).password);
    const allowed = run({ ...settings, DATABASE_OWNER_ALLOWED: 'true' });
    await ready(allowed);
    expect(allowed.err()).toContain('DATABASE_OWNER_ALLOWED: one role owns the tables');
  });

  test.each([{ HOST: '0.0.0.0' }, { NODE_ENV: 'production' }])('when %j comes without a token', async (settings) => {
    const lineward = run({ LINEWARD_DATA_DIR: join(directory, 'never'), ...settings } as Record<string, string>);
    expect(await lineward.exit).toBe(1);
    expect(lineward.err()).toMatch(/- LINEWARD_API_TOKEN: is required because/);
    expect(await readdir(directory)).not.toContain('never');
  });

  test('when the host is no address of this machine', async () => {
    const settings = { LINEWARD_DATA_DIR: dataDir, HOST: '192.0.2.1', LINEWARD_API_TOKEN: 'x'.repeat(16) };
    const lineward = run(settings);
    expect(await lineward.exit).toBe(1);
    expect(lineward.err()).toMatch(/CONFIG_INVALID: .*EADDRNOTAVAIL.*HOST/);
    expect(await processesOn(dataDir)).toEqual([]);
  });
});

describe('in production', () => {
  test('wants the token everywhere but on the health paths, and hides schema and landing page', async () => {
    const token = 'a-token-of-enough-length';
    const { main, registry, produce } = await ready(
      run({ LINEWARD_DATA_DIR: dataDir, NODE_ENV: 'production', LINEWARD_API_TOKEN: token }),
    );
    const ask = (query: string, authorization?: string) =>
      fetch(`${main}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
        body: JSON.stringify({ query }),
      });
    const basic = `Basic ${Buffer.from(`any:${token}`).toString('base64')}`;
    const query = '{ entities { totalCount } }';
    for (const wrong of [undefined, `Bearer ${token}x`, token, 'Bearer', `Basic ${token}`])
      expect((await ask(query, wrong)).status).toBe(401);
    const refused = await ask(query);
    expect(refused.headers.get('www-authenticate')).toContain('Bearer');
    expect(await refused.json()).toMatchObject({ code: 'UNAUTHENTICATED', requestId: expect.any(String) });
    for (const right of [`Bearer ${token}`, basic]) expect((await ask(query, right)).status).toBe(200);
    for (const url of [`${main}/metrics`, `${registry}/subjects`, `${produce}/`, `${main}/graphql`])
      expect((await fetch(url)).status).toBe(401);
    expect((await fetch(`${registry}/subjects`, { headers: { authorization: basic } })).status).toBe(200);
    for (const path of ['/healthz', '/readyz']) expect((await fetch(`${main}${path}`)).status).toBe(200);

    const hidden = (await (await ask('{ __schema { types { name } } }', basic)).json()) as { errors: unknown };
    expect(hidden.errors).toMatchObject([{ extensions: { code: 'BAD_INPUT' } }]);
    const misspelt = (await (await ask('{ entitis { totalCount } }', basic)).json()) as {
      errors: { message: string }[];
    };
    expect(misspelt.errors[0]?.message).not.toMatch(/entities/);
    const page = await fetch(`${main}/graphql`, { headers: { accept: 'text/html', authorization: basic } });
    expect(await page.text()).not.toMatch(/sandbox/i);

    const talk = async (given?: string) => {
      const client = webSocketClient(main, given);
      try {
        for await (const { data } of client.iterate({ query })) return data;
      } finally {
        await client.dispose();
      }
      return null;
    };
    await expect(talk()).rejects.toMatchObject({ code: 4403 });
    await expect(talk('wrong-token-of-some-length')).rejects.toMatchObject({ code: 4403 });
    expect(await talk(token)).toMatchObject({ entities: { totalCount: expect.any(Number) } });
  });
});

test('with Kafka configured and down the API lives, and /readyz says degraded and names it', async () => {
  const lineward = run({ LINEWARD_DATA_DIR: dataDir, KAFKA_BROKERS: '127.0.0.1:1' });
  const { main } = await ready(lineward);
  const answer = await fetch(`${main}/readyz`);
  expect([answer.status, await answer.json()]).toMatchObject([
    200,
    { status: 'degraded', parts: { kafka: { ready: false }, database: { ready: true } } },
  ]);
  expect((await postGraphql(main, { query: '{ entities { totalCount } }' })).errors).toEqual([]);
  expect(await stop(lineward)).toBe(0);
});
