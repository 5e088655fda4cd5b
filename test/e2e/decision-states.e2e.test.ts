import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { registered } from '../testkit/catalog.ts';
import { allStates, nameOf, oracle, type State } from '../testkit/decision-states.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';

/** One row stands for one state: its account, its person, its age. Minimum and lock are those of its table. */
interface Item {
  readonly state: State;
  readonly sid: string;
  readonly account: string;
  readonly date: string;
}
interface Table {
  readonly entityId: string;
  readonly entity: string;
  readonly datasetId: string;
  readonly name: string;
  readonly items: readonly Item[];
}

const dayMs = 86_400_000;
const ago = (days: number): string => `${new Date(Date.now() - days * dayMs).toISOString().slice(0, 10)}T10:00:00Z`;
const items = allStates.map(
  (state, n): Item => ({ state, sid: `SM${n}`, account: `AC${n}`, date: ago(state.containerDelete ? 100 : 10) }),
);
const ended = ['COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED'];

let app: TestApp;
let tables: readonly Table[];

const mutate = async (name: string, input: Data, fields = ''): Promise<Data> => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { userErrors { code message } ${fields} } }`;
  return (await app.done(query, { input }))[name];
};
const operation = async (id: string): Promise<Data> =>
  (
    await app.done(
      `query ($id: ID!) { node(id: $id) { ... on Operation { id status planHash certificate { body }
         deferral { byHold byMinimum until } } } }`,
      { id },
    )
  ).node;
const planned = (id: string): Promise<Data> =>
  eventually(
    () => operation(id),
    ({ status }) => status === 'PLANNED',
  );
/** Rows that an operation erased, once it is approved and has ended. */
async function carryOut(id: string): Promise<{ readonly erased: number; readonly done: Data }> {
  await mutate('approveOperation', { id, planHash: (await planned(id)).planHash });
  const done = await eventually(
    () => operation(id),
    ({ status }) => ended.includes(status),
  );
  return { erased: done.certificate.body.totals.recordsErased, done };
}

async function tableOf(regulatoryMinimum: boolean, governanceLock: boolean): Promise<Table> {
  const own = items.filter(
    ({ state }) => state.regulatoryMinimum === regulatoryMinimum && state.governanceLock === governanceLock,
  );
  const schema = { ...sparkSummitDocument.schema, name: `T${Number(regulatoryMinimum)}${Number(governanceLock)}` };
  const { entity } = await registered(app, { ...sparkSummitDocument, schema });
  const { stream } = await mutate(
    'createLakeLanding',
    {
      ...{ entityId: entity.id, area: 'messaging', dateField: 'date_created' },
      ...{ accountField: 'account_sid', subjectFields: ['sid'] },
    },
    'stream { target { id name } }',
  );
  const datasetId = stream.target.id;
  const records = own.map(({ sid, account, date }) => ({
    ...{ sid, account_sid: account, date_created: date },
    ...{ to: '+11234567890', from: '+351234567890', message_body: 'text' },
  }));
  const { body } = await app.post(`/api/v1/entities/Demo.${schema.name}/records`, { records });
  expect(body.results).toEqual(records.map(() => ({ ok: true })));
  await mutate('setLakeRetention', { datasetId, days: 30 });
  if (regulatoryMinimum)
    await mutate('setMinimumRetention', { datasetId, name: 'minimum', days: 900, mode: 'COMPLIANCE' });
  if (governanceLock) await mutate('setMinimumRetention', { datasetId, name: 'lock', days: 300, mode: 'GOVERNANCE' });
  return { entityId: entity.id, entity: schema.name, datasetId, name: stream.target.name, items: own };
}

async function sidsIn({ name }: Table): Promise<readonly string[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const files = join(app.lakeRoot, name, '*/*/*/*.parquet');
  const rows = await connection.runAndReadAll(`SELECT sid FROM read_parquet('${files}', hive_partitioning = false)`);
  connection.closeSync();
  return rows.getRows().map(([sid]) => String(sid));
}

const sources = new Map<string, string>();
let erasureId: string;
let labelIds: readonly string[];

beforeAll(async () => {
  app = await testApp();
  const made: Table[] = [];
  for (const minimum of [false, true]) for (const lock of [false, true]) made.push(await tableOf(minimum, lock));
  tables = made;
  // All accounts are held as well where none of them has a record, which changes nothing.
  const { legalHold: elsewhere } = await mutate(
    'placeLegalHold',
    { matterId: 'elsewhere', reason: 'r', scope: { namespaces: ['elsewhere'], classifications: ['PII'] } },
    'legalHold { id }',
  );
  sources.set(elsewhere.id, 'elsewhere');
  for (const { state, account, sid } of items) {
    const own = made.find((table) => table.items.some((item) => item.sid === sid))?.datasetId;
    const scopes = [
      ...(state.holdA ? [['hold A', { accountId: account }] as const] : []),
      ...(state.holdB
        ? [['hold B', { accountId: account, subjects: [{ field: 'sid', value: sid }], datasetIds: [own] }] as const]
        : []),
    ];
    for (const [name, scope] of scopes) {
      const { legalHold } = await mutate('placeLegalHold', { matterId: name, reason: 'r', scope }, 'legalHold { id }');
      sources.set(legalHold.id, name);
    }
  }
  const request = async (input: Data, name: string): Promise<string> => {
    const { id } = (await mutate('requestErasure', input, 'operation { id }')).operation;
    sources.set(id, name);
    return id;
  };
  const erased = items.filter(({ state }) => state.erasure).map(({ account: accountId }) => ({ accountId }));
  erasureId = await request({ subjects: erased }, 'erasure');
  labelIds = await Promise.all(
    tables.map(({ entityId, items: own }) => {
      const labelled = own.filter(({ state }) => state.deleteLabel);
      const subjects = labelled.map(({ account, sid }) => ({
        accountId: account,
        subject: { field: 'sid', value: sid },
      }));
      return request({ subjects, entityId }, 'label');
    }),
  );
  for (const { datasetId } of tables) sources.set(datasetId, 'container');
});
afterAll(() => app?.stop());

describe('all states of holds, minimum, lock, erasure, label and container', () => {
  test('are explained as the table says, before anything is done', async () => {
    const explained: Data[] = [];
    for (const { datasetId, items: own } of tables)
      for (const { state, account, sid, date } of own) {
        const item = { datasetId, accountId: account, subject: { field: 'sid', value: sid }, date };
        const { explainDecision } = await app.done(
          `query ($item: DecisionItemInput!) { explainDecision(item: $item) { action until reason
             winner { rule sourceId } losers { reason claim { rule sourceId } } } }`,
          { item },
        );
        const { action, winner, losers } = explainDecision;
        // The rule of its table speaks about every row; while it is not due, it decides only where nothing else does.
        const isPending = !state.containerDelete && winner.rule === 'CONTAINER_DELETE';
        const source = isPending ? null : (sources.get(winner.sourceId) ?? winner.sourceId);
        explained.push({ name: nameOf(state), action, winner: source });
        expect(losers).toHaveLength(Object.values({ ...state, containerDelete: true }).filter(Boolean).length - 1);
      }
    const byName = (one: Data, other: Data) => one.name.localeCompare(other.name);
    // Two holds are as strong: the older one is told.
    expect(explained.sort(byName)).toEqual(
      items.map(({ state }) => ({ name: nameOf(state), ...oracle(state) })).sort(byName),
    );
  });

  test('end in the table as they were decided, each by the operation that won', async () => {
    const won = (winner: string) =>
      items.filter(({ state }) => oracle(state).action === 'DELETE' && oracle(state).winner === winner).length;
    const { erased, done } = await carryOut(erasureId);
    expect(erased).toBe(won('erasure'));
    expect(done).toMatchObject({ status: 'PARTIAL', deferral: { byHold: true, byMinimum: true } });
    // The last one of those that the minimum keeps is ten days old.
    const last = Date.parse(ago(10).slice(0, 10)) + 901 * dayMs;
    expect(done.deferral.until).toBe(new Date(last).toISOString());

    let byLabels = 0;
    for (const id of labelIds) byLabels += (await carryOut(id)).erased;
    expect(byLabels).toBe(won('label'));

    // One for each rule; those in which a minimum keeps all rows are cancelled by the schedule itself.
    const retentions = await eventually(
      async () =>
        (await app.done('{ operations(first: 50) { nodes { id kind status } } }')).operations.nodes.filter(
          ({ kind }: Data) => kind === 'RETENTION',
        ),
      (found: Data[]) =>
        found.length === tables.length && found.every(({ status }) => status === 'PLANNED' || status === 'CANCELLED'),
    );
    let byContainers = 0;
    for (const { id, status } of retentions) if (status === 'PLANNED') byContainers += (await carryOut(id)).erased;
    expect(byContainers).toBe(won('container'));

    for (const table of tables) {
      const kept = table.items.filter(({ state }) => oracle(state).action !== 'DELETE').map(({ sid }) => sid);
      expect((await sidsIn(table)).toSorted(), table.entity).toEqual(kept.toSorted());
    }
  });
});
