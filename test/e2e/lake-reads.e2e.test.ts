import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LakeClient, type LakeReadRequest, type LakeRow } from '../../packages/lake-client/src/index.ts';
import type { Role } from '../../src/domain/access/role.ts';
import { documentOf, register, type TestApp, testApp } from '../testkit/app.ts';
import { createToken, registeredTable } from '../testkit/lake-reads.ts';
import { writeMixedClicks } from '../testkit/mixed-table.ts';
import { clickFields, clicks, plainDuckdb, upload, writeClicks } from '../testkit/plain-table.ts';
import { bucketPrefix, missingS3, type TestBucket, testBucket } from '../testkit/s3.ts';

const missing = await missingS3();
const root = 'the-token-of-the-environment';
const why = { purpose: 'a test' };

/** Columns that only files of Parquet have. */
const more = "{'os': 'os' || id, 'sizes': [id, NULL], 'ratio': 'nan'::DOUBLE} AS device, 'x' AS secret";

describe.each([
  ['a directory', false],
  ['a bucket', true],
])('a lake in %s, read through the client', (_name, inBucket) => {
  describe.skipIf(inBucket && missing !== null)(missing ?? 'as the service lets one', () => {
    let app: TestApp;
    let bucket: TestBucket | null = null;
    let local: string;
    const tokens = new Map<Role, string>();
    const client = (role: Role) => new LakeClient({ url: app.urls.main, token: tokens.get(role) });
    const mixed = 'events/mixed';
    const plain = 'events/plain';
    async function rows(role: Role, request: LakeReadRequest): Promise<LakeRow[]> {
      const found: LakeRow[] = [];
      for await (const row of await client(role).open(request)) found.push(row);
      return found.sort((one, other) => Number(one.id) - Number(other.id));
    }
    beforeAll(async () => {
      bucket = inBucket ? await testBucket() : null;
      const place =
        bucket === null ? {} : { LAKE_URL: `s3://${bucket.bucket}/${bucketPrefix}`, LAKE_S3_ENDPOINT: bucket.endpoint };
      app = await testApp(place);
      const { registerEntityVersion } = await app.done(register, {
        input: { document: documentOf('Click', clickFields) },
      });
      local = bucket === null ? app.lakeRoot : await mkdtemp(join(tmpdir(), 'lineward-reads-'));
      await writeMixedClicks(join(local, mixed), more);
      await writeClicks(join(local, plain), 'YMD');
      if (bucket !== null) for (const location of [mixed, plain]) await upload(bucket, join(local, location), location);
      for (const location of [mixed, plain])
        await registeredTable(app, { location, entityId: registerEntityVersion.entity.id });
      for (const role of ['viewer', 'engineer', 'privacy_officer', 'security_admin'] as const)
        tokens.set(role, await createToken(app, role));
      await app.restart({ LINEWARD_API_TOKEN: root });
    });
    afterAll(async () => {
      await app?.stop();
      await bucket?.close();
      if (inBucket) await rm(local, { recursive: true, force: true });
    });

    const clear = async (n: number, first: number) =>
      ((await plainDuckdb(clicks(n, first))) as { id: bigint }[]).sort((a, b) => Number(a.id) - Number(b.id));

    test('masks what is personal, and what no schema speaks of, in files of all formats alike', async () => {
      const read = await client('viewer').open({ table: mixed });
      expect(read.grant).toMatchObject({ access: 'ROWS', entity: 'Demo.Click', entityVersion: 1, dateField: 'day' });
      expect(read.columns).toEqual([
        expect.objectContaining({ name: 'id', type: 'BIGINT', form: 'EXACT', classifications: [], masked: false }),
        expect.objectContaining({ name: 'account', masked: false }),
        expect.objectContaining({ name: 'person', type: 'VARCHAR', classifications: ['PII'], masked: true }),
        expect.objectContaining({ name: 'day', masked: false }),
        expect.objectContaining({ name: 'note', semanticType: 'customertext', masked: true }),
        expect.objectContaining({ name: 'device', type: 'JSON', masked: false }),
        expect.objectContaining({ name: 'secret', classifications: ['UNDESCRIBED'], masked: true }),
      ]);
      expect(read.files.map(({ format, location, version }) => [format, location, version]).sort()).toEqual([
        ['AVRO', null, null],
        ['NDJSON', null, null],
        ['NDJSON', null, null],
        ['PARQUET', null, null],
      ]);
      const expected = (await clear(40, 4)).map((row) => ({
        ...row,
        person: '***',
        note: '***',
        secret: '***',
        device: Number(row.id) % 4 === 3 ? { os: `os${row.id}`, sizes: [Number(row.id), null], ratio: 'NaN' } : null,
      }));
      expect(await rows('viewer', { table: mixed })).toEqual(expected);
      expect(await rows('engineer', { table: mixed, columns: ['note', 'id'] })).toEqual(
        expected.map(({ id, note }) => ({ note, id })),
      );
    });

    test('shows all of it to whoever may decrypt and says why, which the audit log has before the first row', async () => {
      await expect(client('privacy_officer').open({ table: mixed })).rejects.toMatchObject({
        code: 'BAD_INPUT',
        path: ['purpose'],
      });
      const columns = ['id', 'account', 'person', 'day', 'note'];
      const read = await client('privacy_officer').open({ table: mixed, columns, ...why });
      const opened = await app.em
        .fork()
        .execute(`select details from audit_event where action = 'openLakeRead' and details->>'read' = ?`, [
          read.grant.id,
        ]);
      expect(opened).toEqual([
        {
          details: expect.objectContaining({
            table: mixed,
            entity: 'Demo.Click',
            columns,
            // Files have what was not asked for, too.
            clear: ['person', 'note', 'secret'],
            masked: [],
            purpose: 'a test',
            access: 'FILES',
            files: 4,
          }),
        },
      ]);
      const iterator = read.rows();
      const first = await iterator.next();
      const events = await app.em
        .fork()
        .execute(`select actor_id from audit_event where action = 'readLakeRows' and details->>'read' = ?`, [
          read.grant.id,
        ]);
      expect(events).toHaveLength(1);
      expect(events[0]?.actor_id).toContain('privacy_officer');
      const found = [first.value as LakeRow];
      for await (const row of iterator) found.push(row);
      expect(found.sort((a, b) => Number(a.id) - Number(b.id))).toEqual(await clear(40, 4));
    });

    test('takes days by the date field, whatever the format, and NULL is of no day', async () => {
      const days = async (request: LakeReadRequest) =>
        [...new Set((await rows('viewer', request)).map(({ day }) => String(day).slice(0, 10)))].sort();
      expect(await days({ table: mixed, from: '2018-06-02', to: '2018-06-04' })).toEqual(['2018-06-02', '2018-06-03']);
      expect(await days({ table: mixed, from: '2018-06-04' })).toEqual(['2018-06-04']);
      expect(await days({ table: mixed, to: '2018-06-02' })).toEqual(['2018-06-01']);
      expect(await rows('viewer', { table: mixed, from: '2019-01-01' })).toEqual([]);
      expect((await rows('viewer', { table: plain })).filter(({ day }) => day === null)).toHaveLength(1);
      expect(await rows('viewer', { table: plain, from: '2000-01-01', to: '2100-01-01' })).toHaveLength(59);
    });

    test('makes a relation of DuckDB, of the files where these may be read and can', async () => {
      const connection = await (await DuckDBInstance.create(':memory:')).connect();
      const all = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJS();
      const request = { from: '2018-06-02', to: '2018-06-04', ...why };
      const read = await client('privacy_officer').open({ ...request, table: plain, columns: ['id', 'person'] });
      expect(read.files.every(({ location }) => location?.startsWith(inBucket ? 's3://' : 'file://'))).toBe(true);
      await read.relation(connection, { name: 'clear' });
      const kinds = await all(`SELECT table_type FROM information_schema.tables WHERE table_name = 'clear'`);
      expect(kinds).toEqual([{ table_type: inBucket ? 'LOCAL TEMPORARY' : 'VIEW' }]);
      const expected = await plainDuckdb(
        `SELECT id, person FROM (${clicks(60)}) WHERE day BETWEEN '2018-06-02' AND '2018-06-04' ORDER BY id`,
      );
      expect(expected).toHaveLength(30);
      expect(await all('SELECT * FROM clear ORDER BY id')).toEqual(expected);
      const masked = await client('viewer').open({ table: mixed });
      await masked.relation(connection, { name: 'masked' });
      expect(await all('DESCRIBE masked')).toMatchObject([
        { column_name: 'id', column_type: 'BIGINT' },
        { column_name: 'account', column_type: 'VARCHAR' },
        { column_name: 'person', column_type: 'VARCHAR' },
        { column_name: 'day', column_type: 'VARCHAR' },
        { column_name: 'note', column_type: 'VARCHAR' },
        { column_name: 'device', column_type: 'JSON' },
        { column_name: 'secret', column_type: 'VARCHAR' },
      ]);
      expect(
        await all(`SELECT count(*) AS n, count(device) AS devices, sum(id) AS ids FROM masked WHERE person = '***'`),
      ).toEqual([{ n: 40n, devices: 10n, ids: 940n }]);
      await expect(masked.relation(connection, { from: 'files' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
      connection.closeSync();
    });

    test('refuses what it cannot answer, with where the fault is', async () => {
      const refused = (role: Role, request: object) =>
        client(role)
          .open(request)
          .then(
            () => null,
            ({ code, path }) => [code, path],
          );
      expect(await refused('viewer', {})).toEqual(['BAD_INPUT', ['entity']]);
      expect(await refused('viewer', { entity: 'Demo.Nothing' })).toEqual(['NOT_FOUND', ['entity']]);
      expect(await refused('viewer', { entity: 'Demo.Click' })).toEqual(['BAD_INPUT', ['entity']]);
      expect(await refused('viewer', { table: '../etc' })).toEqual(['NOT_FOUND', ['table']]);
      expect(await refused('viewer', { table: 'a\0' })).toEqual(['NOT_FOUND', ['table']]);
      expect(await refused('viewer', { table: mixed, columns: ['id', 'colour'] })).toEqual([
        'BAD_INPUT',
        ['columns', '1'],
      ]);
      expect(await refused('viewer', { table: mixed, columns: ['id', 'id'] })).toEqual(['BAD_INPUT', ['columns', '1']]);
      expect(await refused('viewer', { table: mixed, from: '2018-02-30' })).toEqual(['BAD_INPUT', ['from']]);
      expect(await refused('viewer', { table: mixed, from: '2018-06-02', to: '2018-06-02' })).toEqual([
        'BAD_INPUT',
        ['to'],
      ]);
      expect(await refused('viewer', { table: mixed, colour: 'red' })).toEqual(['BAD_INPUT', ['colour']]);
      expect(await refused('viewer', { table: mixed, decrypt: true, ...why })).toEqual(['FORBIDDEN', ['decrypt']]);
      expect(await refused('security_admin', { table: mixed })).toEqual(['FORBIDDEN', []]);
      const stranger = new LakeClient({ url: app.urls.main, token: 'nobody' });
      await expect(stranger.open({ table: mixed })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      const read = await client('viewer').open({ table: mixed });
      const other = await fetch(`${app.urls.main}${read.grant.rows}`, {
        headers: { authorization: `Bearer ${tokens.get('engineer')}` },
      });
      expect(other.status).toBe(404);
    });

    test('goes by policies: what is shown in clear, and what is not there for somebody', async () => {
      const policy = async (name: string, rule: object): Promise<void> => {
        const body = JSON.stringify({
          query: `mutation ($input: CreateAccessPolicyInput!) {
            createAccessPolicy(input: $input) { accessPolicy { id } userErrors { message } } }`,
          variables: { input: { name, reason: 'a test', rule } },
        });
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${root}` };
        const answer = await fetch(`${app.urls.main}/graphql`, { method: 'POST', headers, body });
        expect(await answer.json()).toMatchObject({ data: { createAccessPolicy: { userErrors: [] } } });
      };
      const maskedFor = async (role: Role): Promise<readonly string[]> => {
        const read = await client(role).open({ table: plain, ...why });
        return read.columns.filter(({ masked }) => masked).map(({ name }) => name);
      };
      expect(await maskedFor('engineer')).toContain('person');
      const opened = await client('engineer').open({ table: plain });
      await policy('persons of clicks', {
        effect: 'ALLOW',
        actions: ['READ_CLEAR'],
        roles: ['engineer'],
        names: ['Click'],
      });
      expect(await maskedFor('engineer')).toEqual([]);
      expect(await maskedFor('viewer')).toContain('person');
      await policy('no clicks', { effect: 'DENY', actions: ['DISCOVER'], roles: ['engineer'], names: ['Click'] });
      for (const request of [{ table: plain }, { entity: 'Demo.Click' }])
        await expect(client('engineer').open(request)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const iterate = async () => {
        for await (const _ of opened.rows()) break;
      };
      await expect(iterate()).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await rows('viewer', { table: plain, ...why })).not.toEqual([]);
    });

    test('ends when nobody reads on, and leaves nothing behind', async () => {
      for (let round = 0; round < 6; round += 1) {
        const read = await client('viewer').open({ table: mixed });
        for await (const row of read) {
          expect(row.person).toBe('***');
          break;
        }
      }
      const read = await client('viewer').open({ table: mixed });
      const gone = new AbortController();
      const iterator = read.rows({ signal: gone.signal });
      gone.abort();
      await expect(iterator.next()).rejects.toThrow();
      expect(await rows('viewer', { table: mixed })).toHaveLength(40);
      const limited: LakeRow[] = [];
      for await (const row of read.rows({ limit: 15 })) limited.push(row);
      expect(limited).toHaveLength(15);
      const scratch = join(app.settings.LINEWARD_DATA_DIR ?? '', 'tmp');
      const left = (await readdir(scratch, { recursive: true })).filter((name) =>
        /parquet|avro|ndjson|json/u.test(name),
      );
      expect(left).toEqual([]);
    });
  });
});
