import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { printReport, verifyReport, writeEvidence } from '../../src/cli/report.ts';
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
  test('writes all of it as evidence that can be checked by itself, and tells what was changed', async () => {
    const to = join(directory, 'evidence');
    const given = { from: undefined, to: undefined, url: `${app.urls.main}/graphql` };
    const { stdout } = await run(process.execPath, ['src/cli/main.ts', 'report', 'all', to, '--url', given.url]);
    expect(stdout).toContain('6 reports and the audit log written');
    expect((await readdir(to)).length).toBe(13);
    const file = join(to, 'subject-requests.csv');
    expect(await verifyReport(file, null)).toContain('valid        report subject-requests of 2 row(s)');
    const { publicKey } = JSON.parse(await readFile(`${file}.signed.json`, 'utf8'));
    expect(await verifyReport(file, publicKey)).toContain('signed by the key you trust');
    await expect(verifyReport(file, 'AAAA')).rejects.toThrow(/another key/);
    await appendFile(file, 'more\n');
    await expect(verifyReport(file, null)).rejects.toThrow(/it was changed/);
    await expect(writeEvidence(to, given)).rejects.toThrow(/cannot be made/);
    expect(await printReport('access-rights', given)).toMatch(/^name,roles,created_by/);
    await expect(printReport('nothing', given)).rejects.toThrow(/404: There is no such report/);
  });
});
