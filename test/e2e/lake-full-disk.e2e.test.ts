import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalLakeStore } from '../../src/adapters/store/local/local-store.ts';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { clickFields, plainDuckdb } from '../testkit/plain-table.ts';
import { missingDisk, type SmallDisk, smallDisk } from '../testkit/small-disk.ts';

const missing = await missingDisk();
/** Less than a copy of either file takes. */
const tooLittle = 256 * 1024;
const ask = `query ($id: ID!) { node(id: $id) { ... on Operation { status statusReason planHash
  targets { nodes { status statusReason receipt { recordsErased filesRewritten open { code } } verification { survivors lost } } }
  certificate { body } } } }`;

describe.skipIf(missing !== null)(`an erasure on a disk that is full${missing === null ? '' : ` (${missing})`}`, () => {
  let app: TestApp;
  let disk: SmallDisk;
  let entityId: string;
  beforeAll(async () => {
    const made = await smallDisk(16);
    if (made === null) return expect.fail('no disk');
    disk = made;
    app = await testApp({ LAKE_URL: `file://${disk.path}` });
    await mkdir(join(disk.path, 'clicks'));
    for (const part of [0, 1])
      await plainDuckdb(
        `COPY (SELECT i AS id, 'AC' || (i % 10) AS account, 'p' || i AS person, '2018-06-01' AS day, md5('a' || i) || md5('b' || i) AS note
               FROM range(${part * 30_000}, ${(part + 1) * 30_000}) t(i)) TO '${disk.path}/clicks/${part}.parquet' (FORMAT parquet)`,
      );
    const document = documentOf('Click', clickFields);
    entityId = (await app.done(register, { input: { document } })).registerEntityVersion.entity.id;
    const input = {
      entityId,
      location: 'clicks',
      accountField: 'account',
      subjectFields: ['person'],
      dateField: 'day',
    };
    const { registerLakeTable } = await app.done(
      'mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { code } registration { id } } }',
      { input },
    );
    await eventually(
      async () =>
        (
          await app.done('query ($id: ID!) { node(id: $id) { ... on LakeRegistration { status } } }', {
            id: registerLakeTable.registration.id,
          })
        ).node,
      ({ status }: Data) => status === 'REGISTERED',
    );
  });
  afterAll(async () => {
    await app?.stop();
    await disk?.close();
  });

  const operation = async (id: string): Promise<Data> => (await app.done(ask, { id })).node;
  const approve = async (id: string): Promise<void> => {
    const { planHash } = await eventually(
      () => operation(id),
      ({ status }) => status === 'PLANNED',
    );
    const mutation =
      'mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code } } }';
    await app.done(mutation, { input: { id, planHash } });
  };
  const requested = async (accountId: string): Promise<string> => {
    const { requestErasure } = await app.done(
      'mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code } operation { id } } }',
      { input: { entityId, subjects: [{ accountId }] } },
    );
    return requestErasure.operation.id;
  };
  const attempt = async (): Promise<number> => {
    const [row] = await app.em
      .fork()
      .execute<{ attempts: number }[]>('select coalesce(max(fencing_token), 0)::int as attempts from operation_target');
    return row?.attempts ?? 0;
  };
  const ended = ['COMPLETED', 'PARTIAL', 'FAILED'];
  const end = (id: string): Promise<Data> =>
    eventually(
      () => operation(id),
      ({ status }) => ended.includes(status),
    );
  const completed = (recordsErased: number) => ({
    status: 'COMPLETED',
    targets: {
      nodes: [{ receipt: { recordsErased, filesRewritten: 2, open: [] }, verification: { survivors: 0, lost: 0 } }],
    },
  });
  const digests = async () => {
    const store = new LocalLakeStore({ root: disk.path });
    return Promise.all((await store.list('clicks')).map(({ path }) => store.sha256(path)));
  };
  const staged = async () => (await readdir(join(disk.path, 'clicks'))).filter((name) => name.startsWith('_'));

  it('is tried again, and completes by itself when there is room in time', async () => {
    const before = await digests();
    await disk.fill(tooLittle);
    const id = await requested('AC1');
    await approve(id);
    const first = await eventually(attempt, (attempts) => attempts > 0);
    await eventually(attempt, (attempts) => attempts > first);
    expect(await digests()).toEqual(before);
    await disk.free();
    expect(await end(id)).toMatchObject(completed(6_000));
    expect(await staged()).toEqual([]);
  });

  it('fails in the end with a reason, with nothing lost, and completes when it is tried again', async () => {
    const before = await digests();
    await disk.fill(tooLittle);
    const id = await requested('AC2');
    await approve(id);
    const failed = await end(id);
    expect(failed.status).toBe('FAILED');
    expect(failed.targets.nodes[0].statusReason).toContain('disk is full');
    expect(failed.certificate.body.totals.recordsErased).toBe(0);
    expect(await digests()).toEqual(before);
    expect(await staged()).toEqual([]);
    await disk.free();
    await app.done(
      'mutation ($input: RetryOperationInput!) { retryOperation(input: $input) { userErrors { code } } }',
      {
        input: { id },
      },
    );
    await approve(id);
    expect(await end(id)).toMatchObject(completed(6_000));
    expect(await staged()).toEqual([]);
  }, 60_000);
});
