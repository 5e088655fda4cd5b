import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { benchApp, closing, type OnClose } from './bench-app.ts';
import { type Bench, type BenchCase, flag, plainCase } from './harness.ts';
import { generateTable, personsOf } from './lake-data.ts';
import { countsOf, loadSubjects } from './lake-references.ts';

const location = 'events/messages';
const document = {
  version: '1.0',
  namespace: 'Bench',
  schema: {
    ...{ type: 'record', name: 'Message', namespace: 'Bench' },
    fields: ['sid', 'account_sid', 'date_created', 'to', 'tags'].map((name) => ({ name, type: 'string' })),
  },
};

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
type Data = any;
type Ask = (query: string, variables: object) => Promise<Data>;

/** Speaks GraphQL as any client would; refusals are errors. */
function asking(url: string): Ask {
  return async (query, variables) => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ query, variables });
    const { data, errors } = (await (await fetch(`${url}/graphql`, { method: 'POST', headers, body })).json()) as Data;
    const refused = Object.values(data ?? {}).flatMap((value: Data) => value?.userErrors ?? []);
    if (errors !== undefined || refused.length > 0) throw new Error(JSON.stringify(errors ?? refused));
    return data;
  };
}

async function until(ask: () => Promise<Data>, isThere: (answer: Data) => boolean): Promise<Data> {
  for (;;) {
    const answer = await ask();
    if (isThere(answer)) return answer;
    await sleep(250);
  }
}

async function measured(onClose: OnClose): Promise<readonly BenchCase[]> {
  const [megabytes, days, asked] = [flag('mb', 200), flag('days', 30), flag('subjects', 200_000)];
  const { app, dataDir } = await benchApp(onClose);
  const duckdb = await (await DuckDBInstance.create(':memory:', { memory_limit: '1GB' })).connect();
  const files = await generateTable(duckdb, join(dataDir, 'lake', location), { megabytes, days });
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const persons = Math.ceil(rows / 10);
  const subjects = personsOf(Math.min(asked, Math.ceil(persons / 10)), persons);
  await loadSubjects(duckdb, 'gone', subjects);
  const before = await countsOf(duckdb, files);
  const day = await erasureDay(app.urls.main, subjects);
  const after = await countsOf(duckdb, files);
  if (after.selected !== 0 || after.others !== before.others || day.erased !== before.selected)
    throw new Error(`not exact: ${JSON.stringify({ before, after, erased: day.erased })}`);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return [
    plainCase(`register ${files.length} files, ${(bytes / 1e6).toFixed(0)} MB, and index them`, day.registered, 's'),
    plainCase(`take in ${subjects.length} subjects`, day.takenIn, 's'),
    plainCase('plan', day.planned, 's'),
    plainCase('erase, read back, certify', day.certified, 's'),
    plainCase('plan to certificate', bytes / 1e6 / (day.planned + day.certified), 'MB/s'),
    plainCase(`${before.selected} rows erased; survivors and lost rows, by plain SQL`, 0, 'rows'),
  ];
}

/** Registers the table and takes the subjects of a day from request to certificate; seconds of each step. */
async function erasureDay(url: string, subjects: ReturnType<typeof personsOf>) {
  const ask = asking(url);
  const { registerEntityVersion } = await ask(
    'mutation ($input: RegisterEntityVersionInput!) { registerEntityVersion(input: $input) { userErrors { message } entity { id } } }',
    { input: { document } },
  );
  const clock = stopwatch();
  const entityId = registerEntityVersion.entity.id;
  const keys = { accountField: 'account_sid', subjectFields: ['to'], dateField: 'date_created' };
  const { registerLakeTable } = await ask(
    'mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { message } registration { id } } }',
    { input: { location, entityId, ...keys } },
  );
  const indexed = await until(
    async () =>
      (
        await ask(
          `query ($id: ID!) { node(id: $id) { ... on LakeRegistration { status reason dataset { lakeTable { files indexedFiles } } } } }`,
          { id: registerLakeTable.registration.id },
        )
      ).node,
    ({ status, dataset }) =>
      status === 'REFUSED' ||
      (status === 'REGISTERED' &&
        dataset.lakeTable.files > 0 &&
        dataset.lakeTable.files === dataset.lakeTable.indexedFiles),
  );
  if (indexed.status === 'REFUSED') throw new Error(indexed.reason);
  const registered = clock();
  const lines = subjects.map((subject) => JSON.stringify(subject)).join('\n');
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'day' };
  const intake = await fetch(`${url}/api/v1/erasures?reason=day`, { method: 'POST', headers, body: lines });
  const { operationId: id, subjects: taken } = (await intake.json()) as Data;
  if (taken !== subjects.length) throw new Error(`${taken} of ${subjects.length} subjects were taken`);
  const takenIn = clock();
  const operation = async (): Promise<Data> =>
    (
      await ask(
        `query ($id: ID!) { node(id: $id) { ... on Operation { status statusReason planHash
           targets { nodes { receipt { recordsErased } verification { survivors lost } } } certificate { body } } } }`,
        { id },
      )
    ).node;
  const ended = ['COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED'];
  const { status, statusReason, planHash } = await until(
    operation,
    (now) => now.status === 'PLANNED' || ended.includes(now.status),
  );
  if (status !== 'PLANNED') throw new Error(statusReason);
  const planned = clock();
  await ask(
    'mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { message } } }',
    { input: { id, planHash } },
  );
  const end = await until(operation, (now) => ended.includes(now.status));
  if (end.status !== 'COMPLETED' || end.certificate === null) throw new Error(`${end.status}: ${end.statusReason}`);
  const erased = end.targets.nodes.reduce((sum: number, target: Data) => sum + Number(target.receipt.recordsErased), 0);
  return { registered, takenIn, planned, certified: clock(), erased };
}

/** Seconds since it was asked last. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const [from, now] = [last, performance.now()];
    last = now;
    return (now - from) / 1_000;
  };
}

export const bench: Bench = {
  name: 'lake-day',
  about:
    'a day of erasures by the API, from plan to certificate, checked by plain SQL; --mb=200 --days=30 --subjects=200000',
  run: () => closing(measured),
};
