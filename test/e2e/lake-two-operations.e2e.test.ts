import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { clickFields, plainDuckdb } from '../testkit/plain-table.ts';

const ask = `query ($id: ID!) { node(id: $id) { ... on Operation { id kind status statusReason planHash
  targets { nodes { status statusReason receipt { recordsErased recordsChanged open { code reason } } verification { survivors lost } } }
  certificate { body } } } }`;
const files = 16;
const rowsOfFile = 400;

interface Click {
  readonly id: number;
  readonly account: string;
  readonly person: string;
  readonly day: string;
  readonly note: string;
}

describe('two operations that begin on one table at the same time', () => {
  let app: TestApp;
  let count = 0;
  beforeAll(async () => {
    app = await testApp();
    await app.done(
      `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code } } }`,
      { input: { scope: 'GLOBAL', semanticType: 'customertext', action: 'REDACT' } },
    );
  });
  afterAll(() => app?.stop());

  /** A table of an entity of its own; in every file there are rows of all accounts, and every second is of 2018. */
  const filled = async () => {
    count += 1;
    const location = `clicks${count}`;
    await mkdir(join(app.lakeRoot, location), { recursive: true });
    for (let file = 0; file < files; file += 1)
      await plainDuckdb(
        `COPY (SELECT CAST(i AS INTEGER) AS id, 'AC' || (i % 5) AS account, 'p' || i AS person,
                 CASE WHEN i % 2 = 0 THEN '2018-06-01' ELSE strftime(current_date, '%Y-%m-%d') END || 'T10:00:00Z' AS day, 'note ' || i AS note
               FROM range(${file * rowsOfFile}, ${(file + 1) * rowsOfFile}) t(i))
         TO '${join(app.lakeRoot, location)}/${file}.parquet' (FORMAT parquet)`,
      );
    const document = documentOf(`Click${count}`, clickFields);
    const entityId = (await app.done(register, { input: { document } })).registerEntityVersion.entity.id;
    const input = { entityId, location, accountField: 'account', subjectFields: ['person'], dateField: 'day' };
    const { registerLakeTable } = await app.done(
      'mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { code } registration { id } } }',
      { input },
    );
    const query = 'query ($id: ID!) { node(id: $id) { ... on LakeRegistration { status dataset { id } } } }';
    const made = await eventually(
      async () => (await app.done(query, { id: registerLakeTable.registration.id })).node,
      ({ status }: Data) => status === 'REGISTERED',
    );
    return { location, entityId, datasetId: made.dataset.id as string };
  };
  type Table = Awaited<ReturnType<typeof filled>>;

  const rows = async ({ location }: Table): Promise<readonly Click[]> =>
    (await plainDuckdb(
      `SELECT id, account, person, day, note FROM read_parquet('${join(app.lakeRoot, location)}/*.parquet') ORDER BY id`,
    )) as readonly Click[];
  const operation = async (id: string): Promise<Data> => (await app.done(ask, { id })).node;

  const requests: Readonly<Record<string, (table: Table) => Promise<string>>> = {
    async Erasure({ entityId }) {
      const { requestErasure } = await app.done(
        'mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code } operation { id } } }',
        { input: { entityId, subjects: [{ accountId: 'AC1' }] } },
      );
      return requestErasure.operation.id;
    },
    async Protection({ entityId }) {
      const { requestProtection } = await app.done(
        'mutation ($input: RequestProtectionInput!) { requestProtection(input: $input) { userErrors { code } operation { id } } }',
        { input: { entityId } },
      );
      return requestProtection.operation.id;
    },
    // Who sets a rule is asked for the approval of what it makes due.
    async Retention({ datasetId }) {
      await app.done(
        'mutation ($input: SetLakeRetentionInput!) { setLakeRetention(input: $input) { userErrors { code } } }',
        { input: { datasetId, days: 30, dateField: 'day' } },
      );
      const query = '{ operations(first: 5) { nodes { id kind status } } }';
      const waiting = ({ kind, status }: Data): boolean => kind === 'RETENTION' && status === 'PLANNED';
      const found = await eventually(
        async () => (await app.done(query)).operations.nodes as Data[],
        (nodes) => nodes.some(waiting),
      );
      return found.find(waiting).id;
    },
  };

  it.each([
    ['Erasure', 'Retention'],
    ['Retention', 'Erasure'],
    ['Erasure', 'Protection'],
    ['Protection', 'Erasure'],
  ])(
    '%s and %s take turns, and both end right',
    async (first, second) => {
      const table = await filled();
      const before = await rows(table);
      const ids: string[] = [];
      for (const kind of [first, second]) ids.push((await requests[kind]?.(table)) ?? '');
      const planned: Data[] = [];
      for (const id of ids)
        planned.push(
          await eventually(
            () => operation(id),
            ({ status }) => status === 'PLANNED',
          ),
        );
      await Promise.all(
        planned.map(({ id, planHash }) =>
          app.done(
            'mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code message } } }',
            { input: { id, planHash } },
          ),
        ),
      );
      const seen = new Set<string>();
      const ended = ['COMPLETED', 'PARTIAL', 'FAILED', 'BLOCKED'];
      const done = await eventually(
        async () => {
          const both = await Promise.all(ids.map(operation));
          for (const { targets } of both)
            for (const { statusReason } of targets.nodes) if (statusReason) seen.add(statusReason);
          return both;
        },
        (both) => both.every(({ status }) => ended.includes(status)),
      );
      for (const { certificate, targets, status } of done) {
        expect(certificate.body.open).toEqual([]);
        expect(status).toBe('COMPLETED');
        expect(targets.nodes).toMatchObject([{ verification: { survivors: 0, lost: 0 } }]);
      }
      // One had the table, and the other waited for it.
      expect([...seen]).toEqual([expect.stringContaining('holds the lease')]);
      const isErased = ({ account }: Click): boolean => account === 'AC1';
      const isOld = ({ day }: Click): boolean => day.startsWith('2018');
      const retires = second === 'Retention' || first === 'Retention';
      const expected = before.filter((click) => !isErased(click) && !(retires && isOld(click)));
      const after = await rows(table);
      const protects = second === 'Protection' || first === 'Protection';
      expect(after.map(({ note: _, ...click }) => click)).toEqual(expected.map(({ note: _, ...click }) => click));
      for (const [index, { note }] of after.entries()) expect(note === expected[index]?.note).toBe(!protects);
      // What both would have taken went once.
      const [one, other] = done.map(({ targets }) => targets.nodes[0].receipt.recordsErased as number);
      expect((one ?? 0) + (other ?? 0)).toBe(before.length - after.length);
      const left = await readdir(join(app.lakeRoot, table.location));
      expect(left.filter((name) => !name.endsWith('.parquet'))).toEqual([]);
    },
    60_000,
  );
});
