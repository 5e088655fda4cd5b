import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { carriedOut } from '../testkit/erasure.ts';
import { clickFields, writeClicks } from '../testkit/plain-table.ts';

let app: TestApp;
let datasetId: string;
let seen = 0;

/** `n` clicks of each of some ages in days. */
const aged = (n: number, ...ages: readonly number[]): string =>
  `SELECT i AS id, 'AC' || (i % 3) AS account, 'p' || i AS person, 'note' AS note,
     strftime(current_date - CAST(age AS INTEGER), '%Y-%m-%d') || 'T10:00:00Z' AS day
   FROM range(${n}) t(i), (VALUES ${ages.map((age) => `(${age})`).join(', ')}) a(age)`;
const add = (n: number, ...ages: readonly number[]): Promise<void> => {
  seen += 1;
  return writeClicks(join(app.lakeRoot, `events/clicks/_batch=${seen}`), 'HIVE', aged(n, ...ages));
};
const set = (input: Data): Promise<Data> =>
  app.done(
    `mutation ($input: SetLakeRetentionInput!) { setLakeRetention(input: $input) { userErrors { code message field }
       dataset { lakeTable { retention { days dateField action autoApprove setBy } } } } }`,
    { input: { datasetId, ...input } },
  );
const operations = async (): Promise<Data[]> =>
  (
    await app.done(`{ operations(first: 20) { nodes { id kind status statusReason requestedBy approvedBy planHash
      targets(first: 1) { nodes { estimate { files records } receipt { recordsErased filesRemoved filesRewritten } } }
      certificate { body } } } }`)
  ).operations.nodes;
/** The newest operation once it has come to one of some statuses. */
const newest = (...statuses: readonly string[]): Promise<Data> =>
  eventually(
    async () => (await operations())[0],
    (found) => statuses.includes(found?.status),
  );
const approve = ({ id, planHash }: Data): Promise<Data> =>
  app.done(`mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code } } }`, {
    input: { id, planHash },
  });
/** As if what was asked for today had been asked for yesterday. */
async function nextDay(): Promise<void> {
  const em = app.em.fork();
  // Rows are changed one after the other, so each becomes what none is or was.
  await em.execute(`update operation set idempotency_key = idempotency_key || ' before ' || gen_random_uuid()`);
  await em.execute('update lake_retention set requested_on = requested_on - 1');
}

beforeAll(async () => {
  app = await testApp();
  const { registerEntityVersion } = await app.done(register, { input: { document: documentOf('Click', clickFields) } });
  await add(10, 0, 20, 40, 60);
  await app.done(
    `mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { code message } } }`,
    { input: { entityId: registerEntityVersion.entity.id, location: 'events/clicks', accountField: 'account' } },
  );
  const found = await eventually(
    async () => (await app.done('{ datasets { nodes { id lakeTable { location } } } }')).datasets.nodes,
    (nodes) => nodes.length > 0,
  );
  datasetId = found[0].id;
});
afterAll(() => app?.stop());

describe('a retention rule', () => {
  test.each([
    [{ days: 0, dateField: 'day' }, 'BAD_INPUT', ['days']],
    [{ days: 36_501, dateField: 'day' }, 'BAD_INPUT', ['days']],
    [{ days: 30 }, 'BAD_INPUT', ['dateField']],
    [
      { days: 30, datasetId: Buffer.from('Dataset:00000000-0000-7000-8000-000000000000').toString('base64url') },
      'NOT_FOUND',
      ['datasetId'],
    ],
  ])('is refused: %j', async (input, code, field) => {
    const refused = await app.refusals(
      `mutation ($input: SetLakeRetentionInput!) { setLakeRetention(input: $input) { userErrors { code field } } }`,
      { input: { datasetId, ...input } },
    );
    expect(refused).toEqual([{ code, field }]);
  });

  test('that is not there is followed by nobody, and cannot be taken away', async () => {
    for (const [name, input] of [
      ['requestRetention', 'RequestRetentionInput'],
      ['deleteLakeRetention', 'DeleteLakeRetentionInput'],
    ])
      expect(
        await app.refusals(`mutation ($input: ${input}!) { ${name}(input: $input) { userErrors { code } } }`, {
          input: { datasetId },
        }),
      ).toEqual([{ code: 'NOT_FOUND' }]);
  });

  test('asks each day for an operation, which waits for approval, and removes what is older', async () => {
    const { setLakeRetention } = await set({ days: 30, dateField: 'day' });
    expect(setLakeRetention.dataset.lakeTable.retention).toEqual({
      days: 30,
      dateField: 'day',
      action: 'DELETE',
      autoApprove: false,
      setBy: expect.any(String),
    });
    const planned = await newest('PLANNED');
    expect(planned).toMatchObject({ kind: 'RETENTION', requestedBy: 'retention-schedule', approvedBy: null });
    expect(planned.targets.nodes[0].estimate).toEqual({ files: 2, records: 20 });
    await approve(planned);
    const done = await newest('COMPLETED', 'PARTIAL', 'FAILED');
    expect(done).toMatchObject({
      status: 'COMPLETED',
      targets: { nodes: [{ receipt: { recordsErased: 20, filesRemoved: 2, filesRewritten: 0 } }] },
      certificate: {
        body: { kind: 'RETENTION', outcome: 'COMPLETED', totals: { recordsErased: 20, survivors: 0, lost: 0 } },
      },
    });
    expect(await operations()).toHaveLength(1);
  });

  test('asks for nothing that a person would have to look at when nothing is older', async () => {
    await nextDay();
    expect(await newest('CANCELLED')).toMatchObject({ statusReason: 'nothing is older than the rule allows' });
  });

  test('keeps the rows under a hold, and is followed by hand, also only to look', async () => {
    await add(3, 50);
    await app.done(
      `mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } } }`,
      { input: { matterId: 'M', reason: 'r', scope: { accountId: 'AC1' } } },
    );
    const { requestRetention } = await app.done(
      `mutation ($input: RequestRetentionInput!) { requestRetention(input: $input) { userErrors { code } operation { id } } }`,
      { input: { datasetId, dryRun: true } },
    );
    const looked = await eventually(operations, (all) => all[0]?.status === 'PLANNED');
    expect(looked[0]).toMatchObject({
      id: requestRetention.operation.id,
      statusReason: 'dry run: it ends with its plan',
    });
    const done = await carriedOut(app, 'Retention', { datasetId, reason: 'by hand' });
    expect(done).toMatchObject({
      status: 'PARTIAL',
      targets: {
        nodes: [{ receipt: { recordsErased: 2, recordsKept: 1, filesRewritten: 1 }, verification: { survivors: 0 } }],
      },
    });
    expect(done.certificate.body.open).toMatchObject([{ code: 'HOLD_ACTIVE' }]);
  });

  test('approves itself where it may, once a person has approved it, and not when too much would go', async () => {
    await add(5, 70);
    await set({ days: 30, dateField: 'day', autoApprove: true });
    const first = await newest('PLANNED');
    expect(first.approvedBy).toBeNull();
    await approve(first);
    await newest('PARTIAL');
    await add(6, 70);
    await nextDay();
    const second = await eventually(operations, (all) => all[0]?.id !== first.id && all[0]?.status === 'PARTIAL');
    expect(second[0]).toMatchObject({
      approvedBy: 'retention-schedule',
      targets: { nodes: [{ receipt: { recordsErased: 4 } }] },
    });
    await add(100, 70);
    await nextDay();
    const third = await eventually(operations, (all) => all[0]?.id !== second[0]?.id && all[0]?.status === 'PLANNED');
    expect(third[0]?.targets.nodes[0].estimate.records).toBe(67);
    // What goes when the rule does: the plan that nobody approved.
    await app.done(`mutation { deleteLakeRetention(input: { datasetId: "${datasetId}" }) { userErrors { code } } }`);
    expect(await newest('CANCELLED')).toMatchObject({
      id: third[0]?.id,
      approvedBy: null,
      statusReason: 'the retention rule has changed',
    });
    const { auditEvents } = await app.done('{ auditEvents(first: 100) { nodes { action actorId } } }');
    const actions = auditEvents.nodes.map(({ action }: Data) => action);
    expect(actions.filter((action: string) => action === 'setLakeRetention')).toHaveLength(2);
    expect(actions).toContain('deleteLakeRetention');
  });
});
