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

describe('a retention policy by classification', () => {
  const setPolicy = async (input: Data): Promise<Data> => {
    const done = await app.done(
      `mutation ($input: SetRetentionPolicyInput!) { setRetentionPolicy(input: $input) { userErrors { code message }
         retentionPolicy { name version days scope { classifications } retiredAt } } }`,
      { input: { name: 'texts of customers', scope: { classifications: ['PII'] }, days: 30, ...input } },
    );
    return done.setRetentionPolicy.retentionPolicy;
  };
  const placesOf = async (state: string): Promise<Data[]> =>
    (
      await app.done(
        `query ($state: RetentionPolicyState) { retentionPolicies(first: 5) { nodes { name
           places(first: 10, state: $state) { nodes { uncovered isNamed dataset { id } } } } } }`,
        { state },
      )
    ).retentionPolicies.nodes[0].places.nodes;
  const datasets = async (): Promise<Data[]> =>
    (
      await app.done(`{ datasets(first: 20) { nodes { id lakeTable { location } effectiveRetention { days dateField policyName
        policyVersion uncovered } } } }`)
    ).datasets.nodes;
  const tableAt = (location: string): Promise<Data> =>
    eventually(
      async () => (await datasets()).find(({ lakeTable }) => lakeTable?.location === location),
      (found) => found !== undefined,
    ) as Promise<Data>;
  const registerTable = async (name: string, more: Data): Promise<Data> => {
    const { registerEntityVersion } = await app.done(register, { input: { document: documentOf(name, clickFields) } });
    await app.done(
      `mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { code message } } }`,
      { input: { entityId: registerEntityVersion.entity.id, accountField: 'account', ...more } },
    );
    return tableAt(more.location);
  };

  test('removes what is older from a table that was registered after it, but for what is held, and tells what it cannot cover', async () => {
    expect(await setPolicy({})).toMatchObject({ version: 1, days: 30, scope: { classifications: ['PII'] } });
    expect(await placesOf('IN_FORCE')).toEqual([]);
    await writeClicks(join(app.lakeRoot, 'events/calls'), 'HIVE', aged(9, 0, 40, 60));
    await writeClicks(join(app.lakeRoot, 'events/undated'), 'HIVE', aged(3, 40));
    const table = await registerTable('Call', { location: 'events/calls', dateField: 'day' });
    const undated = await registerTable('Undated', { location: 'events/undated' });
    expect(table.effectiveRetention).toEqual({
      days: 30,
      dateField: 'day',
      policyName: 'texts of customers',
      policyVersion: 1,
      uncovered: null,
    });
    const uncovered = { uncovered: 'NO_DATE_FIELD', isNamed: true };
    // The table of before has no rule of its own any more, and was registered without a date field.
    const ids = [datasetId, undated.id].map((id) => ({ ...uncovered, dataset: { id } }));
    expect(await placesOf('UNCOVERED')).toEqual(expect.arrayContaining(ids));
    expect(await placesOf('IN_FORCE')).toMatchObject([{ uncovered: null, dataset: { id: table.id } }]);
    const planned = await newest('PLANNED');
    expect(planned).toMatchObject({ kind: 'RETENTION', requestedBy: 'retention-schedule', approvedBy: null });
    expect(planned.targets.nodes[0].estimate.records).toBe(12);
    const item = `{ datasetId: "${table.id}", accountId: "AC0", date: "2020-01-01T00:00:00Z" }`;
    const { explainDecision } = await app.done(
      `{ explainDecision(item: ${item}) { action winner { rule sourceId } losers { claim { rule } } } }`,
    );
    expect(explainDecision).toEqual({
      action: 'DELETE',
      winner: { rule: 'POLICY_DELETE', sourceId: 'texts of customers' },
      losers: [],
    });
    await approve(planned);
    const done = await newest('COMPLETED', 'PARTIAL', 'FAILED');
    // Account AC1 is under the hold of before, with three rows of each day.
    expect(done).toMatchObject({
      id: planned.id,
      status: 'PARTIAL',
      targets: { nodes: [{ receipt: { recordsErased: 12, filesRemoved: 0, filesRewritten: 2 } }] },
      certificate: { body: { kind: 'RETENTION', open: [{ code: 'HOLD_ACTIVE' }, { code: 'HOLD_ACTIVE' }] } },
    });
  });

  test('gives way to a rule of the table itself, and ends what nobody approved when it is retired', async () => {
    await setPolicy({ days: 31 });
    const waiting = await eventually(
      async () => (await operations())[0],
      (found) => found?.status === 'CANCELLED',
    );
    expect(waiting?.statusReason).toBe('nothing is older than the rule allows');
    const table = await tableAt('events/calls');
    await set({ datasetId: table.id, days: 3_000, dateField: 'day' });
    expect((await tableAt('events/calls')).effectiveRetention).toMatchObject({ days: 3_000, policyName: null });
    expect(await placesOf('OVERRULED')).toMatchObject([{ dataset: { id: table.id } }]);
    const { retireRetentionPolicy } = await app.done(
      `mutation { retireRetentionPolicy(input: { name: "texts of customers" }) { userErrors { code } retentionPolicy { retiredBy } } }`,
    );
    expect(retireRetentionPolicy.retentionPolicy.retiredBy).not.toBeNull();
    const { retentionPolicies } = await app.done('{ retentionPolicies { totalCount nodes { name } } }');
    expect(retentionPolicies).toEqual({ totalCount: 0, nodes: [] });
    const { retentionPolicies: all } = await app.done(
      '{ retentionPolicies(includeRetired: true) { nodes { name versions(first: 5) { nodes { version days scope { classifications } } } } } }',
    );
    expect(all.nodes).toMatchObject([
      {
        versions: {
          nodes: [
            { version: 2, days: 31 },
            { version: 1, days: 30 },
          ],
        },
      },
    ]);
  });
});
