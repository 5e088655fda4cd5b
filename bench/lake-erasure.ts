import { setTimeout as sleep } from 'node:timers/promises';
import type { personsOf } from './lake-data.ts';

const document = {
  version: '1.0',
  namespace: 'Bench',
  schema: {
    ...{ type: 'record', name: 'Message', namespace: 'Bench' },
    fields: ['sid', 'account_sid', 'date_created', 'to', 'tags'].map((name) => ({ name, type: 'string' })),
  },
};

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
export type Data = any;
type Ask = (query: string, variables: object) => Promise<Data>;

/** Speaks GraphQL as any client would; refusals are errors. */
export function asking(url: string): Ask {
  return async (query, variables) => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ query, variables });
    const { data, errors } = (await (await fetch(`${url}/graphql`, { method: 'POST', headers, body })).json()) as Data;
    const refused = Object.values(data ?? {}).flatMap((value: Data) => value?.userErrors ?? []);
    if (errors !== undefined || refused.length > 0) throw new Error(JSON.stringify(errors ?? refused));
    return data;
  };
}

export async function until(ask: () => Promise<Data>, isThere: (answer: Data) => boolean): Promise<Data> {
  for (;;) {
    const answer = await ask();
    if (isThere(answer)) return answer;
    await sleep(250);
  }
}

/** Registers the table and takes the subjects of a day from request to certificate; seconds of each step. */
export async function erasureDay(url: string, location: string, subjects: ReturnType<typeof personsOf>) {
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
export function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const [from, now] = [last, performance.now()];
    last = now;
    return (now - from) / 1_000;
  };
}
