import { type Data, documentOf, eventually, register, type TestApp } from './app.ts';
import { type Asking, rootToken, secretWord } from './hidden-things.ts';
import { gatewayFor, uniqueName } from './kafka.ts';

/** What is hidden beside the catalog: topics, streams, tables, and the rules, operations and holds about them. */
export interface HiddenStreams {
  readonly topic: string;
  readonly topicId: string;
  readonly tableId: string;
  readonly tableName: string;
  readonly entityId: string;
  readonly operationId: string;
  readonly schemaId: number;
  readonly guid: string;
  readonly readId: string;
  readonly runId: string;
  readonly transformer: string;
}

const fields = [
  { name: 'account', type: 'string' },
  { name: 'day', type: 'string' },
  { name: `${secretWord}_mail`, type: 'string', twilio_type: 'email' },
];

/** A document of a transformer that copies a topic. */
export const transformerOf = (topic: string, name = `${secretWord}_copy`): string =>
  JSON.stringify({
    ...{ name, key: ['account'], merge: { strategy: 'latest', by: 'day' } },
    sources: [{ topic, transforms: [] }],
    resource: {
      format: 'ndjson',
      path: `data/${name}`,
      schema: { namespace: 'Demo', entity: `${secretWord}_day`, version: 1 },
    },
  });

/** A record schema with a field of that name. */
export const schemaWith = (field: string, type = 'string'): string =>
  JSON.stringify({ type: 'record', name: `${secretWord}_form`, namespace: 'reg', fields: [{ name: field, type }] });

/** @param reader token of who reads the table */
export async function hiddenStreams(
  app: TestApp,
  kit: Asking,
  { brokers, reader }: { readonly brokers: string; readonly reader: string },
): Promise<HiddenStreams> {
  const ask = async (query: string, variables: object = {}): Promise<Data> => {
    const { data, errors } = await kit.ask(rootToken, query, variables);
    const [answer] = Object.values(data ?? {}) as Data[];
    if (errors || answer?.userErrors?.length > 0) throw new Error(JSON.stringify(errors ?? answer.userErrors));
    return answer;
  };
  const made = (verb: string, selection: string, input: object): Promise<Data> => {
    const type = `${verb[0]?.toUpperCase()}${verb.slice(1)}Input`;
    return ask(`mutation ($input: ${type}!) { ${verb}(input: $input) { ${selection} userErrors { message field } } }`, {
      input,
    });
  };
  const sent = async (method: string, url: string, body?: unknown, token = rootToken): Promise<Data> => {
    const { status, text } = await kit.send(token, url, body, method);
    if (status >= 300) throw new Error(`${url} ${status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  const entityId = (await ask(register, { input: { document: documentOf(`${secretWord}_day`, fields) } })).entity.id;
  const topic = uniqueName(`${secretWord}-raw`);
  const clean = topic.replace('raw', 'clean');
  const keys = { entityId, accountField: 'account', subjectFields: [`${secretWord}_mail`] };
  await made('createStreamProtection', 'stream { id }', {
    ...{ ...keys, sourceTopic: topic, targetTopic: clean, partitions: 1 },
  });
  const landing = await made('createLakeLanding', 'stream { source { id } target { id name } }', {
    ...{ ...keys, sourceTopic: clean, area: `${secretWord}_area`, dateField: 'day' },
  });
  const value = { account: 'AC1', day: '2026-01-01', [`${secretWord}_mail`]: `ann@${secretWord}.example` };
  const gateway = gatewayFor(brokers);
  await gateway.produce(topic, [{ key: 'k', value: JSON.stringify(value) }]);
  await gateway.close();
  const { source, target } = landing.stream;
  await eventually(
    () => ask('query ($id: ID!) { node(id: $id) { ... on Dataset { lakeTable { rows } } } }', { id: target.id }),
    ({ lakeTable }) => lakeTable.rows === 1,
  );
  await made('discoverTopics', '', {});
  await rulesAbout(made, source.id, target.id, entityId);
  await made('createTransformer', 'issues { path message } transformer { id }', { document: transformerOf(topic) });
  const { operation } = await made('requestErasure', 'operation { id }', {
    ...{ subjects: [{ accountId: 'AC1' }], dryRun: true },
  });
  await eventually(
    () => ask('query ($id: ID!) { node(id: $id) { ... on Operation { status } } }', { id: operation.id }),
    ({ status }) => status === 'PLANNED',
  );
  const { id: schemaId } = await sent('POST', `${app.urls.registry}/subjects/${secretWord}-form/versions`, {
    schema: schemaWith(`${secretWord}_field`),
    metadata: { properties: { kept: secretWord } },
  });
  const named = {
    resourceId: `${secretWord}:id`,
    resourceName: `${secretWord}_resource`,
    resourceNamespace: secretWord,
  };
  await sent('POST', `${app.urls.registry}/associations`, {
    ...{ ...named, associations: [{ subject: `${secretWord}-form`, associationType: 'value', lifecycle: 'WEAK' }] },
  });
  await sent('POST', `${app.urls.registry}/subjects/:.${secretWord}:${secretWord}-other/versions`, { schema: '"int"' });
  const [schema] = await app.em.fork().execute<{ guid: string }[]>('select guid from schema where id = ?', [schemaId]);
  const asked = { table: target.name, purpose: 'test' };
  const read = await sent('POST', `${app.urls.main}/api/v1/lake/reads`, asked, reader);
  const runs = await sent('GET', `${app.urls.main}/api/v1/namespaces/shop/jobs/${secretWord}_load/runs`, undefined);
  return {
    ...{ topic, topicId: source.id, tableId: target.id, tableName: target.name, entityId, operationId: operation.id },
    ...{
      schemaId,
      guid: schema?.guid ?? '',
      readId: read.id,
      runId: runs.runs[0].id,
      transformer: `${secretWord}_copy`,
    },
  };
}

type Made = (verb: string, selection: string, input: object) => Promise<Data>;

/** Rules that name the hidden things by their ids alone, so that their own names tell nothing. */
async function rulesAbout(made: Made, topicId: string, tableId: string, entityId: string): Promise<void> {
  await made('setTopicRetention', '', { datasetId: topicId, settings: [{ name: 'retention.ms', value: '604800000' }] });
  await made('setProtectionPolicy', '', {
    ...{ action: 'REDACT', semanticType: 'email', scope: 'ENTITY', scopeName: `Demo.${secretWord}_day` },
  });
  await made('setMinimumRetention', '', {
    ...{ name: 'kept', days: 30, mode: 'GOVERNANCE', scope: { datasetIds: [tableId] } },
  });
  await made('setRetentionPolicy', '', { name: 'gone', days: 4_000, scope: { datasetIds: [tableId] } });
  await made('placeLegalHold', '', { matterId: 'matter', reason: 'court', scope: { datasetIds: [tableId] } });
  await made('defineDomain', '', { name: 'people', description: 'of people' });
  await made('defineGlossaryTerm', '', { name: 'person', description: 'who works here' });
  await made('describeDataset', '', { datasetId: tableId, domain: 'people', terms: ['person'] });
  await made('mapEntity', '', {
    ...{ entityId, role: 'WAREHOUSE_TABLE', accountField: 'account', subjectFields: [] },
    dataset: { namespace: `${secretWord}_room`, name: `${secretWord}_desk` },
  });
}
