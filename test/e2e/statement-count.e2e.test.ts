import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newId } from '../../src/domain/id.ts';
import { AuditSealer } from '../../src/services/audit/audit-sealer.ts';
import { type Data, documentOf, register, type TestApp, testApp } from '../testkit/app.ts';

let app: TestApp;
const total = 100;

/** Rows of every kind; written straight to the tables where the API would need a broker or a finished operation. */
async function seed(): Promise<void> {
  for (let index = 0; index < total; index += 1) {
    const fields = ['account', 'day'].map((name) => ({ name, type: 'string' }));
    const document = documentOf(`E${index}`, fields);
    const { registerEntityVersion } = await app.done(register, { input: { document, aliases: [`Alias.E${index}`] } });
    await app.done(register, {
      input: { document: documentOf(`E${index}`, [...fields, { name: 'mail', type: 'string', default: '' }], '2.0') },
    });
    await app.done(
      `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message } } }`,
      { input: { entityId: registerEntityVersion.entity.id, area: 'demo', dateField: 'day', accountField: 'account' } },
    );
    await app.done(
      `mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } } }`,
      { input: { matterId: `M${index}`, reason: 'r', scope: { accountId: `AC${index}` } } },
    );
    await app.done(
      `mutation ($input: SetProtectionPolicyInput!) { setProtectionPolicy(input: $input) { userErrors { code } } }`,
      { input: { scope: 'NAMESPACE', scopeName: `N${index}`, semanticType: 'email', action: 'REMOVE' } },
    );
    await app.done(
      `mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code } } }`,
      { input: { subjects: [{ accountId: `AC${index}` }] } },
    );
    await app.done(
      `mutation ($input: DefineSemanticTypeInput!) { defineSemanticType(input: $input) { userErrors { code } } }`,
      { input: { name: 'seeded', description: `version ${index}`, redaction: { kind: 'NULL' } } },
    );
    await app.done(
      `mutation ($input: DefineSemanticTypeInput!) { defineSemanticType(input: $input) { userErrors { code } } }`,
      { input: { name: `seeded-${index}`, redaction: { kind: 'CONSTANT' } } },
    );
    for (const what of ['GlossaryTerm', 'Domain'])
      await app.done(
        `mutation ($input: Define${what}Input!) { define${what}(input: $input) { userErrors { code } } }`,
        { input: { name: `W${index}`, description: '', ...(index === 0 ? {} : { parent: `W${index - 1}` }) } },
      );
    await app.done(`mutation { rotateAccountKey(input: { accountId: "SEEDED" }) { userErrors { code } } }`);
  }
  const em = app.em.fork();
  const operations = await em.execute<{ id: string }[]>('select id from operation order by id');
  const datasets = await em.execute<{ id: string }[]>('select dataset_id as id from lake_table order by id');
  await em.execute(
    `insert into dataset_description (dataset_id, path, part, said_by, value, digest, said_at)
     select dataset_id, '', part, 'events', case part when 'domain' then to_jsonb(word) else jsonb_build_array(word) end, word, now()
     from (select dataset_id, 'W' || row_number() over (order by dataset_id) - 1 as word from lake_table) named,
       unnest(array['domain', 'terms', 'tags']) part`,
  );
  for (const { id } of datasets) {
    const retention = newId();
    await em.execute(
      `insert into topic (id, namespace, name, dataset_id, topic_kind, partition_count, replica_count, discovered_at,
         seen_at) values (?, 'kafka://seeded', ?, ?, 'DATA', 1, 1, now(), now())`,
      [newId(), id, id],
    );
    await em.execute(
      `insert into topic_retention (id, dataset_id, policy_version, policy, created_at, updated_at)
       values (?, ?, 1, '{"retention.ms": "1"}', now(), now())`,
      [retention, id],
    );
    await em.execute(
      `insert into api_token (id, name, digest, roles, created_by, created_at) values (?, ?, ?, '{viewer}', 'seed', now())`,
      [newId(), retention, retention],
    );
    await em.execute(
      `insert into topic_retention_version (retention_id, policy_version, policy, created_by, created_at)
       values (?, 1, '{"retention.ms": "1"}', 'seed', now())`,
      [retention],
    );
  }
  const tables = await em.execute<{ id: string; dataset_id: string }[]>(
    'select id, dataset_id from lake_table order by id',
  );
  for (const { id, dataset_id } of tables) {
    const [transformer, version] = [newId(), newId()];
    await em.execute('insert into transformer (id, name, created_by, created_at) values (?, ?, ?, now())', [
      transformer,
      id,
      'seed',
    ]);
    await em.execute(
      `insert into transformer_version (id, transformer_id, number, document, orders, table_id, dataset_id, created_by, created_at)
       values (?, ?, 1, '{}', '{}', ?, ?, 'seed', now())`,
      [version, transformer, id, dataset_id],
    );
    await em.execute(
      `insert into transform_run (id, transformer_id, version_id, dataset_id, number, mode, status, requested_by, reads_as, created_at,
         updated_at, finished_at) values (?, ?, ?, ?, 1, 'BATCH', 'COMPLETED', 'seed', '{}', now(), now(), now())`,
      [newId(), transformer, version, dataset_id],
    );
  }
  for (let index = 0; index < total; index += 1) {
    await em.execute(
      `insert into approval_policy (name, approvals, by_requester, set_by, set_at) values (?, 1, true, 'seed', now())`,
      [`p${index}`],
    );
    await em.execute(
      `insert into minimum_retention (id, dataset_ids, name, days, mode, set_by, set_at)
       values (?, array(select id from dataset order by id limit 3), ?, 1, 'GOVERNANCE', 'seed', now())`,
      [newId(), `m${index}`],
    );
    await em.execute(
      `with made as (
         insert into retention_policy (id, name, version, days, auto_approve, dataset_ids, lineage_downstream, narrowness, set_by, set_at)
         values (?, ?, 1, 30, false, array(select id from dataset order by id limit 3), false, 8, 'seed', now()) returning *
       ) insert into retention_policy_version select id, 1, days, auto_approve, '{"datasetIds": null, "namespaces": ["n"],
         "entityIds": null, "classifications": null, "lineageDownstream": false}', set_by, set_at from made`,
      [newId(), `r${index}`],
    );
    await em.execute(
      `insert into approval_delegation (id, from_actor, from_kind, from_roles, to_actor, reason, starts_at, ends_at)
       values (?, 'a', 'oidc', '{}', ?, 'r', now(), now() + interval '1 h')`,
      [newId(), `to${index}`],
    );
  }
  for (let index = 0; index < total; index += 1)
    await em.execute(
      `insert into webhook (id, name, origin, kek_id, wrapped, sealed, state, delivered_seq, created_by, created_at)
       values (?, ?, 'https://example.com', 'k', '', '', 'ACTIVE', 0, 'seed', now())`,
      [newId(), `w${index}`],
    );
  for (let index = 0; index < total; index += 1)
    await em.execute(
      `with made as (
         insert into access_policy (id, name, version, rule, reason, created_by, created_at)
         values (?, ?, 1, ?::jsonb, 'seeded', 'seed', now()) returning *
       ) insert into access_policy_version select id, 1, rule, reason, created_by, created_at from made`,
      [newId(), `p${index}`, endedRule],
    );
  await new AuditSealer({ em: app.em }).seal();
  for (const [index, { id }] of operations.entries()) {
    for (const sequence of [1, 2]) {
      await em.execute(
        `insert into operation_target (id, operation_id, dataset_id, role, round, sequence, account_field,
           subject_fields, status, estimate, updated_at)
         values (?, ?, ?, 'LAKE_TABLE', 1, ?, 'account', '{}', 'PENDING',
           '{"action":"REWRITE","files":0,"bytes":0,"records":0,"seconds":0}', now())`,
        [newId(), id, datasets[(index + sequence) % total]?.id, sequence],
      );
    }
    await em.execute(
      `insert into certificate (id, operation_id, round, body, signature, public_key, issued_at)
       values (?, ?, 1, '{}', 's', 'k', now())`,
      [newId(), id],
    );
  }
}

/** A rule that is over, so that it keeps nothing from anybody. */
const endedRule = JSON.stringify({
  ...{ effect: 'DENY', actions: ['HOLD'], roles: [], actors: [], namespaces: [], names: ['x'], classifications: [] },
  ...{ accounts: [], purposes: [], validFrom: null, validUntil: '2020-01-01T00:00:00.000Z' },
});

beforeAll(async () => {
  // Only the api role, so that nothing but the request itself talks to the database.
  app = await testApp({ LINEWARD_ROLES: 'api' });
  await seed();
  // The first search after changes brings its entries up to date, whatever the length of its list.
  await app.done('{ search(first: 1) { nodes { kind } } }');
});
afterAll(() => app?.stop());

async function statementsOf(query: string, first: number): Promise<{ statements: number; data: Data }> {
  const spy = vi.spyOn(Client.prototype, 'query');
  try {
    const data = await app.done(query, { first });
    return { statements: spy.mock.calls.length, data };
  } finally {
    spy.mockRestore();
  }
}

const entity =
  'id fullName aliases owners tags deprecation { reason replacement { id } } latestVersion { number document }';
const dataset = `id name droppedAt documentation fields(first: 3) { totalCount nodes { path semanticType } } lakeTable { rows files } mappings(first: 2) { totalCount nodes { id entity { ${entity} } } }`;
const history = `valueChanges(first: 2) { totalCount nodes { part } } valuesAsOf(asOf: "2026-01-01T00:00:00Z") { part }`;
const lists = {
  entities: `{ totalCount nodes { ${entity}
    ${history} versions(first: 2) { totalCount nodes { number entity { name } ${history} fields(first: 3) { totalCount nodes { id path } }
      format schemaText guid registrySubjects(first: 2) { totalCount nodes { subject version } } deprecation { at } } }
    mappings(first: 2) { nodes { id dataset { ${dataset} } } } } }`,
  fields: `{ totalCount nodes { path tags version { number } entity { ${entity} }
    datasets(first: 2) { totalCount nodes { role dataset { ${dataset} } } } } }`,
  search: `{ totalCount complete asOf truncatedReason facets { kind { value count } tag { value } }
    nodes { kind match score entity { ${entity} } field { path version { number } } dataset { ${dataset} }
      datasetField { path dataset { name } } job { name } glossaryTerm { name } domain { name } } }`,
  datasets: `{ totalCount nodes { ${dataset} effectiveRetention { days policyName } tags owners domain { name } properties { name } descriptionChanges(first: 1) { nodes { part } } descriptionAsOf(asOf: "2026-01-01T00:00:00Z") { tags } } }`,
  streams: `{ totalCount nodes { id kind state status { reason processes passed } lag { records } entity { ${entity} } source { name } target { ${dataset} } } }`,
  operations: `{ totalCount nodes { id status gaps { code } plan
    subjects(first: 2) { totalCount nodes { accountId digest } }
    targets(first: 2) { totalCount nodes { id sequence dataset { ${dataset} } } }
    certificate { id operation { id } } } }`,
  legalHolds:
    '{ totalCount nodes { id accountId scope { subjects { value } } matches(first: 2) { totalCount nodes { isNamed dataset { name } } } } }',
  minimumRetentions:
    '{ totalCount nodes { name scope { namespaces } matches(first: 2) { totalCount nodes { isNamed dataset { name } } } } }',
  retentionPolicies: `{ totalCount nodes { name scope { namespaces } versions(first: 2) { totalCount nodes { days scope { namespaces } } }
    places(first: 2) { totalCount nodes { state uncovered dataset { name } } } } }`,
  approvalPolicies: '{ totalCount nodes { name kinds roles } }',
  approvalDelegations: '{ totalCount nodes { fromActor toActor } }',
  topics: `{ totalCount nodes { id name topicKind dataset { ${dataset} } retention { id settings { name } } } }`,
  topicRetentions: `{ totalCount nodes { id lastOutcome settings { name } dataset { ${dataset} }
    policyVersions(first: 2) { totalCount nodes { policyVersion settings { value } } } } }`,
  transformers: `{ totalCount nodes { id name versions(first: 2) { totalCount nodes { number transformer { name } dataset { ${dataset} } } }
    runs(first: 2) { totalCount nodes { number ranges { topic } files { path } rejects { code } statistics { rows } transformerVersion { number } } } } }`,
  protectionPolicies: '{ totalCount nodes { id scopeName } }',
  accessPolicies:
    '{ totalCount nodes { id name rule { effect names } versions(first: 2) { totalCount nodes { number reason } } } }',
  apiTokens: '{ totalCount nodes { id name roles } }',
  auditEvents: '{ totalCount nodes { id action resourceId seal { seq hash } } }',
  changes: '{ totalCount nodes { seq type resourceId } edges { cursor } }',
  webhooks: '{ totalCount nodes { id name behind } }',
  semanticTypes: '{ totalCount nodes { name version redaction { kind text } } }',
  semanticTypeVersions: '{ totalCount nodes { name version } }',
  accountKeys: '{ totalCount nodes { id keyVersion state } }',
  glossaryTerms: `{ totalCount nodes { id name ${history} parent { name } datasets(first: 1) { totalCount nodes { name glossaryTerms { name } } } } }`,
  domains: `{ totalCount nodes { id name ${history} parent { name } datasets(first: 2) { totalCount nodes { name tags domain { name } } } } }`,
};
/** What lists are asked for beside a page. */
const argumentsOf: Readonly<Record<string, string>> = {
  semanticTypeVersions: 'name: "seeded", ',
  accountKeys: 'accountId: "SEEDED", ',
};

describe('the number of SQL statements does not grow with the list', () => {
  test.each(Object.entries(lists))('%s', async (name, selection) => {
    const query = `query ($first: Int) { ${name}(${argumentsOf[name] ?? ''}first: $first) ${selection} }`;
    const few = await statementsOf(query, 10);
    const many = await statementsOf(query, total);
    expect([few.data[name].nodes.length, many.data[name].nodes.length]).toEqual([10, total]);
    expect(few.statements).toBeGreaterThan(0);
    expect(many.statements).toBe(few.statements);
  });

  test('differences of versions, whose lists have no pages: ten are as many as one query may ask for', async () => {
    const diff = `diff { complete from { number } to { number } added { path datasets(first: 1) { nodes { role } } }
      removed { id } changed { before { path } } classificationChanges { path } affectedDatasets { name } }`;
    const query = `query ($first: Int) { entities(first: $first) { nodes { versions(first: 2) { nodes { ${diff} } } } } }`;
    const [few, many] = [await statementsOf(query, 1), await statementsOf(query, 10)];
    expect([few.data.entities.nodes.length, many.data.entities.nodes.length]).toEqual([1, 10]);
    expect(many.statements).toBe(few.statements);
  });

  test('node and nodes', async () => {
    const { entities } = await app.done('{ entities(first: 100) { nodes { id } } }');
    const ids = entities.nodes.map((node: Data) => node.id);
    const query = (count: number) =>
      `{ nodes(ids: ${JSON.stringify(ids.slice(0, count))}) { ... on Entity { ${entity} mappings(first: 2) { nodes { dataset { name } } } } } }`;
    const [few, many] = [await statementsOf(query(10), 10), await statementsOf(query(100), 100)];
    expect(many.data.nodes.at(-1).fullName).toMatch(/^Demo\.E/);
    expect(many.statements).toBe(few.statements);
  });

  test('the root lists of the schema are all covered', async () => {
    const { __schema } = await app.done('{ __schema { queryType { fields { name type { ofType { name } } } } } }');
    const connections = __schema.queryType.fields.filter((field: Data) =>
      field.type.ofType?.name?.endsWith('Connection'),
    );
    expect(connections.map((field: Data) => field.name).sort()).toEqual(Object.keys(lists).sort());
  });

  test('lineage', async () => {
    const em = app.em.fork();
    const datasets = await em.execute<{ id: string }[]>('select id from dataset order by id limit 61');
    const start = Buffer.from(`Dataset:${datasets[0]?.id}`).toString('base64url');
    const query = `{ lineage(start: "${start}", direction: DOWNSTREAM) { nodes { depth dataset { ${dataset} } } edges { id source { name } target { name } } } }`;
    const fan = async (from: number, to: number) => {
      for (const { id } of datasets.slice(from, to))
        await em.execute(
          `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from) values (?, ?, ?, 'fan', now()) on conflict do nothing`,
          [newId(), datasets[0]?.id, id],
        );
    };
    await fan(1, 5);
    const few = await statementsOf(query, 1);
    await fan(5, 60);
    const many = await statementsOf(query, 1);
    expect(many.data.lineage.nodes.length).toBeGreaterThan(few.data.lineage.nodes.length + 40);
    // One statement a level of the graph, and the fan only makes it shallower.
    expect(many.statements).toBeLessThanOrEqual(few.statements);
    const asked = `{ impact(datasetId: "${start}") { datasets { dataset { ${dataset} } } columns { depth } jobs { name } owners { name } classifications { name } }
      lineagePaths(from: "${start}", to: "${start}") { paths { datasets { name } } } }`;
    // Both graphs are read whole once; then only their changes are.
    await statementsOf(asked, 1);
    const whole = await statementsOf(asked, 1);
    await fan(60, 61);
    expect((await statementsOf(asked, 1)).statements).toBe(whole.statements);
    expect(whole.data.impact.datasets.length).toBeGreaterThan(40);
  });
});
