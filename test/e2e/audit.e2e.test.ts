import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { missingS3, testBucket } from '../testkit/s3.ts';

let app: TestApp;
let directory: string;
beforeAll(async () => {
  app = await testApp();
  directory = await mkdtemp(join(tmpdir(), 'lineward-audit-'));
});
afterAll(async () => {
  await app?.stop();
  await rm(directory, { recursive: true, force: true });
});

const run = promisify(execFile);
const cli = (...args: readonly string[]) => run(process.execPath, ['src/cli/main.ts', ...args]);
const verification = async (after = 0): Promise<Data> =>
  (
    await app.done(
      `query ($after: Float!) { auditVerification(after: $after) {
         fault { code seq explanation } links verifiedTo head checkpoints lastCheckpointAt pending publicKey } }`,
      { after },
    )
  ).auditVerification;

async function placeHold(matterId: string): Promise<void> {
  await app.done(
    `mutation ($matterId: String!) { placeLegalHold(input: { matterId: $matterId, reason: "r", scope: { accountId: "AC1" } }) {
       userErrors { message } } }`,
    { matterId },
  );
}

test('what is done is sealed within moments, is found by who, how and when, and verifies', async () => {
  const since = new Date(Date.now() - 1_000).toISOString();
  for (const matter of ['m1', 'm2', 'm3']) await placeHold(matter);
  const found = (filter: object): Promise<Data> =>
    app.done(
      `query ($filter: AuditEventFilter) { auditEvents(first: 5, filter: $filter) {
         nodes { action actorId seal { seq prev hash sealedAt } } } }`,
      { filter },
    );
  const { auditEvents } = await eventually(
    () => found({ action: 'placeLegalHold', actorId: 'local', outcome: 'SUCCESS', since }),
    ({ auditEvents: { nodes } }) => nodes.length === 3 && nodes.every((node: Data) => node.seal !== null),
  );
  const [newest, before] = auditEvents.nodes;
  expect(newest.seal.prev).toBe(before.seal.hash);
  expect(newest.seal.seq).toBe(before.seal.seq + 1);
  for (const none of [{ before: since }, { outcome: 'REFUSED' }, { actorId: 'nobody' }])
    expect((await found({ action: 'placeLegalHold', ...none })).auditEvents.nodes).toEqual([]);
  const proof = await eventually(
    () => verification(),
    ({ checkpoints }) => checkpoints > 0,
  );
  expect(proof).toMatchObject({ fault: null, pending: 0, verifiedTo: proof.head });
  expect(await verification(proof.head)).toMatchObject({ fault: null, links: 0 });
});

test('a link that is not there, or a number that is none, is refused', async () => {
  for (const after of [1e9, -1, 1.5]) {
    const { errors } = await app.graphql('query ($after: Float!) { auditVerification(after: $after) { links } }', {
      after,
    });
    expect(errors?.[0]?.extensions).toMatchObject({
      code: after === 1e9 ? 'NOT_FOUND' : 'BAD_INPUT',
      field: ['after'],
    });
  }
});

test('the log is written into a file that is verified without the service, and names what was changed in it', async () => {
  await placeHold('m4');
  // Ends of lines that are none in a file of lines.
  await placeHold('m\u2028n\u2029o\u0085p\r\nq');
  const proof = await eventually(
    () => verification(),
    ({ pending, checkpoints }) => pending === 0 && checkpoints > 0,
  );
  const file = join(directory, 'audit.ndjson');
  expect((await cli('audit', 'export', file, '--url', `${app.urls.main}/graphql`)).stdout).toContain(file);
  await expect(cli('audit', 'export', file, '--url', `${app.urls.main}/graphql`)).rejects.toMatchObject({
    stderr: expect.stringContaining('is there already'),
  });
  await expect(cli('audit', 'export', join(directory, 'none', 'x'), '--url', app.urls.main)).rejects.toMatchObject({
    stderr: expect.stringContaining('cannot be written'),
  });
  const published = join(app.lakeRoot, '..', 'ledger', 'audit');
  const trusted = ['--public-key', proof.publicKey, '--checkpoints', published];
  const { stdout } = await cli('audit', 'verify', file, ...trusted);
  // The service may have done something of its own meanwhile.
  expect(Number(/^valid +audit log of (\d+) event/u.exec(stdout)?.[1])).toBeGreaterThanOrEqual(proof.head);
  expect(stdout).toContain('signed by the key you trust');

  const lines = (await readFile(file, 'utf8')).split('\n');
  const third = lines.findIndex((line) => line.includes('"seq":3,'));
  await writeFile(file, lines.with(third, (lines[third] ?? '').replace('local', 'other')).join('\n'));
  await expect(cli('audit', 'verify', file, ...trusted)).rejects.toMatchObject({
    stderr: expect.stringMatching(/AUDIT_LOG_INVALID: .*first bad sequence number 3\. RECORD_CHANGED/u),
  });
  await writeFile(file, lines.slice(0, third).join('\n'));
  await expect(cli('audit', 'verify', file)).rejects.toMatchObject({ stderr: expect.stringContaining('BAD_INPUT') });
  await writeFile(file, `${lines[0]}\n${'x'.repeat(64 * 1024 * 1024 + 1)}`);
  await expect(cli('audit', 'verify', file)).rejects.toMatchObject({
    stderr: expect.stringContaining('a line of more'),
  });
  await writeFile(file, '');
  await expect(cli('audit', 'verify', file)).rejects.toMatchObject({ stderr: expect.stringContaining('is empty') });
  await expect(cli('audit', 'verify', join(directory, 'none'))).rejects.toMatchObject({
    stderr: expect.stringContaining('cannot be read'),
  });
});

test('an export that the service breaks off leaves no file that could be taken for one', async () => {
  const server = createServer((_request, response) => {
    response.write('{"type":"lineward.audit.export","version":1}\n', () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const file = join(directory, 'half.ndjson');
  try {
    await expect(cli('audit', 'export', file, '--url', `http://127.0.0.1:${port}`)).rejects.toMatchObject({
      stderr: expect.stringContaining('export it again'),
    });
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  } finally {
    server.close();
  }
});

test.skipIf((await missingS3()) !== null)(
  'checkpoints go to a bucket, from where a file is verified, too',
  async () => {
    const locked = await testBucket({ lock: true });
    const place = `s3://${locked.bucket}/audit`;
    const settings = { AUDIT_CHECKPOINT_URL: place, AUDIT_CHECKPOINT_S3_ENDPOINT: locked.endpoint };
    const own = await testApp(settings);
    const file = join(directory, 'published.ndjson');
    const asked = '{ auditVerification { fault { code } checkpoints pending publicKey } }';
    await own.done(
      `mutation { placeLegalHold(input: { matterId: "m", reason: "r", scope: { accountId: "AC1" } }) { userErrors { message } } }`,
    );
    const { auditVerification: proof }: Data = await eventually(
      () => own.done(asked),
      ({ auditVerification: { pending, checkpoints } }) => pending === 0 && checkpoints > 0,
    );
    expect(proof.fault).toBeNull();
    await cli('audit', 'export', file, '--url', `${own.urls.main}/graphql`);
    const args = ['src/cli/main.ts', 'audit', 'verify', file, '--public-key', proof.publicKey, '--checkpoints', place];
    const env = { ...process.env, ...settings, AUDIT_CHECKPOINT_URL: '' };
    const { stdout } = await run(process.execPath, args, { env });
    expect(stdout).toMatch(/kept apart +[1-9]\d* checkpoint\(s\) in s3:.* fit/u);
    await own.stop();
    await locked.close();
  },
);
