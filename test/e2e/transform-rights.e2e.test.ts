import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Data, documentOf, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { type Asking, asking, rootToken, secretWord } from '../testkit/hidden-things.ts';
import { registeredTable } from '../testkit/lake-reads.ts';
import { plainDuckdb } from '../testkit/plain-table.ts';

const text = (name: string, more: object = {}) => ({ name, type: ['null', 'string'], default: null, ...more });
const fields = [text('id'), text('account'), text('day'), text('phone', { twilio_type: 'phonenumber' })];
const table = 'shop/orders';
const secretTable = `shop/${secretWord}`;

const documentFor = (name: string, source: object, transforms: readonly object[] = []): string =>
  JSON.stringify({
    ...{ name, key: ['id'], merge: { strategy: 'latest', by: 'day' } },
    sources: [{ ...source, transforms }],
    resource: { format: 'ndjson', path: `data/${name}`, schema: { namespace: 'Demo', entity: 'Copy', version: 1 } },
  });
const lookupIn = (location: string, on = 'id') => ({
  ...{ type: 'lookup', table: location, on: { id: on }, fields: { found: 'account' } },
});

let app: TestApp;
let as: Asking;
const tokens = new Map<string, string>();

beforeAll(async () => {
  app = await testApp();
  await put(`${table}/1.parquet`, 4);
  await put(`${secretTable}/1.parquet`, 4);
  await put('incoming/1.parquet', 4);
  await app.done(register, { input: { document: documentOf('Copy', fields) } });
  for (const [name, location] of [
    ['Order', table],
    [secretWord, secretTable],
  ] as const) {
    const { registerEntityVersion } = await app.done(register, { input: { document: documentOf(name, fields) } });
    const entityId = registerEntityVersion.entity.id;
    await registeredTable(app, { location, entityId, subjectFields: ['phone'] });
  }
  await app.restart({ LINEWARD_API_TOKEN: rootToken });
  as = asking(app);
  for (const role of ['engineer', 'service'] as const) tokens.set(role, await as.tokenOf(role, [role]));
  await as.policy('runs', { effect: 'ALLOW', actions: ['OPERATE'], actors: ['service'] });
  await as.policy('secret', { effect: 'DENY', actions: ['DISCOVER'], roles: ['engineer'], names: [`*${secretWord}*`] });
});
afterAll(() => app?.stop());

async function put(path: string, rows: number): Promise<void> {
  const file = join(app.lakeRoot, path);
  await mkdir(dirname(file), { recursive: true });
  await plainDuckdb(
    `COPY (SELECT 'O' || i AS id, 'AC' || (i % 2) AS account, '2018-06-01' AS day, '+4930' || (100 + i) AS phone
       FROM range(${rows}) t(i)) TO '${file}' (FORMAT parquet)`,
  );
}

/** The answer of the only field, by the token of that name. */
async function ask(who: string, query: string, variables: object): Promise<Data> {
  const { data, errors } = await as.ask(tokens.get(who) ?? rootToken, query, variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return Object.values(data)[0];
}
const created = (who: string, document: string): Promise<Data> =>
  ask(
    who,
    `mutation ($input: CreateTransformerInput!) { createTransformer(input: $input) {
       userErrors { code message } issues { path code message } transformer { id } } }`,
    { input: { document } },
  );
const requested = (who: string, id: string): Promise<Data> =>
  ask(
    who,
    'mutation ($input: RunTransformerInput!) { runTransformer(input: $input) { userErrors { code message } run { id } } }',
    { input: { id } },
  );
const previewed = (who: string, document: string): Promise<Data> =>
  ask(
    who,
    `mutation ($input: PreviewTransformerInput!) { previewTransformer(input: $input) {
       userErrors { code message } preview { after { json } } } }`,
    { input: { document } },
  );
const validated = async (who: string, document: string): Promise<Data> =>
  (
    await ask(
      who,
      'query ($document: String!) { validateTransformer(document: $document) { issues { path code message } } }',
      { document },
    )
  ).issues;
const newestRun = (id: string, count: number): Promise<Data> =>
  eventually(
    async () =>
      (
        await ask(
          'root',
          `query ($id: ID!) { node(id: $id) { ... on Transformer { runs(first: 9) { nodes { number status code reason requestedBy readsAs } } } } }`,
          { id },
        )
      ).runs.nodes.sort((one: Data, other: Data) => other.number - one.number)[0],
    (run: Data) => run?.number === count && ['COMPLETED', 'FAILED'].includes(run.status),
  );
/** All that is in the table of a transformer. */
async function contentOf(name: string): Promise<string[]> {
  const directory = join(app.lakeRoot, 'data', name);
  const names = (await readdir(directory, { recursive: true })).filter((one) => one.includes('.ndjson')).sort();
  return Promise.all(names.map(async (one) => `${one} ${(await readFile(join(directory, one))).toString('base64')}`));
}

test('who may register, and not read the lake, has no table made of it', async () => {
  const files = {
    files: {
      path: 'incoming/*',
      format: 'parquet',
      schema: { namespace: 'Demo', entity: 'Order' },
      account: 'account',
    },
  };
  for (const source of [{ table }, files]) {
    const document = documentFor('mine', source);
    const { userErrors, issues } = await created('service', document);
    expect(userErrors).toMatchObject([{ code: 'TRANSFORMER_INVALID' }]);
    const issue = { path: 'sources[0]', code: 'NOT_READABLE', message: expect.stringContaining('READ_LAKE') };
    expect(issues).toEqual([issue]);
    expect(await validated('service', document)).toEqual([issue]);
    expect((await previewed('service', document)).userErrors).toMatchObject([{ code: 'TRANSFORMER_INVALID' }]);
    expect(await validated('engineer', document)).toEqual([]);
  }
  const { transformer } = await created('engineer', documentFor('made', { table }));
  const refusal = /sources\[0\]: service may not read it: that takes the permission READ_LAKE.*FORBIDDEN/u;
  await expect(requested('service', transformer.id)).rejects.toThrow(refusal);
  const events = await ask(
    'root',
    '{ auditEvents(first: 9, filter: { action: "refuseAccess" }) { nodes { details } } }',
    {},
  );
  expect(events.nodes.map(({ details }: Data) => details.what)).toEqual(
    expect.arrayContaining(['createTransformer', 'validateTransformer', 'previewTransformer', 'runTransformer']),
  );
});

test('a table that the actor may not find is as one that is not there', async () => {
  const asked = (location: string) => [
    documentFor('a', { table: location }),
    documentFor('b', { table }, [lookupIn(location)]),
  ];
  const [hidden, none] = [asked(secretTable), asked('shop/nothing')];
  const seen = async (document: string) =>
    JSON.stringify([
      await validated('engineer', document),
      await created('engineer', document),
      await previewed('engineer', document),
    ]);
  for (const [index, document] of hidden.entries()) {
    const answer = await seen(document);
    expect(answer).toContain('UNKNOWN_TABLE');
    expect(answer.replaceAll(secretTable, 'shop/nothing')).toBe(await seen(none[index] ?? ''));
  }
  // Nor are its files, or its directory, named to who asks for what is around it.
  const around = documentFor('c', {
    files: { path: 'shop/**', format: 'parquet', schema: { namespace: 'Demo', entity: 'Order' }, account: 'account' },
  });
  const place = JSON.stringify({
    ...JSON.parse(documentFor('d', { table })),
    resource: { ...JSON.parse(documentFor('d', {})).resource, path: 'shop' },
  });
  for (const document of [around, place]) {
    const issues = await validated('engineer', document);
    expect(issues).toMatchObject([{ code: 'LOCATION_TAKEN' }]);
    expect(JSON.stringify([issues, await created('engineer', document)])).not.toContain(secretWord);
  }
  const refusal = await ask(
    'engineer',
    'mutation ($input: RegisterLakeTableInput!) { registerLakeTable(input: $input) { userErrors { code message } } }',
    {
      input: {
        location: 'shop',
        entityId: (await ask('root', '{ entity(namespace: "Demo", name: "Order") { id } }', {})).id,
        accountField: 'account',
        subjectFields: [],
      },
    },
  );
  expect(refusal.userErrors).toMatchObject([{ code: 'LAKE_LOCATION_TAKEN' }]);
  expect(JSON.stringify(refusal)).not.toContain(secretWord);
});

test('personal values may be moved by who may not see them, and not be asked for by a filter or a key', async () => {
  expect(await validated('engineer', documentFor('moved', { table }))).toEqual([]);
  expect(
    await validated('engineer', documentFor('asked', { table }, [{ type: 'filter', where: 'phone == "+4930101"' }])),
  ).toMatchObject([{ path: 'sources[0].transforms[0].where', code: 'NOT_READABLE' }]);
  expect(await validated('engineer', documentFor('asked', { table }, [lookupIn(table, 'phone')]))).toMatchObject([
    { path: 'sources[0].transforms[0].on', code: 'NOT_READABLE' },
  ]);
});

test('a right that is taken away ends the next run by schedule, and leaves the table as it was', async () => {
  const { transformer } = await created('engineer', documentFor('kept', { table }));
  await requested('engineer', transformer.id);
  expect(await newestRun(transformer.id, 1)).toMatchObject({ status: 'COMPLETED', requestedBy: 'engineer' });
  const scheduled = (who: string) =>
    ask(
      who,
      'mutation ($input: ScheduleTransformerInput!) { scheduleTransformer(input: $input) { userErrors { code } } }',
      { input: { id: transformer.id, cron: '0 0 1 1 *' } },
    );
  await expect(scheduled('service')).rejects.toThrow('READ_LAKE');
  expect(await scheduled('engineer')).toEqual({ userErrors: [] });
  const due = () => app.em.fork().execute(`update transformer set due_at = now() where name = 'kept'`);
  const before = await contentOf('kept');
  expect(before).toHaveLength(1);

  await put(`${table}/2.parquet`, 9);
  const policy = await as.policy('no lake', { effect: 'DENY', actions: ['READ_LAKE'], actors: ['engineer'] });
  await due();
  expect(await newestRun(transformer.id, 2)).toMatchObject({
    ...{ status: 'FAILED', code: 'FORBIDDEN', requestedBy: 'transformer-schedule', readsAs: 'engineer' },
    reason: 'sources[0]: engineer may not read it: that takes the permission READ_LAKE.',
  });
  expect(await contentOf('kept')).toEqual(before);
  await as.retire(policy);
  await due();
  expect(await newestRun(transformer.id, 3)).toMatchObject({ status: 'COMPLETED' });
  expect(await contentOf('kept')).not.toEqual(before);

  // Whose token is revoked may nothing any more, and what was read stays read.
  const after = await contentOf('kept');
  const { nodes } = await ask('root', '{ apiTokens(first: 9) { nodes { id name } } }', {});
  const { id } = nodes.find(({ name }: Data) => name === 'engineer');
  await ask('root', 'mutation ($id: ID!) { revokeApiToken(input: { id: $id }) { userErrors { code } } }', { id });
  await due();
  expect(await newestRun(transformer.id, 4)).toMatchObject({ status: 'FAILED', code: 'FORBIDDEN' });
  expect(await contentOf('kept')).toEqual(after);
});
