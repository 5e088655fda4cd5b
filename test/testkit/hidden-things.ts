import type { Role } from '../../src/domain/access/role.ts';
import { type Data, documentOf, eventually, register, type TestApp } from './app.ts';
import { runOf, tableOf } from './lineage.ts';

export const rootToken = 'the-token-of-the-environment';

/** Asks an app as the owner of a token. */
export interface Asking {
  ask(token: string, query: string, variables?: object): Promise<Data>;
  get(token: string, url: string): Promise<{ status: number; text: string }>;
  send(token: string, url: string, body: unknown, method?: string): Promise<{ status: number; text: string }>;
  tokenOf(name: string, roles: readonly Role[]): Promise<string>;
  policy(name: string, rule: object): Promise<string>;
  retire(id: string): Promise<void>;
}

export function asking(app: TestApp, main = () => app.urls.main): Asking {
  const ask = async (token: string, query: string, variables: object = {}): Promise<Data> => {
    const response = await fetch(`${main()}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    return response.json();
  };
  const done = async (query: string, variables: object): Promise<Data> => {
    const { data, errors } = await ask(rootToken, query, variables);
    const [answer] = Object.values(data ?? {}) as Data[];
    if (errors || answer.userErrors.length > 0) throw new Error(JSON.stringify(errors ?? answer.userErrors));
    return answer;
  };
  const send = async (token: string, url: string, body?: unknown, method = 'POST') => {
    const json = { 'content-type': 'application/json' };
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : json) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
  return {
    ask,
    send,
    get: (token, url) => send(token, url, undefined, 'GET'),
    async tokenOf(name, roles) {
      const create = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret userErrors { message } } }`;
      return (await done(create, { input: { name, roles } })).secret;
    },
    async policy(name, rule) {
      const create = `mutation ($input: CreateAccessPolicyInput!) {
        createAccessPolicy(input: $input) { accessPolicy { id } userErrors { message } } }`;
      return (await done(create, { input: { name, rule, reason: 'a test' } })).accessPolicy.id;
    },
    async retire(id) {
      await done('mutation ($id: ID!) { retireAccessPolicy(input: { id: $id }) { userErrors { message } } }', { id });
    },
  };
}

/** A word that stands in every name that is to be hidden, and in nothing else. */
export const secretWord = 'payroll';

export interface HiddenThings {
  readonly datasetId: string;
  readonly entityId: string;
  readonly schemaId: number;
  /** A dataset that is upstream of the hidden one, and one that is made of it. */
  readonly upstreamId: string;
  readonly downstreamId: string;
}

/** A catalog with hidden things beside open ones, in every part of it that needs no broker. */
export async function hiddenThings(app: TestApp, { ask, send }: Asking): Promise<HiddenThings> {
  const made = async (query: string, input: object): Promise<Data> => {
    const { data, errors } = await ask(rootToken, query, { input });
    const [answer] = Object.values(data ?? {}) as Data[];
    if (errors || answer.userErrors.length > 0) throw new Error(JSON.stringify(errors ?? answer.userErrors));
    return answer;
  };
  const fields = [
    { name: 'account', type: 'string' },
    { name: `${secretWord}_number`, type: 'string', twilio_type: 'phonenumber' },
  ];
  const hidden = await made(register, { document: documentOf(`${secretWord}_slip`, fields) });
  const open = await made(register, { document: documentOf('parcel') });
  const map = `mutation ($input: MapEntityInput!) { mapEntity(input: $input) { mapping { id dataset { id } } userErrors { message } } }`;
  const place = { role: 'WAREHOUSE_TABLE', accountField: 'account', subjectFields: [] };
  const { mapping } = await made(map, {
    ...place,
    entityId: hidden.entity.id,
    dataset: { namespace: 'shop', name: `${secretWord}_raw` },
  });
  await made(map, {
    ...place,
    accountField: 'id',
    entityId: open.entity.id,
    dataset: { namespace: 'shop', name: 'parcels' },
  });
  const person = [
    { name: 'id', type: 'string' },
    { name: 'mail', type: 'string', twilio_type: 'email' },
  ];
  const contact = await made(register, { document: documentOf('contact', person) });
  await made(map, {
    ...place,
    accountField: 'id',
    entityId: contact.entity.id,
    dataset: { namespace: 'crm', name: 'contacts' },
  });
  const events = [
    ...runOf(
      3,
      'third',
      [tableOf({ name: 'contacts', fields: ['mail'] }, 'crm')],
      [tableOf({ name: 'mailing', fields: ['to'] })],
    ).map(withColumn),
    ...runOf(
      1,
      `${secretWord}_load`,
      [tableOf({ name: 'source', fields: ['a'] })],
      [tableOf({ name: `${secretWord}_raw`, fields: ['b'], columns: { b: ['source.a'] } })],
    ),
    ...runOf(
      2,
      'second',
      [tableOf({ name: `${secretWord}_raw` })],
      [tableOf({ name: 'report', fields: ['c'], columns: { c: [`${secretWord}_raw.b`] } })],
    ),
  ];
  const { status } = await send(rootToken, `${app.urls.main}/api/v1/lineage/batch`, events);
  if (status !== 204) throw new Error(`events: ${status}`);
  const schema = JSON.stringify({ type: 'record', name: `${secretWord}_slip`, namespace: 'reg', fields: [] });
  const registered = await send(rootToken, `${app.urls.registry}/subjects/${secretWord}-value/versions`, { schema });
  const other = JSON.stringify({ type: 'record', name: 'parcel', namespace: 'reg', fields: [] });
  await send(rootToken, `${app.urls.registry}/subjects/parcel-value/versions`, { schema: other });
  const described = `mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { message } } }`;
  await made(described, {
    datasetId: mapping.dataset.id,
    documentation: `all of ${secretWord}`,
    owners: [`${secretWord}-team`],
    tags: [`${secretWord}-tag`],
  });
  const idOf = async (name: string): Promise<string> => {
    const query = `query ($name: String!) { dataset(namespace: "shop", name: $name) { id } }`;
    return (await ask(rootToken, query, { name })).data.dataset.id;
  };
  // Changes are told once they are sealed.
  await eventually(
    () => ask(rootToken, '{ changes(last: 100) { nodes { type resourceName } } }'),
    ({ data }) => data.changes.nodes.some(({ type }: Data) => type === 'DATASET_DESCRIBED'),
  );
  return {
    datasetId: mapping.dataset.id,
    entityId: hidden.entity.id,
    schemaId: JSON.parse(registered.text).id,
    upstreamId: await idOf('source'),
    downstreamId: await idOf('report'),
  };
}

/** Says that the column `to` is made of the mails of contacts, which are in another namespace. */
function withColumn(event: Data): Data {
  const inputFields = [{ namespace: 'crm', name: 'contacts', field: 'mail' }];
  for (const output of event.outputs ?? [])
    output.facets.columnLineage = { _producer: 'p', _schemaURL: 's', fields: { to: { inputFields } } };
  return event;
}
