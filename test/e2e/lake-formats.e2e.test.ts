import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { carriedOut, erase } from '../testkit/erasure.ts';
import { clickFields, clicks, plainDuckdb, upload } from '../testkit/plain-table.ts';
import { ndjson, put, readAvro, type TestRecord, writeAvro } from '../testkit/record-files.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from '../testkit/s3.ts';

const missing = await missingS3();
const registration = `query ($id: ID!) { node(id: $id) { ... on LakeRegistration { id status code reason filesDone
  dataset { id lakeTable { partitioning files rows } }
  profile { files rows partitioning unreadableFiles unreadable { path reason } columnFacts { column kind found }
    groups { files rows format codec refusals example columns { name type } } } } } }`;

const nullable = (type: string) => ({ type: ['null', type], default: null });
const schema = {
  type: 'record',
  name: 'Click',
  fields: [
    { name: 'id', type: 'long' },
    ...['account', 'person', 'day', 'note'].map((name) => ({ name, ...nullable('string') })),
  ],
};

/** Ten clicks of each of four days, by day: a file of lines, one of compressed lines, one of Avro and one of Parquet. */
async function writeClicks(directory: string): Promise<void> {
  const records = (await plainDuckdb(
    clicks(40, 4).replace('i AS id', 'CAST(i AS INTEGER) AS id'),
  )) as readonly (TestRecord & { readonly day: string })[];
  const ofDay = (day: string) => records.filter((record) => record.day.startsWith(day));
  const folder = (day: string) => join(directory, day.replaceAll('-', '/'));
  await put(join(folder('2018-06-01'), 'part.ndjson'), ndjson(ofDay('2018-06-01')));
  await put(join(folder('2018-06-02'), 'part.json.gz'), gzipSync(ndjson(ofDay('2018-06-02'))));
  await writeAvro(join(folder('2018-06-03'), 'part.avro'), ofDay('2018-06-03'), { codec: 'deflate', schema });
  await mkdir(folder('2018-06-04'), { recursive: true });
  const parquet = `SELECT * FROM (${clicks(40, 4)}) WHERE day LIKE '2018-06-04%'`;
  await plainDuckdb(`COPY (${parquet}) TO '${join(folder('2018-06-04'), 'part.parquet')}' (FORMAT parquet)`);
}

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
      await writeClicks(join(local, 'events/clicks'));
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
      const rewrap = await carriedOut(app, 'Rewrap', { entityId, datasetIds: [made.dataset.id] });
      expect(rewrap).toMatchObject({ status: 'PARTIAL' });
      expect(rewrap.gaps.map(({ code }: Data) => code)).toEqual(Array(3).fill('LAKE_TABLE_REFUSED'));
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
