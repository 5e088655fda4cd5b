import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportRegistry, importRegistry } from '../../src/cli/registry-transfer.ts';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';

let from: TestApp;
let into: TestApp;
let folder: string;
beforeAll(async () => {
  [from, into] = await Promise.all([testApp({ LINEWARD_ROLES: 'api' }), testApp({ LINEWARD_ROLES: 'api' })]);
  folder = await mkdtemp(join(tmpdir(), 'lineward-transfer-'));
});
afterAll(async () => {
  await Promise.all([from?.stop(), into?.stop(), rm(folder, { recursive: true, force: true })]);
});

const call = async (app: TestApp, method: string, path: string, body?: unknown): Promise<Data> => {
  const response = await fetch(`${app.urls.registry}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return response.json();
};
const exported = async (app: TestApp): Promise<string> =>
  (await fetch(`${app.urls.main}/api/v1/registry/export`)).text();
const imported = async (app: TestApp, lines: string): Promise<Data[]> => {
  const response = await fetch(`${app.urls.main}/api/v1/registry/import`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines,
  });
  expect(response.status).toBe(200);
  return (await response.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
};
const record = (name: string, fields: readonly object[]) =>
  JSON.stringify({ type: 'record', name, namespace: 'acme', fields });

async function fill(app: TestApp): Promise<void> {
  const register = (subject: string, body: object) =>
    call(app, 'POST', `/subjects/${encodeURIComponent(subject)}/versions`, body);
  await register('burnt', { schema: '"int"' });
  await call(app, 'DELETE', '/subjects/burnt');
  await call(app, 'DELETE', '/subjects/burnt?permanent=true');
  await register('address', { schema: record('Address', [{ name: 'city', type: 'string' }]) });
  await register('person', {
    schema: record('Person', [{ name: 'at', type: 'acme.Address' }]),
    references: [{ name: 'acme.Address', subject: 'address', version: 1 }],
    metadata: { tags: { '**.city': ['PII'] } },
    ruleSet: { domainRules: [{ name: 'r', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: 'true' }] },
  });
  await register('person', {
    schema: record('Person', [
      { name: 'at', type: 'acme.Address' },
      { name: 'age', type: ['null', 'int'], default: null },
    ]),
    references: [{ name: 'acme.Address', subject: 'address', version: 1 }],
  });
  await call(app, 'DELETE', '/subjects/person/versions/1');
  await register('order', { schemaType: 'JSON', schema: '{"title":"Order","type":"object","maximum":1.0}' });
  await register('event', { schemaType: 'PROTOBUF', schema: 'syntax = "proto3"; message E { string a = 1; }' });
  await register(':.staging:order', { schemaType: 'JSON', schema: '{"title":"Order"}' });
  await call(app, 'PUT', '/config', { compatibility: 'FULL' });
  await call(app, 'PUT', '/config/order', { compatibility: 'NONE', normalize: true });
}

describe('a registry that moves', () => {
  test('arrives with all ids, numbers, references, deletions and settings, and again changes nothing', async () => {
    await fill(from);
    const lines = await exported(from);
    await call(into, 'PUT', '/mode', { mode: 'IMPORT' });
    await call(into, 'PUT', '/mode/:.staging:', { mode: 'IMPORT' });
    for (let turn = 0; turn < 2; turn += 1) {
      const answers = await imported(into, lines);
      expect(answers.filter((answer) => !answer.ok)).toEqual([]);
      expect(answers).toHaveLength(lines.trim().split('\n').length);
      const again = (await exported(into)).split('\n').filter((line) => !line.includes('"mode":"IMPORT"'));
      expect(again).toEqual(lines.split('\n'));
    }
    const next = await call(into, 'PUT', '/mode', { mode: 'READWRITE' });
    expect(next).toEqual({ mode: 'READWRITE' });
    const largest = Math.max(
      ...lines.split('\n').flatMap((line) => (line.includes('"id"') ? [JSON.parse(line).id] : [])),
    );
    const { id } = await call(into, 'POST', '/subjects/fresh/versions', { schema: '"long"' });
    expect(id).toBeGreaterThan(largest);
  });

  test('leaves by its public API, and comes in by the command line', async () => {
    const app = await testApp({ LINEWARD_ROLES: 'api' });
    const file = join(folder, 'export.ndjson');
    expect(await exportRegistry(from.urls.registry ?? '', file)).toMatch(/^\d+ versions of \d+ subjects/);
    await call(app, 'PUT', '/mode', { mode: 'IMPORT' });
    await call(app, 'PUT', '/mode/:.staging:', { mode: 'IMPORT' });
    expect(await importRegistry(app.urls.main, file)).toMatch(/ 0 refused$/);
    const versions = (text: string) =>
      text.split('\n').filter((line) => line.includes('"version"') && line.includes('"id"'));
    expect(versions(await exported(app))).toEqual(versions(await exported(from)));
    expect((await readFile(file, 'utf8')).split('\n').length).toBeGreaterThan(6);
    await app.stop();
  });

  test.each([
    ['tells its subjects by pages', 2],
    ['knows no pages', null],
  ])('leaves whole from a registry that %s', async (_name, pageMax) => {
    const subjects = ['a', 'b', 'c', 'd', 'e'];
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://old');
      const offset = pageMax === null ? 0 : Number(searchParams.get('offset') ?? 0);
      const [, kind, subject, , version] = pathname.split('/');
      const answer =
        kind !== 'subjects'
          ? { compatibilityLevel: 'FULL' }
          : subject === undefined
            ? subjects.slice(offset, offset + (pageMax ?? subjects.length))
            : version === undefined
              ? [1]
              : { subject, version: 1, id: subjects.indexOf(subject) + 1, schema: '"int"' };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const file = join(folder, `pages-${pageMax}.ndjson`);
    expect(await exportRegistry(`http://127.0.0.1:${port}`, file)).toMatch(/^5 versions of 5 subjects/);
    server.close();
  });

  test('is refused line by line where a line is wrong, and the others arrive', async () => {
    await call(into, 'PUT', '/mode?force=true', { mode: 'IMPORT' });
    const line = (more: object) =>
      JSON.stringify({ subject: 'lines', version: 1, id: 9_001, schema: '"string"', ...more });
    const answers = await imported(
      into,
      [
        'no json',
        '{"subject":"x"}',
        line({ schema: '{' }),
        line({
          schema: record('Late', [{ name: 'a', type: 'acme.Later' }]),
          id: 9_003,
          version: 3,
          references: [{ name: 'acme.Later', subject: 'later', version: 1 }],
        }),
        line({}),
        line({ subject: 'later', id: 9_002, schema: record('Later', []) }),
        line({ id: 9_001, version: 2, schema: '"int"' }),
        line({ id: 9_004, version: 4, schema: '"int"', references: [{ name: 'x', subject: 'never', version: 1 }] }),
        '',
      ].join('\n'),
    );
    const byLine = Object.fromEntries(answers.map((answer) => [answer.line, answer.ok ? 'ok' : answer.code]));
    expect(byLine).toEqual({
      1: 'BAD_INPUT',
      2: 'BAD_INPUT',
      3: 'SCHEMA_INVALID',
      4: 'ok',
      5: 'ok',
      6: 'ok',
      7: 'REGISTRY_NOT_PERMITTED',
      8: 'SCHEMA_INVALID',
    });
  });

  test('needs IMPORT mode, and lines of the right type', async () => {
    const [answer] = await imported(from, JSON.stringify({ subject: 'a', version: 1, id: 77, schema: '"string"' }));
    expect(answer).toMatchObject({ ok: false, code: 'REGISTRY_NOT_PERMITTED' });
    const response = await fetch(`${from.urls.main}/api/v1/registry/import`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(await response.json()).toMatchObject({ code: 'BAD_INPUT' });
    const file = join(folder, 'refused.ndjson');
    await writeFile(file, 'x\n');
    await expect(importRegistry(from.urls.main, file)).rejects.toThrow('1 refused');
    await expect(importRegistry(from.urls.main, join(folder, 'none'))).rejects.toThrow('cannot be read');
    await expect(exportRegistry('http://127.0.0.1:1', join(folder, 'x'))).rejects.toThrow('nothing answers');
  });
});
