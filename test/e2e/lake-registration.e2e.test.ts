import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, eventually, register, testApp } from '../testkit/app.ts';
import { carriedOut, erase } from '../testkit/erasure.ts';
import { clickFields, clicks, plainDuckdb, upload, writeClicks } from '../testkit/plain-table.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from '../testkit/s3.ts';

const missing = await missingS3();
const mutation = `mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) {
  userErrors { code message field } registration { id status } } }`;
const registration = `query ($id: ID!) { node(id: $id) { ... on LakeRegistration { id location status code reason dryRun
  filesDone filesTotal entity { name } dataset { id name lakeTable { origin partitioning dateField files rows indexedFiles indexLeftFiles indexBytes indexedAsOf indexFault } mappings { nodes { role accountField subjectFields } } }
  profile { files rows bytes partitioning partitions { count first last } strayFiles filesOfOtherGroups unreadableFiles hidden
    unreadable { path reason } groups { files rows codec refusals example columns { name type } }
    columnFacts { column kind expected found files } } } } }`;

/** An app with one entity, and directories of it in the lake. */
async function clickApp(settings: Record<string, string> = {}) {
  const app = await testApp(settings);
  const { registerEntityVersion } = await app.done(register, { input: { document: documentOf('Click', clickFields) } });
  const entityId: string = registerEntityVersion.entity.id;
  const keys = { entityId, accountField: 'account', subjectFields: ['person'] };
  const ended = (id: string): Promise<Data> =>
    eventually(
      async () => (await app.done(registration, { id })).node,
      ({ status }) => status !== 'PROFILING',
    );
  return {
    app,
    entityId,
    refused: (input: Data): Promise<Data> => app.refusals(mutation, { input: { ...keys, ...input } }),
    async registered(input: Data): Promise<Data> {
      const { registerLakeTable } = await app.done(mutation, { input: { ...keys, ...input } });
      return ended(registerLakeTable.registration.id);
    },
  };
}

describe.each([
  ['a directory', false],
  ['a bucket', true],
])('a table that plain DuckDB wrote into %s', (_name, inBucket) => {
  describe.skipIf(inBucket && missing !== null)(missing ?? 'is there', () => {
    let at: Awaited<ReturnType<typeof clickApp>>;
    let bucket: TestBucket | null = null;
    let local: string;
    beforeAll(async () => {
      bucket = inBucket ? await testBucket() : null;
      const place =
        bucket === null ? {} : { LAKE_URL: `s3://${bucket.bucket}/${bucketPrefix}`, LAKE_S3_ENDPOINT: bucket.endpoint };
      at = await clickApp(place);
      local = await mkdtemp(join(tmpdir(), 'lineward-plain-'));
    });
    afterAll(async () => {
      await at?.app.stop();
      await bucket?.close();
      await rm(local, { recursive: true, force: true });
    });

    const put = async (path: string, style: 'HIVE' | 'YMD', rows?: string): Promise<void> => {
      if (bucket === null) return writeClicks(join(at.app.lakeRoot, path), style, rows);
      await rm(local, { recursive: true, force: true });
      await writeClicks(local, style, rows);
      await upload(bucket, local, path);
    };
    const accountsIn = async (path: string): Promise<Data> => {
      const { lakeTable } = (
        await at.app.done('query { datasets(first: 100) { nodes { name lakeTable { files rows } } } }')
      ).datasets.nodes.find(({ name }: Data) => name === path);
      return lakeTable;
    };

    test.each(['HIVE', 'YMD'] as const)('in %s folders is looked at, registered, and erased from', async (style) => {
      const location = `events/${style.toLowerCase()}`;
      await put(location, style);
      const looked = await at.registered({ location, dryRun: true, dateField: 'day' });
      expect(looked).toMatchObject({ status: 'PROFILED', code: null, filesDone: 5, filesTotal: 5, dataset: null });
      expect(looked.profile).toMatchObject({
        files: 5,
        rows: 60,
        partitioning: style,
        partitions: {
          count: 5,
          first: style === 'HIVE' ? '_year=1970/_month=01/_day=01' : '1970/01/01',
          last: style === 'HIVE' ? '_year=2018/_month=06/_day=04' : '2018/06/04',
        },
        strayFiles: 0,
        unreadableFiles: 0,
        hidden: [],
        groups: [{ files: 5, rows: 60, codec: 'snappy', refusals: [] }],
        columnFacts: [{ column: 'device', kind: 'MISSING', expected: 'string', found: null, files: 5 }],
      });
      const made = await at.registered({ location, dateField: 'day' });
      expect(made).toMatchObject({
        status: 'REGISTERED',
        dataset: {
          name: location,
          lakeTable: { origin: 'REGISTERED', partitioning: style, dateField: 'day', files: 5, rows: 60 },
          mappings: { nodes: [{ role: 'LAKE_TABLE', accountField: 'account', subjectFields: ['person'] }] },
        },
      });
      const indexed = await eventually(
        async () => (await at.app.done(registration, { id: made.id })).node.dataset.lakeTable,
        ({ indexedAsOf }: Data) => indexedAsOf !== null,
      );
      expect(indexed).toMatchObject({ files: 5, indexedFiles: 5, indexLeftFiles: 0, indexFault: null });
      expect(indexed.indexBytes).toBeGreaterThan(0);
      // Nobody registers what comes later, and until the next listing nothing indexes it.
      await put(`${location}${style === 'HIVE' ? '' : '/2019'}`, style, clicks(30, 60));
      const done = await erase(at.app, { subjects: [{ accountId: 'AC1', subject: { field: 'person', value: 'p1' } }] });
      expect(done).toMatchObject({ status: 'COMPLETED', gaps: [] });
      const target = done.targets.nodes.find(({ dataset }: Data) => dataset.name === location);
      expect(target).toMatchObject({
        receipt: { recordsErased: 6, open: [] },
        verification: { survivors: 0, lost: 0 },
      });
      expect(done.certificate.body).toMatchObject({ outcome: 'COMPLETED', totals: { survivors: 0, lost: 0 } });
      expect((await accountsIn(location)).files).toBe(5);
      await at.app.done(
        `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code } } }`,
        { input: { scope: 'GLOBAL', semanticType: 'customertext', action: 'ENCRYPT' } },
      );
      const { entityId } = at;
      const datasetIds = [made.dataset.id];
      const whole = await carriedOut(at.app, 'Protection', { entityId, datasetIds });
      expect(whole).toMatchObject({
        status: 'COMPLETED',
        targets: { nodes: [{ receipt: { recordsChanged: 84, open: [] }, verification: { survivors: 0, lost: 0 } }] },
      });
      const anew = await carriedOut(at.app, 'Rewrap', { entityId, datasetIds });
      expect(anew).toMatchObject({ status: 'COMPLETED', targets: { nodes: [{ receipt: { recordsChanged: 0 } }] } });
      const again = await at.refused({ location });
      expect(again).toMatchObject([{ code: 'LAKE_LOCATION_TAKEN', field: ['location'] }]);
    });
  });
});

describe('a directory that cannot be a table', () => {
  let at: Awaited<ReturnType<typeof clickApp>>;
  let lake: string;
  const folder = async (path: string): Promise<string> => {
    await mkdir(join(lake, path), { recursive: true });
    return join(lake, path);
  };
  beforeAll(async () => {
    at = await clickApp();
    lake = at.app.lakeRoot;
    await writeClicks(join(lake, 'good/clicks'), 'YMD');
  });
  afterAll(() => at?.app.stop());

  test.each([
    ['', 'must be a directory below the root'],
    ['/', 'must be a directory below the root'],
    ['/etc', 'without a slash in front'],
    ['../outside', 'begins with a dot'],
    ['good/../../outside', 'begins with a dot'],
    ['good//clicks', 'is empty'],
    ['good\\clicks', 'has a slash'],
    ['good/cli\u0001cks', 'has a control character'],
    ['_hidden', 'begins with a dot or an underscore'],
    ['file:///etc/passwd', 'is not below file:///'],
    ['s3://elsewhere/clicks', 'is not below file:///'],
    ['x/'.repeat(501), 'has more than 1000 characters'],
  ])('is refused at once for its name: %.20s', async (location, message) => {
    expect(await at.refused({ location })).toMatchObject([
      { code: 'BAD_INPUT', message: expect.stringContaining(message), field: ['location'] },
    ]);
  });

  test('is refused for keys that the entity or the files do not have', async () => {
    const location = 'good/clicks';
    expect(await at.refused({ location, accountField: 'nobody' })).toMatchObject([
      { code: 'MAPPING_INVALID', field: ['accountField'] },
    ]);
    expect(await at.registered({ location, subjectFields: ['device'] })).toMatchObject({
      status: 'REFUSED',
      code: 'MAPPING_INVALID',
      reason: expect.stringContaining('subjectFields.0: no file has the column device'),
      profile: { files: 5, groups: [{ refusals: ['it has no key column device'] }] },
    });
    expect(await at.registered({ location, dateField: 'device' })).toMatchObject({ code: 'MAPPING_INVALID' });
    const fault = { entityId: Buffer.from('Entity:00000000-0000-7000-8000-000000000000').toString('base64url') };
    expect(await at.refused({ location, ...fault })).toMatchObject([{ code: 'NOT_FOUND' }]);
  });

  test('is refused when it is empty, or holds only what lake tools skip', async () => {
    await folder('empty/inside');
    await writeFile(join(await folder('hidden'), '_SUCCESS'), '');
    expect(await at.refused({ location: 'nowhere' })).toMatchObject([{ code: 'LAKE_TABLE_EMPTY' }]);
    expect(await at.registered({ location: 'empty' })).toMatchObject({ code: 'LAKE_TABLE_EMPTY' });
    expect(await at.registered({ location: 'hidden' })).toMatchObject({
      code: 'LAKE_TABLE_EMPTY',
      reason: expect.stringContaining('_SUCCESS'),
    });
  });

  test('is refused with links in it or on the way to it, and when a table engine owns a part of it', async () => {
    await folder('linked');
    await symlink(join(lake, 'good/clicks'), join(lake, 'linked/clicks'));
    await writeClicks(join(lake, 'linked/real'), 'YMD');
    expect(await at.refused({ location: 'linked/clicks' })).toMatchObject([{ code: 'LAKE_TABLE_REFUSED' }]);
    expect(await at.registered({ location: 'linked' })).toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
      reason: expect.stringContaining('linked/clicks is a symbolic link'),
    });
    for (const [name, mark] of [
      ['delta', '_delta_log'],
      ['hudi', '.hoodie'],
      ['iceberg', 'metadata'],
    ] as const) {
      await writeClicks(join(lake, name, 'inside/table'), 'YMD');
      await writeFile(join(await folder(`${name}/inside/table/${mark}`), 'v1.metadata.json'), '{}');
      expect(await at.refused({ location: `${name}/inside/table` })).toMatchObject([{ code: 'LAKE_TABLE_REFUSED' }]);
      expect(await at.registered({ location: name })).toMatchObject({
        code: 'LAKE_TABLE_REFUSED',
        reason: expect.stringContaining(`${name}/inside/table is a table of`),
      });
    }
  });

  test('is refused with files that cannot be read, unless that is accepted', async () => {
    await writeClicks(join(lake, 'damaged'), 'YMD');
    await writeFile(join(lake, 'damaged/2018/06/04/broken.parquet'), 'PAR1 nothing of the kind');
    await writeFile(join(lake, 'damaged/note.txt'), '');
    const location = 'damaged';
    const refused = await at.registered({ location });
    expect(refused).toMatchObject({ status: 'REFUSED', code: 'LAKE_FILE_UNREADABLE', profile: { unreadableFiles: 2 } });
    expect(refused.reason).toContain('2 file(s) cannot be read, 2018/06/04/broken.parquet for one');
    expect(await at.registered({ location, acceptUnreadable: true })).toMatchObject({ status: 'REGISTERED' });
    const done = await erase(at.app, { subjects: [{ accountId: 'AC1' }] });
    expect(done).toMatchObject({ status: 'PARTIAL', certificate: { body: { totals: { recordsErased: 20 } } } });
    expect(JSON.stringify(done.certificate.body.open)).toContain('broken.parquet');
  });

  test('tells what a rewrite would refuse, by kinds of files', async () => {
    await writeClicks(join(lake, 'mixed'), 'YMD');
    const odd = join(await folder('mixed/2019/01/01'), 'odd.parquet');
    await plainDuckdb(
      `COPY (SELECT *, 1 AS file_row_number FROM (${clicks(5)})) TO '${odd}' (FORMAT parquet, FIELD_IDS {account: 7})`,
    );
    const plain = join(await folder('mixed/2019/01/02'), 'plain.parquet');
    await plainDuckdb(`COPY (SELECT 'AC1' AS account, 1.5::DOUBLE AS person) TO '${plain}' (FORMAT parquet)`);
    const { profile } = await at.registered({ location: 'mixed', dryRun: true });
    expect(profile.groups).toMatchObject([
      { files: 5, refusals: [] },
      {
        files: 1,
        example: '2019/01/01/odd.parquet',
        refusals: [expect.stringContaining('file_row_number'), expect.stringContaining('field id')],
      },
      { files: 1, refusals: [expect.stringContaining('key column person has the type DOUBLE')] },
    ]);
    expect(profile.columnFacts).toContainEqual({
      column: 'person',
      kind: 'OTHER_TYPE',
      expected: 'string',
      found: 'DOUBLE',
      files: 1,
    });
    expect(profile.columnFacts).toContainEqual(expect.objectContaining({ column: 'file_row_number', kind: 'UNKNOWN' }));
  });

  test('is refused within or around another table, and of two at once one comes through', async () => {
    await writeClicks(join(lake, 'twice/table'), 'YMD');
    const [one, other] = await Promise.all([1, 2].map(() => at.registered({ location: 'twice/table' })));
    expect([one.status, other.status].sort()).toEqual(['REFUSED', 'REGISTERED']);
    expect([one.code, other.code].sort()).toEqual(['LAKE_LOCATION_TAKEN', null]);
    for (const location of ['twice', 'twice/table', 'twice/table/2018'])
      expect(await at.refused({ location })).toMatchObject([{ code: 'LAKE_LOCATION_TAKEN' }]);
    await writeClicks(join(lake, 'twice/table2'), 'YMD');
    expect(await at.registered({ location: `file://${lake}/twice/table2/` })).toMatchObject({
      status: 'REGISTERED',
      location: 'twice/table2',
    });
    const landing = await at.app.refusals(
      `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code } } }`,
      { input: { entityId: at.entityId, area: 'a', dateField: 'day', accountField: 'account' } },
    );
    expect(landing).toEqual([]);
    expect(await at.refused({ location: 'data' })).toMatchObject([{ code: 'LAKE_LOCATION_TAKEN' }]);
  });

  test('writes nothing into it', async () => {
    await writeClicks(join(lake, 'clean'), 'YMD');
    const before = await readdir(join(lake, 'clean'), { recursive: true });
    await at.registered({ location: 'clean', dryRun: true });
    await at.registered({ location: 'clean' });
    expect(await readdir(join(lake, 'clean'), { recursive: true })).toEqual(before);
    await erase(at.app, { subjects: [{ accountId: 'AC2' }] });
    expect((await readdir(join(lake, 'clean'), { recursive: true })).sort()).toEqual([...before].sort());
  });
});

describe('what lies in the lake', () => {
  let at: Awaited<ReturnType<typeof clickApp>>;
  beforeAll(async () => {
    at = await clickApp();
    await writeClicks(join(at.app.lakeRoot, 'data/web/Demo.Click/v1.0/by_day_ymd/parquet'), 'YMD');
    await writeClicks(join(at.app.lakeRoot, 'data/web/Demo.Nobody/v1.0/by_date_seen_ymd/parquet'), 'HIVE');
    await writeClicks(join(at.app.lakeRoot, 'known'), 'YMD');
    await writeClicks(join(at.app.lakeRoot, 'delta'), 'YMD');
    await mkdir(join(at.app.lakeRoot, 'delta/_delta_log'));
    await mkdir(join(at.app.lakeRoot, 'nothing/at/all'), { recursive: true });
    await at.registered({ location: 'known' });
  });
  afterAll(() => at?.app.stop());
  const discovered = async (args = ''): Promise<Data> =>
    (
      await at.app.done(`{ discoverLakeTables${args} { complete foldersSeen registeredTables unmapped
        tables { location engine partitioning files bytes counted example codec columns { name type } refusals entity { name }
          standardName { area entity dateField grain format } columnFacts { column kind } } } }`)
    ).discoverLakeTables;

  test('is found, with the entity of its standard name, without what is registered', async () => {
    const found = await discovered();
    expect(found).toMatchObject({ complete: true, registeredTables: 1, unmapped: [] });
    expect(found.tables).toMatchObject([
      {
        location: 'data/web/Demo.Click/v1.0/by_day_ymd/parquet',
        engine: null,
        partitioning: 'YMD',
        files: 5,
        counted: true,
        codec: 'snappy',
        refusals: [],
        entity: { name: 'Click' },
        standardName: { area: 'web', entity: 'Demo.Click', dateField: 'day', grain: 'ymd', format: 'parquet' },
        columnFacts: [{ column: 'device', kind: 'MISSING' }],
      },
      {
        location: 'data/web/Demo.Nobody/v1.0/by_date_seen_ymd/parquet',
        partitioning: 'HIVE',
        entity: null,
        standardName: { entity: 'Demo.Nobody', dateField: 'date_seen' },
      },
      { location: 'delta', engine: 'Delta Lake', files: 0, counted: false, example: null, columns: [] },
    ]);
  });

  test('is looked at up to a limit, and below a directory', async () => {
    expect(await discovered('(foldersMax: 3)')).toMatchObject({ complete: false, tables: [], foldersSeen: 3 });
    expect((await discovered('(under: "data/web/Demo.Click")')).tables).toHaveLength(1);
    expect((await at.app.graphql('{ discoverLakeTables(under: "../x") { complete } }')).errors).toMatchObject([
      { extensions: { code: 'BAD_INPUT' } },
    ]);
  });

  test('tells tables to which no entity is mapped', async () => {
    const { datasets } = await at.app.done('{ datasets { nodes { name mappings { nodes { id } } } } }');
    const { id } = datasets.nodes.find(({ name }: Data) => name === 'known').mappings.nodes[0];
    await at.app.done(`mutation { unmapEntity(input: { id: "${id}" }) { userErrors { code } } }`);
    expect(await discovered()).toMatchObject({ registeredTables: 1, unmapped: ['known'] });
  });
});
