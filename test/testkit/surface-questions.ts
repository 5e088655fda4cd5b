import type { Data } from './app.ts';
import { type HiddenStreams, schemaWith, transformerOf } from './hidden-streams.ts';
import { type HiddenThings, secretWord } from './hidden-things.ts';

/** A question at a surface, and what shows that its answer speaks of what is hidden: the secret word, unless told otherwise. */
export interface Question {
  readonly text: string;
  readonly says?: (data: Data) => boolean;
}

/** Questions of a root field, or why it shows nothing of datasets that could be hidden. */
export type Surface = readonly Question[] | string;

const evidence = 'evidence stays whole for who may read it';
const ofActors = 'actors, their rights and addresses; nothing of datasets';
const given = 'what the caller sent';
const vocabulary = 'words that belong to no dataset';
const page = 'totalCount nodes';
const saying = (text: string, says?: Question['says']): readonly Question[] => [{ text, ...(says && { says }) }];
const literal = (text: string): string => JSON.stringify(text);

/** What is asked of each root field of GraphQL. */
export const fieldSurfaces = (things: HiddenThings, hidden: HiddenStreams): Readonly<Record<string, Surface>> => ({
  accessPolicies: 'what policies hide is told to who makes them',
  accountKeys: 'keys of accounts; nothing of datasets',
  apiTokens: ofActors,
  approvalDelegations: ofActors,
  approvalPolicies: 'kinds, labels and sizes; nothing of datasets',
  auditEvents: evidence,
  auditVerification: evidence,
  changes: saying(`{ changes(last: 100) { ${page} { resourceName resourceId } } }`),
  checkCompatibility: saying(
    `{ checkCompatibility(input: { subject: "${secretWord}-form", schema: { format: AVRO, text: ${literal(schemaWith('other'))} } }) {
       compatible comparedWith incompatibilities { path description additionalInfo suggestion } } }`,
    ({ checkCompatibility }) => checkCompatibility?.comparedWith.length > 0,
  ),
  columnLineage: saying(`{ columnLineage(datasetId: "${things.upstreamId}", field: "a", direction: DOWNSTREAM) {
    complete nodes { field { path dataset { name } } } edges { source { path dataset { name } } target { path dataset { name } } } } }`),
  columnPaths:
    saying(`{ columnPaths(from: "${things.upstreamId}", fromField: "a", to: "${things.downstreamId}", toField: "c") {
    complete paths { fields { path dataset { name } } edges { source { dataset { name } } } } } }`),
  dataset: saying(`{ dataset(namespace: "shop", name: "${secretWord}_raw") { name } }`),
  datasets: saying(
    `{ datasets(first: 50) { ${page} { namespace name documentation owners tags mappings(first: 9) { totalCount } } } }`,
  ),
  discoverLakeTables: 'looks at the lake itself, whose directories are not hidden',
  domains: saying(`{ domains(first: 50) { ${page} { name datasets(first: 9) { totalCount nodes { name } } } } }`),
  entities: saying(`{ entities(first: 50) { ${page} { namespace name fullName owners aliases
    mappings(first: 9) { totalCount nodes { dataset { name } } } } } }`),
  entity: saying(`{ entity(namespace: "Demo", name: "${secretWord}_slip") { name } }`),
  explainAccess: 'the names of policies, for who audits',
  explainDecision: saying(
    `{ explainDecision(item: { accountId: "AC1", datasetId: "${hidden.tableId}" }) { action reason } }`,
    ({ explainDecision }) => explainDecision?.action !== undefined,
  ),
  fields: saying(`{ fields(first: 50, allVersions: true) { ${page} { path } } }`),
  fieldsCarrying: saying(
    '{ fieldsCarrying { complete labelCount labels { field { path dataset { name } } origin { path } } gaps { field { path } } } }',
  ),
  glossaryTerms: saying(
    `{ glossaryTerms(first: 50) { ${page} { name datasets(first: 9) { totalCount nodes { name } } } } }`,
  ),
  impact:
    saying(`{ impact(datasetId: "${things.upstreamId}") { complete datasetCount columnCount datasets { dataset { name } }
    columns { field { path dataset { name } } } uncertain { name } owners { name } } }`),
  kafkaCluster: saying(
    `{ kafkaCluster { consumerGroups(first: 50, topic: "${hidden.topic}") { nodes { positions(first: 9) { totalCount } } } } }`,
    ({ kafkaCluster }) => kafkaCluster.consumerGroups.nodes.length > 0,
  ),
  legalHolds: saying(
    `{ legalHolds(first: 50) { ${page} { matterId matches(first: 9) { totalCount nodes { dataset { name } } } } } }`,
  ),
  lineage: saying(`{ lineage(start: "${things.upstreamId}", direction: DOWNSTREAM) {
    complete truncatedReason restricted { depth } nodes { depth dataset { name } } frontier
    edges { job source { name } target { name } } hops { source { name } target { name } } } }`),
  lineagePaths: saying(
    `{ lineagePaths(from: "${things.upstreamId}", to: "${things.downstreamId}") { complete paths { datasets { name } } } }`,
  ),
  me: ofActors,
  minimumRetentions: saying(
    `{ minimumRetentions(first: 50) { ${page} { name matches(first: 9) { totalCount nodes { dataset { name } } } } } }`,
  ),
  node: [
    { text: `{ node(id: "${things.datasetId}") { __typename ... on Dataset { name } } }` },
    {
      text: `{ node(id: "${hidden.operationId}") { ... on Operation { targets(first: 20) { nodes { dataset { name } } } } } }`,
    },
  ],
  nodes: saying(
    `{ nodes(ids: ["${things.entityId}", "${things.datasetId}"]) { __typename ... on Entity { name } ... on Dataset { name } } }`,
  ),
  operations: saying(
    `{ operations(first: 50) { ${page} { id targets(first: 20) { totalCount nodes { dataset { name } } } } } }`,
  ),
  previewProtection: saying(
    `{ previewProtection(entityId: "${hidden.entityId}", accountField: "account", sample: {}) { steps { path } gaps } }`,
  ),
  protectionPolicies: saying(`{ protectionPolicies(first: 50) { ${page} { scopeName } } }`),
  redact: given,
  redactBulk: given,
  retentionPolicies: saying(
    `{ retentionPolicies(first: 50) { ${page} { name places(first: 9) { totalCount nodes { dataset { name } } } } } }`,
  ),
  report: evidence,
  search: [
    {
      text: `{ search(query: "${secretWord}", first: 50) { totalCount nodes { dataset { name } datasetField { path dataset { name } } job { name }
        entity { name } field { path } } facets { namespace { value count } tag { value count } kind { value count } } } }`,
    },
    {
      text: `{ search(query: "", first: 50) { totalCount nodes { dataset { name } datasetField { path dataset { name } } entity { name }
        field { path } } facets { tag { value count } kind { value count } } } }`,
    },
  ],
  semanticType: vocabulary,
  semanticTypeVersions: vocabulary,
  semanticTypes: vocabulary,
  streams: saying(`{ streams(first: 50) { ${page} { source { name } target { name } entity { name } } } }`),
  topicCoverage: saying(
    '{ topicCoverage { withPersonalData } }',
    ({ topicCoverage }) => topicCoverage.withPersonalData > 0,
  ),
  topicRetentions: saying(`{ topicRetentions(first: 50) { ${page} { dataset { name } } } }`),
  topics: saying(
    `{ topics(first: 50, filter: { name: { eq: "${hidden.topic}" } }) { ${page} { name dataset { name } } } }`,
    ({ topics }) => topics.totalCount > 0,
  ),
  transformer: saying(`{ transformer(name: "${hidden.transformer}") { name } }`),
  transformerSchema: vocabulary,
  transformers: saying(`{ transformers(first: 50) { ${page} { name versions(first: 9) { nodes { document } } } } }`),
  validateTransformer: saying(
    `{ validateTransformer(document: ${literal(transformerOf(hidden.topic, 'asked'))}) { valid issues { path message } } }`,
    ({ validateTransformer }) => validateTransformer.valid,
  ),
  webhooks: ofActors,
});

export const subscriptionSurfaces = (
  things: HiddenThings,
  hidden: HiddenStreams,
): Readonly<Record<string, Surface>> => ({
  changed: saying('subscription { changed(after: "0") { resourceName resourceId } }', (data) =>
    [things.datasetId, things.entityId].includes(data.changed.resourceId),
  ),
  operationUpdated: saying(
    `subscription { operationUpdated(id: "${hidden.operationId}") { targets(first: 20) { nodes { dataset { name } } } } }`,
  ),
});
