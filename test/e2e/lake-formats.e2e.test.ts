import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LocalLakeStore } from '../../src/adapters/store/local/local-store.ts';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { carriedOut, erase } from '../testkit/erasure.ts';
import { writeMixedClicks } from '../testkit/mixed-table.ts';
import { clickFields, plainDuckdb, upload } from '../testkit/plain-table.ts';
import { put, readAvro, type TestRecord } from '../testkit/record-files.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from '../testkit/s3.ts';

const missing = await missingS3();
const registration = `query ($id: ID!) { node(id: $id) { ... on LakeRegistration { id status code reason filesDone
  dataset { id lakeTable { partitioning files rows } }
  profile { files rows partitioning unreadableFiles unreadable { path reason } columnFacts { column kind found }
    groups { files rows format codec refusals example columns { name type } } } } } }`;

describe.each([
  ['a directory', false],
  ['a bucket', true],
])('files of several formats in %s', (_name, inBucket) => {
  describe.skipIf(inBucket && missing !== null)(missing ?? 'are there', () => {
    let app: TestApp;
    let entityId: string;
    let bucket: TestBucket | null = null;
    let local: string;
    beforeAll(async () => {
      bucket = inBucket ? await testBucket() : null;
      const place =
        bucket === null ? {} : { LAKE_URL: `s3://${bucket.bucket}/${bucketPrefix}`, LAKE_S3_ENDPOINT: bucket.endpoint };
      app = await testApp(place);
      const { registerEntityVersion } = await app.done(register, {
        input: { document: documentOf('Click', clickFields) },
      });
      entityId = registerEntityVersion.entity.id;
      local = bucket === null ? app.lakeRoot : await mkdtemp(join(tmpdir(), 'lineward-formats-'));
      await writeMixedClicks(join(local, 'events/clicks'));
      if (bucket !== null) await upload(bucket, join(local, 'events/clicks'), 'events/clicks');
    });
    afterAll(async () => {
      await app?.stop();
      await bucket?.close();
      if (inBucket) await rm(local, { recursive: true, force: true });
    });
    const registered = async (input: Data): Promise<Data> => {
      const { registerLakeTable } = await app.done(
        'mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { code } registration { id } } }',
        { input: { entityId, accountField: 'account', subjectFields: ['person'], dateField: 'day', ...input } },
      );
      return eventually(
        async () => (await app.done(registration, { id: registerLakeTable.registration.id })).node,
        ({ status }: Data) => status !== 'PROFILING',
      );
    };

    test('are found, registered as one table, erased from and proven', async () => {
      // A note beside folders makes no table of what is around them.
      if (!inBucket) await put(join(local, 'events/notes.json'), '{"account":"AC1"}');
      const { discoverLakeTables } = await app.done(
        '{ discoverLakeTables { tables { location format codec files partitioning example columns { name } refusals } } }',
      );
      expect(discoverLakeTables.tables).toMatchObject([
        {
          location: 'events/clicks',
          format: 'NDJSON',
          codec: 'uncompressed',
          files: 4,
          partitioning: 'YMD',
          example: '2018/06/01/part.ndjson',
          refusals: [],
        },
      ]);
      const made = await registered({ location: 'events/clicks' });
      expect(made).toMatchObject({
        status: 'REGISTERED',
        filesDone: 4,
        dataset: { lakeTable: { partitioning: 'YMD', files: 4, rows: 40 } },
        profile: { files: 4, rows: 40, unreadableFiles: 0, columnFacts: [{ column: 'device', kind: 'MISSING' }] },
      });
      const groups = made.profile.groups.map(({ format, codec, rows, refusals }: Data) => [
        format,
        codec,
        rows,
        refusals,
      ]);
      expect(groups.sort()).toEqual([
        ['AVRO', 'deflate', 10, []],
        ['NDJSON', 'gzip', 10, []],
        ['NDJSON', 'uncompressed', 10, []],
        ['PARQUET', 'snappy', 10, []],
      ]);
      const done = await erase(app, {
        subjects: [{ accountId: 'AC1' }, { accountId: 'AC2', subject: { field: 'person', value: 'p1' } }],
      });
      // First, so that a failure names its cause.
      expect(done.certificate.body.open).toEqual([]);
      expect(done).toMatchObject({
        status: 'COMPLETED',
        gaps: [],
        certificate: { body: { outcome: 'COMPLETED', totals: { survivors: 0, lost: 0, recordsErased: 17 } } },
      });
      if (bucket !== null) {
        const keys = (await bucket.versions(`${bucketPrefix}/events/`)).map(({ key }) => key);
        expect([keys.length, new Set(keys).size]).toEqual([4, 4]);
        return;
      }
      const left = await readAvro(join(local, 'events/clicks/2018/06/03/part.avro'));
      const lines = (await readFile(join(local, 'events/clicks/2018/06/01/part.ndjson'), 'utf8')).trim().split('\n');
      for (const record of [...left, ...lines.map((line) => JSON.parse(line) as TestRecord)])
        expect([record.account === 'AC1', record.account === 'AC2' && record.person === 'p1']).toEqual([false, false]);
    });

    const setPolicy = (action: string): Promise<Data> =>
      app.done(
        `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code } } }`,
        { input: { scope: 'GLOBAL', semanticType: 'customertext', action } },
      );
    const recordsIn = async (path: string): Promise<readonly TestRecord[]> => {
      if (path.endsWith('.avro')) return readAvro(path);
      if (path.endsWith('.parquet'))
        return (await plainDuckdb(`SELECT * FROM read_parquet('${path}')`)) as readonly TestRecord[];
      const bytes = await readFile(path);
      const lines = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trim().split('\n');
      return lines.map((line) => JSON.parse(line) as TestRecord);
    };
    /** Records of all files as other programs read them. */
    const notes = async (): Promise<readonly TestRecord[]> => {
      const store = (await bucket?.store()) ?? new LocalLakeStore({ root: local });
      const found: TestRecord[] = [];
      for (const name of ['01/part.ndjson', '02/part.json.gz', '03/part.avro', '04/part.parquet'])
        found.push(...(await store.reading([`events/clicks/2018/06/${name}`], ([path = '']) => recordsIn(path))));
      return found.map((record) => ({ ...record, id: Number(record.id) }));
    };
    const openedBy = async ({ account, note }: TestRecord): Promise<unknown> =>
      (await app.post('/api/v1/crypto:open?purpose=test', { accountId: account, value: note })).body.value;

    test('have their values redacted once, encrypted and sealed anew, each with its certificate', async () => {
      const before = await notes();
      expect(before).toHaveLength(23);
      await setPolicy('REDACT');
      const redaction = await carriedOut(app, 'Protection', { entityId });
      expect(redaction).toMatchObject({
        status: 'COMPLETED',
        gaps: [],
        certificate: { body: { kind: 'PROTECTION', totals: { recordsChanged: 23, survivors: 0, lost: 0 } } },
      });
      const redacted = await notes();
      expect(redacted).toEqual(before.map((record, index) => ({ ...record, note: redacted[index]?.note ?? '' })));
      for (const [index, { note }] of redacted.entries()) expect(note).not.toBe(before[index]?.note);
      const again = await carriedOut(app, 'Protection', { entityId });
      expect(again.targets.nodes[0].receipt).toMatchObject({ recordsChanged: 0, filesRewritten: 0, open: [] });
      await setPolicy('ENCRYPT');
      expect(await carriedOut(app, 'Protection', { entityId })).toMatchObject({ status: 'COMPLETED' });
      for (const [index, record] of (await notes()).entries())
        expect(await openedBy(record)).toBe(redacted[index]?.note);
      await app.done('mutation { rotateAccountKey(input: { accountId: "AC2" }) { userErrors { code } } }');
      const rewrap = await carriedOut(app, 'Rewrap', { entityId });
      expect(rewrap.certificate.body.open).toEqual([]);
      expect(rewrap).toMatchObject({ status: 'COMPLETED', certificate: { body: { kind: 'REWRAP' } } });
      const ofAccount = redacted.filter(({ account }) => account === 'AC2').length;
      expect(rewrap.targets.nodes[0].receipt.recordsChanged).toBe(ofAccount);
      const sealed = await notes();
      for (const [index, record] of sealed.entries()) expect(await openedBy(record)).toBe(redacted[index]?.note);
      const last = await carriedOut(app, 'Protection', { entityId });
      expect(last.targets.nodes[0].receipt).toMatchObject({ recordsChanged: 0, filesRewritten: 0, open: [] });
      expect(await notes()).toEqual(sealed);
    });

    test('are refused when a line is none, with its number', async () => {
      await put(join(local, 'broken/part.ndjson'), '{"account":"AC1","person":"p1","day":null}\n{"account":\n');
      await writeFile(join(local, 'broken/part.avro'), 'Obj');
      if (bucket !== null) await upload(bucket, join(local, 'broken'), 'broken');
      const made = await registered({ location: 'broken' });
      expect(made).toMatchObject({ status: 'REFUSED', code: 'LAKE_FILE_UNREADABLE' });
      expect(made.profile.unreadable).toEqual([
        { path: 'part.avro', reason: 'it is no Avro object container file' },
        { path: 'part.ndjson', reason: 'line 2 is no JSON object' },
      ]);
    });
  });
});
