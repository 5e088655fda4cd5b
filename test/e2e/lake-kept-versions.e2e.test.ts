import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectLegalHoldCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { erase } from '../testkit/erasure.ts';
import { clickFields, clicks, upload, writeClicks } from '../testkit/plain-table.ts';
import { type RefusingGate, refusingGate } from '../testkit/refusing-gate.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from '../testkit/s3.ts';

const missing = await missingS3();
/** Of data files: segments of the index are written anew under their names, which this server refuses over a delete marker. */
const deletions = /^DELETE .*\/clicks\d+\/.*versionId=/u;
const questions = /^GET .*[?&](?:retention|legal-hold)/u;

describe.skipIf(missing !== null)(`older versions that a bucket does not let go (${missing ?? ''})`, () => {
  let app: TestApp;
  let bucket: TestBucket;
  let gate: RefusingGate;
  let local: string;
  let table: string;
  let count = 0;
  let entityId: string;
  beforeAll(async () => {
    bucket = await testBucket({ lock: true });
    gate = await refusingGate(bucket.endpoint);
    app = await testApp({ LAKE_URL: `s3://${bucket.bucket}/${bucketPrefix}`, LAKE_S3_ENDPOINT: gate.url });
    local = await mkdtemp(join(tmpdir(), 'lineward-kept-'));
    await writeClicks(join(local, 'clicks'), 'YMD', clicks(60, 1));
  });
  afterAll(async () => {
    await app?.stop();
    await gate?.close();
    await bucket?.close();
    await rm(local, { recursive: true, force: true });
  });

  /** Four files of sixty clicks, as a table of an entity of its own. */
  beforeEach(async () => {
    gate.refuse(null);
    count += 1;
    table = `clicks${count}`;
    await upload(bucket, join(local, 'clicks'), table);
    const document = documentOf(`Click${count}`, clickFields);
    entityId = (await app.done(register, { input: { document } })).registerEntityVersion.entity.id;
    const keys = { accountField: 'account', subjectFields: ['person'], dateField: 'day' };
    const { registerLakeTable } = await app.done(
      'mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { code } registration { id } } }',
      { input: { entityId, location: table, ...keys } },
    );
    const { id } = registerLakeTable.registration;
    const ask = `query ($id: ID!) { node(id: $id) { ... on LakeRegistration { status } } }`;
    const made = await eventually(
      async () => (await app.done(ask, { id })).node,
      ({ status }: Data) => status !== 'PROFILING',
    );
    expect(made.status).toBe('REGISTERED');
  });

  const erased = (account: string): Promise<Data> => erase(app, { entityId, subjects: [{ accountId: account }] });
  const versions = () => bucket.versions(`${bucketPrefix}/${table}/`);
  const files = async () => new Set((await versions()).map(({ key }) => key)).size;
  const reasonsOf = (points: readonly Data[]): string[] => points.map(({ reason }) => reason);

  it('for want of a permission are open: the operation is PARTIAL and says what to grant', async () => {
    gate.refuse(deletions);
    const done = await erased('AC1');
    const count = await files();
    const { status, targets } = done;
    expect([status, targets.nodes[0].statusReason]).toEqual(['PARTIAL', null]);
    expect(gate.refused.length).toBeGreaterThan(0);
    expect(await versions()).toHaveLength(2 * count);
    const { receipt } = targets.nodes[0];
    expect(receipt).toMatchObject({ recordsErased: 20, filesRewritten: count });
    expect(receipt.open).toHaveLength(count);
    for (const { code, reason } of receipt.open)
      expect([code, reason]).toEqual(['OLDER_VERSIONS', expect.stringContaining('s3:DeleteObjectVersion')]);
    const { body } = done.certificate;
    expect(body).toMatchObject({ outcome: 'PARTIAL', totals: { survivors: 0, lost: 0 }, residues: [] });
    expect(reasonsOf(body.open).filter((reason) => reason.includes('s3:DeleteObjectVersion'))).toHaveLength(count);
    // With the permission whoever comes next removes them.
    gate.refuse(null);
    const next = await erased('AC2');
    expect(next.certificate.body.open).toEqual([]);
    expect(next.status).toBe('COMPLETED');
    expect(await versions()).toHaveLength(count);
  });

  it('and of which nobody may ask whether they are locked, are open as well', async () => {
    gate.refuse(new RegExp(`${deletions.source}|${questions.source}`, 'u'));
    const done = await erased('AC1');
    expect([done.status, done.targets.nodes[0].statusReason]).toEqual(['PARTIAL', null]);
    expect(done.certificate.body.residues).toEqual([]);
    expect(reasonsOf(done.targets.nodes[0].receipt.open)[0]).toContain('s3:GetObjectRetention');
    // Tried again with the permissions the same operation completes.
    gate.refuse(null);
    await app.done(
      'mutation ($input: RetryOperationInput!) { retryOperation(input: $input) { userErrors { code } } }',
      {
        input: { id: done.id },
      },
    );
    const planned = await eventually(
      async () =>
        (await app.done('query ($id: ID!) { node(id: $id) { ... on Operation { status planHash } } }', { id: done.id }))
          .node,
      ({ status }: Data) => status === 'PLANNED',
    );
    await app.done(
      'mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code } } }',
      { input: { id: done.id, planHash: planned.planHash } },
    );
    await eventually(
      async () =>
        (await app.done('query ($id: ID!) { node(id: $id) { ... on Operation { status } } }', { id: done.id })).node,
      ({ status }: Data) => status === 'COMPLETED',
    );
    expect(await versions()).toHaveLength(await files());
  });

  it('under a lock are residues with the day on which it ends, and those under a legal hold say so', async () => {
    const until = new Date(Date.now() + 2 * 86_400_000);
    until.setMilliseconds(0);
    const [first, second, ...others] = await versions();
    const at = ({ key, versionId }: { key: string; versionId: string }) => {
      return { Bucket: bucket.bucket, Key: key, VersionId: versionId };
    };
    if (first === undefined || second === undefined) return expect.fail('no versions');
    const Retention = { Mode: 'COMPLIANCE' as const, RetainUntilDate: until };
    await bucket.client.send(new PutObjectRetentionCommand({ ...at(first), Retention }));
    await bucket.client.send(new PutObjectLegalHoldCommand({ ...at(second), LegalHold: { Status: 'ON' } }));
    const done = await erased('AC1');
    expect(done.certificate.body.open).toEqual([]);
    expect(done.status).toBe('COMPLETED');
    const { residues } = done.certificate.body;
    const nameOf = ({ key }: { key: string }) => key.slice(`${bucketPrefix}/`.length);
    expect(residues).toHaveLength(2);
    expect(residues).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          until: until.toISOString(),
          reason: `${nameOf(first)}: an object lock keeps an older version of it`,
        }),
        expect.objectContaining({
          until: null,
          reason: `${nameOf(second)}: a legal hold in the bucket keeps an older version of it`,
        }),
      ]),
    );
    expect(await versions()).toHaveLength(others.length + 4);
  });
});
