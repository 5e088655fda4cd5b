import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyFile } from '../../src/cli/audit-log.ts';
import { printReport, verifyReport, writeEvidence } from '../../src/cli/report.ts';
import { filesOfZip } from '../../src/cli/zip-files.ts';
import { newId } from '../../src/domain/id.ts';
import { zipOf } from '../../src/http/zip.ts';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';

const run = promisify(execFile);

let app: TestApp;
let directory: string;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  directory = await mkdtemp(join(tmpdir(), 'lineward-reports-'));
  const fields = [
    { name: 'account', type: 'string' },
    { name: 'day', type: 'string' },
    { name: 'mail', type: 'string', twilio_type: 'email' },
  ];
  const { registerEntityVersion } = await app.done(register, { input: { document: documentOf('Report', fields) } });
  const entityId = registerEntityVersion.entity.id;
  await app.done('mutation ($input: DescribeEntityInput!) { describeEntity(input: $input) { userErrors { code } } }', {
    input: { entityId, owners: ['=cmd()'], documentation: 'Letters, "mostly"' },
  });
  await app.done(
    'mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message } } }',
    { input: { entityId, area: 'demo', dateField: 'day', accountField: 'account' } },
  );
  await app.done('mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code } } }', {
    input: { subjects: [{ accountId: 'AC1' }, { accountId: 'AC2' }] },
  });
  await app.em.fork().execute(
    `insert into operation (id, kind, status, input_digest, requested_by, created_at, finished_at, updated_at)
     values ('old', 'ERASURE', 'PARTIAL', '', 'ann', '2026-01-31T12:00:00Z', '2026-02-01T12:00:00Z', now())`,
  );
  await app.em
    .fork()
    .execute(
      `insert into erasure_deferral (operation_id, by_hold, by_minimum, since) values ('old', true, false, now())`,
    );
});
afterAll(async () => {
  await app?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function report(name: string, query = ''): Promise<readonly Data[]> {
  const response = await fetch(`${app.urls.main}/api/v1/reports/${name}${query}`);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
  return parse(await response.text(), { columns: true });
}

describe('a report', () => {
  test('tells where personal data is, whose, and how long', async () => {
    expect(await report('processing-records')).toMatchObject([
      {
        entity: 'Demo.Report',
        purpose: 'Letters, "mostly"',
        place_kind: 'LAKE_TABLE',
        categories: 'PII',
        semantic_types: 'email',
        personal_fields: '1',
        // What a spreadsheet would run is a text.
        owners: "'=cmd()",
        retention_days: '',
      },
    ]);
    expect(await report('retention-coverage')).toMatchObject([{ entity: 'Demo.Report', coverage: 'NONE' }]);
  });

  test('tells requests of data subjects by their deadline, and no subject', async () => {
    const rows = await report('subject-requests');
    expect(rows).toMatchObject([
      {
        operation: 'old',
        requested_at: '2026-01-31T12:00:00.000Z',
        due_at: '2026-02-28T12:00:00.000Z',
        late: 'true',
        deferred_by: 'LEGAL_HOLD',
      },
      { kind: 'ERASURE', subjects: '2', late: 'false', deferred_by: '' },
    ]);
    expect(JSON.stringify(rows)).not.toContain('AC1');
    expect(await report('subject-requests', '?to=2026-02-01')).toHaveLength(1);
    expect(await report('subject-requests', '?from=2026-02-01T00:00:00Z')).toHaveLength(1);
  });

  test('tells who approved what, and who may do what', async () => {
    expect(await report('approvals', '?from=2026-02-01')).toMatchObject([
      { requested_by: 'local', approved_by: '', approved_by_requester: 'false' },
    ]);
    await app.done(
      'mutation { createApiToken(input: { name: "a", roles: [viewer, auditor] }) { userErrors { code } } }',
    );
    expect(await report('access-rights')).toMatchObject([{ name: 'a', roles: 'viewer; auditor', in_force: 'true' }]);
  });

  test('is a query, too: by parts, within bounds, and told in the audit log', async () => {
    const ask = `query ($limit: Int, $offset: Int, $to: DateTimeISO) {
      report(name: SUBJECT_REQUESTS, limit: $limit, offset: $offset, to: $to) { columns rows hasMore } }`;
    const whole = await report('subject-requests');
    const { report: first } = await app.done(ask, { limit: 1 });
    expect(first).toMatchObject({
      hasMore: true,
      rows: [{ operation: 'old', late: true, due_at: '2026-02-28T12:00:00.000Z' }],
    });
    expect(first.columns).toEqual(Object.keys(whole[0]));
    const { report: second } = await app.done(ask, { limit: 1, offset: 1 });
    expect(second).toMatchObject({ hasMore: false, rows: [{ subjects: 2 }] });
    expect((await app.done(ask, { to: '2026-02-01T00:00:00Z' })).report.rows).toHaveLength(1);
    for (const [name, value] of [
      ['limit', 0],
      ['limit', 1_001],
      ['offset', -1],
    ] as const)
      expect((await app.graphql(ask, { [name]: value })).errors).toMatchObject([
        {
          message: expect.stringContaining(`${name} must be between`),
          extensions: { code: 'BAD_INPUT', field: [name] },
        },
      ]);
    const events = '{ auditEvents(first: 1, filter: { action: "readReport" }) { nodes { details } } }';
    expect((await app.done(events)).auditEvents.nodes[0].details).toMatchObject({
      rows: 1,
      to: '2026-02-01T00:00:00.000Z',
    });
  });

  test('that there is none of, or of no time, is refused with those there are', async () => {
    const refused = async (path: string): Promise<Data> =>
      (await fetch(`${app.urls.main}/api/v1/reports${path}`)).json();
    expect(await refused('/nothing')).toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('clear-reads'),
    });
    expect(await refused('/approvals?from=yesterday')).toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('from'),
    });
    expect((await refused('')).reports.map(({ name }: Data) => name)).toContain('subject-requests');
  });
});

test('who read clear values is counted by day, account and purpose', async () => {
  const em = app.em.fork();
  for (const [values, outcome] of [
    [3, 'SUCCESS'],
    [4, 'SUCCESS'],
    [9, 'REFUSED'],
  ] as const)
    await em.execute(
      `insert into audit_event (id, at, actor_id, actor_kind, action, resource_type, outcome, details)
       values (gen_random_uuid()::text, '2026-03-01T23:30:00Z', 'ann', 'token', 'decrypt', 'Account', ?, ?::jsonb)`,
      [outcome, JSON.stringify({ accountId: 'AC1', purpose: 'support', values })],
    );
  expect(await report('clear-reads', '?from=2026-03-01&to=2026-03-02')).toEqual([
    {
      day: '2026-03-01',
      actor: 'ann',
      account: 'AC1',
      table: '',
      columns: '',
      purpose: 'support',
      calls: '3',
      values: '7',
      refused_calls: '1',
    },
  ]);
});

describe('the command line', () => {
  const given = () => ({ from: undefined, to: undefined, url: `${app.urls.main}/graphql` });
  const bundle = async (framework: string): Promise<string> => {
    const file = join(directory, `${framework}-${newId()}.zip`);
    await writeEvidence(framework, { ...given(), file });
    return file;
  };
  const unpacked = async (file: string): Promise<Map<string, Buffer>> => {
    const contents = (await filesOfZip(file)).map(async (one) => [one.name, await buffer(one.content())] as const);
    return new Map(await Promise.all(contents));
  };
  /** The archive with other files, put together as the service does it. */
  async function tampered(file: string, change: (files: [string, Buffer][]) => [string, Buffer][]): Promise<string> {
    const files = change([...(await unpacked(file))]).map(([name, content]) => ({
      name,
      content: Readable.from([content]),
    }));
    const to = file.replace('.zip', `-${newId()}.zip`);
    await writeFile(to, await buffer(zipOf(Readable.from(files))));
    return to;
  }

  test('prints a report, and refuses one that there is none of', async () => {
    expect(await printReport('access-rights', given())).toMatch(/^name,roles,created_by/);
    await expect(printReport('nothing', given())).rejects.toThrow(/404: There is no such report/);
    await expect(writeEvidence('iso', { ...given(), file: join(directory, 'iso.zip') })).rejects.toThrow(/gdpr, sox/);
  });

  test('writes the evidence for a framework, which can be checked by itself', async () => {
    const to = join(directory, 'sox.zip');
    const { stdout } = await run(process.execPath, [
      ...['src/cli/main.ts', 'report', 'bundle', 'sox', to],
      ...['--url', given().url],
    ]);
    expect(stdout).toContain(`written to ${to}`);
    const files = await unpacked(to);
    expect([...files.keys()]).toEqual([
      ...['approvals', 'access-rights', 'retention-coverage'].flatMap((name) => [
        `${name}.csv`,
        `${name}.csv.signed.json`,
      ]),
      ...['audit.ndjson', 'manifest.json'],
    ]);
    const { body, publicKey } = JSON.parse(String(files.get('manifest.json')));
    expect(body).toMatchObject({ type: 'lineward.evidence', framework: 'sox', from: null });
    expect(body.obligations[0]).toMatchObject({
      framework: 'sox',
      files: ['approvals.csv', 'access-rights.csv', 'audit.ndjson'],
    });
    expect(await verifyReport(to, null)).toContain('valid        evidence for sox, 7 file(s)');
    expect(await verifyReport(to, publicKey)).toContain('signed by the key you trust');
    await expect(verifyReport(to, 'AAAA')).rejects.toThrow(/another key/);
    await expect(writeEvidence('sox', { ...given(), file: to })).rejects.toThrow(/is there already/);
    for (const [name, content] of files) await writeFile(join(directory, name), content);
    expect(await verifyFile(join(directory, 'audit.ndjson'), { publicKey: null, checkpoints: null })).toContain(
      'valid',
    );
    const report = join(directory, 'approvals.csv');
    expect(await verifyReport(report, publicKey)).toContain('valid        report approvals');
    await appendFile(report, 'more\n');
    await expect(verifyReport(report, null)).rejects.toThrow(/it was changed/);
  });

  test('names what was changed, put in or taken out of it', async () => {
    const file = await bundle('all');
    expect((await unpacked(file)).size).toBe(14);
    const rejected = async (change: (files: [string, Buffer][]) => [string, Buffer][]) =>
      verifyReport(await tampered(file, change), null).catch(
        ({ code, message }) => `${code} ${message.split('.zip')[1]}`,
      );
    expect(await rejected((files) => files)).toContain('valid');
    expect(
      await rejected((files) =>
        files.map(([name, text]) => [name, name === 'approvals.csv' ? Buffer.from('x') : text]),
      ),
    ).toBe('CERTIFICATE_INVALID : approvals.csv was changed');
    expect(await rejected((files) => files.filter(([name]) => name !== 'audit.ndjson'))).toMatch(
      /audit.ndjson 0 times/,
    );
    expect(await rejected((files) => [...files, ['extra.csv', Buffer.from('x')]])).toMatch(/extra.csv, of which/);
    const forged = (text: Buffer) => Buffer.from(String(text).replace('"framework": "all"', '"framework": "sox"'));
    expect(
      await rejected((files) => files.map(([name, text]) => [name, name === 'manifest.json' ? forged(text) : text])),
    ).toMatch(/signature does not fit/);
    expect(await rejected((files) => files.filter(([name]) => name !== 'manifest.json'))).toMatch(/^BAD_INPUT/);
    const bytes = await readFile(file);
    for (const cut of [0, 10, bytes.length - 40]) {
      await writeFile(join(directory, 'cut.zip'), bytes.subarray(0, cut));
      await expect(verifyReport(join(directory, 'cut.zip'), null)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    }
  });

  test('keeps no part of an archive that breaks off', async () => {
    const em = app.em.fork();
    await em.execute('alter table operation rename column requested_by to asked_by');
    try {
      await expect(bundle('sox')).rejects.toMatchObject({ code: 'BAD_INPUT' });
      expect((await readdir(directory)).filter((name) => name.startsWith('sox-'))).toEqual([]);
    } finally {
      await em.execute('alter table operation rename column asked_by to requested_by');
    }
  });
});
