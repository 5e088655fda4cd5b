import { buildSchema as parseSchema } from 'graphql';
import { describe, expect, test } from 'vitest';
import { buildSchema } from '../../../src/resolvers/build-schema.ts';
import {
  malformedConnections,
  malformedMutations,
  nullableIds,
  unboundedLists,
  undescribed,
  unequalFields,
} from '../../../tools/check/graphql-rules.ts';

/** Names that mean different things on different nodes. */
const unequalOnPurpose = {
  accountId: 'a legal hold may be about everybody in some places; a key is of one account',
  action: 'an audit event names any action as text; a protection policy takes one of four',
  datasets: 'a field of an entity lists mappings, with their roles; a word what it describes',
  document: 'a version of a transformer keeps the text as it was given, an entity version shows JSON',
  fields: 'an entity version has those of its schema, a dataset those that lineage tells of',
  kind: 'each kind of thing has its own kinds',
  parent: 'a term stands below a term, a domain below a domain',
  reason: 'a legal hold must say why; an operation may',
  role: 'an operation also acts on the keys, which no mapping speaks of',
  scope: 'a policy is for one place; a legal hold asks by accounts, places, labels and lineage',
  semanticType: 'a field may not say what it holds; a policy is about one type',
  state: 'a key and a stream have states of their own',
  status: 'an operation and its targets pass through different states',
  versions: 'an entity and a transformer have versions of their own kinds',
};

/** Lists that are no connections, and what bounds them. */
const bounded = {
  'CreateTransformerPayload.issues': 'at most 100',
  'Report.columns': 'those of one report',
  'Report.rows': 'at most 1,000',
  'OrderedValues.values': 'given in one registration, at most 1,000',
  'TransformRun.ranges': 'partitions of at most 10 topics',
  'TransformRun.files': 'at most 1,000',
  'TransformRun.rejects': 'at most 1,000',
  'TransformReject.places': 'at most 100',
  'TransformerPreview.after': 'at most 100',
  'TransformerPreview.before': 'at most 100',
  'TransformerPreview.rejects': 'kinds of rejects',
  'TransformerValidation.issues': 'at most 100',
  'TransformerVersion.orders': 'given in one registration',
  'AccessDecision.others': 'policies, at most 1,000',
  'AccessRule.actions': 'given in one policy, at most 200',
  'AccessRule.actors': 'given in one policy, at most 200',
  'AccessRule.accounts': 'given in one policy, at most 200',
  'AccessRule.classifications': 'given in one policy, at most 200',
  'AccessRule.names': 'given in one policy, at most 200',
  'AccessRule.namespaces': 'given in one policy, at most 200',
  'AccessRule.purposes': 'given in one policy, at most 200',
  'AccessRule.roles': 'given in one policy, at most 200',
  'LineageGraph.restricted': 'at most maxNodes',
  'Actor.permissions': 'words of a short fixed list',
  'Actor.roles': 'words of a short fixed list',
  'ApprovalPolicy.classifications': 'at most 100',
  'ApprovalPolicy.kinds': 'words of a short fixed list',
  'ApprovalPolicy.roles': 'words of a short fixed list',
  'ApiToken.roles': 'words of a short fixed list',
  'DatasetField.valuesAsOf': 'the parts of its description, at most 5',
  'Domain.valuesAsOf': 'the parts of its description, at most 5',
  'Entity.valuesAsOf': 'the parts of its description, at most 5',
  'EntityVersion.valuesAsOf': 'the parts of its description, at most 5',
  'GlossaryTerm.valuesAsOf': 'the parts of its description, at most 5',
  'CarriedLabel.classifications': 'at most 20, and those of one type',
  'ClassificationChange.added': 'words of a short fixed list',
  'ClassificationChange.removed': 'words of a short fixed list',
  'ColumnLineageGraph.edges': 'edges between at most maxNodes fields',
  'ColumnLineageGraph.frontier': 'at most maxNodes',
  'ColumnLineageGraph.gaps': 'at most one a field',
  'ColumnLineageGraph.nodes': 'at most maxNodes',
  'ColumnPath.edges': 'edges along at most maxDepth steps',
  'ColumnPath.fields': 'at most maxDepth and one',
  'ColumnPaths.paths': 'at most maxPaths',
  'CompatibilityReport.classificationChanges': 'fields of two versions',
  'CompatibilityReport.comparedWith': 'versions of one subject, until 1,000 broken rules',
  'CompatibilityReport.incompatibilities': 'until 1,000, and at most 100 for each version',
  'CryptoBulkPayload.results': 'one per value given, at most 10,000',
  'Description.owners': 'at most 100',
  'Description.properties': 'at most 100',
  'Description.tags': 'at most 100',
  'Description.termNames': 'at most 100',
  'DiscoveredLakeTable.columnFacts': 'fields of one version, and columns of one file',
  'DiscoveredLakeTable.columns': 'columns of one file',
  'DiscoveredLakeTable.refusals': 'kinds of refusals',
  'Dataset.owners': 'at most 100',
  'Dataset.properties': 'at most 100',
  'Dataset.tags': 'at most 100',
  'Dataset.minimumRetentions': 'at most 50',
  'Decision.losers': 'at most 100 holds, 50 minimums, 100 erasures and two rules',
  'DatasetField.classifications': 'at most 20, and those of one type',
  'Dataset.glossaryTerms': 'at most 100',
  'DatasetField.glossaryTerms': 'at most 100',
  'DatasetField.tags': 'at most 100',
  'Domain.owners': 'at most 100',
  'GlossaryTerm.owners': 'at most 100',
  'Entity.aliases': 'given in one registration, whose document has a size limit',
  'Entity.owners': 'at most 100',
  'Entity.tags': 'at most 100',
  'EntityField.classifications': 'words of a short fixed list',
  'EntityField.tags': 'written in one schema, which has a size limit',
  'FieldsCarrying.gaps': 'at most 10,000 steps, and one a field',
  'FieldsCarrying.labels': 'a page of at most 10,000',
  'FieldChange.changes': 'kinds of changes',
  'KafkaCluster.brokers': 'brokers of one cluster',
  'LakeDiscovery.tables': 'at most 200',
  'LakeDiscovery.unmapped': 'at most 1,000',
  'LakeFileGroup.columns': 'columns of one file',
  'LakeFileGroup.refusals': 'kinds of refusals',
  'LakeProfile.columnFacts': 'fields of one version, and columns of the files by type',
  'LakeProfile.groups': 'at most 100',
  'LakeProfile.hidden': 'at most 100',
  'LakeProfile.unreadable': 'at most 100',
  'LegalHoldScope.classifications': 'at most 1,000',
  'LegalHoldScope.datasetIds': 'at most 1,000',
  'LegalHoldScope.entityIds': 'at most 1,000',
  'LegalHoldScope.namespaces': 'at most 1,000',
  'PlaceScope.classifications': 'at most 1,000',
  'PlaceScope.datasetIds': 'at most 1,000',
  'PlaceScope.entityIds': 'at most 1,000',
  'PlaceScope.namespaces': 'at most 1,000',
  'LegalHoldScope.subjects': 'at most 1,001',
  'LineageGraph.edges': 'edges between at most maxNodes nodes',
  'LineageGraph.frontier': 'at most maxNodes',
  'LineageGraph.hops': 'pairs of at most maxNodes nodes',
  'LineageGraph.jobs': 'at most 10,000',
  'LineageGraph.nodes': 'at most maxNodes',
  'LineageImpact.classifications': 'words that people use',
  'LineageImpact.columns': 'at most maxNodes',
  'LineageImpact.datasets': 'at most maxNodes',
  'LineageImpact.jobs': 'at most 10,000',
  'LineageImpact.owners': 'at most 100 of each entity',
  'LineageImpact.uncertain': 'at most maxNodes',
  'LineagePath.datasets': 'at most maxDepth and one',
  'LineagePath.edges': 'edges along at most maxDepth steps',
  'LineagePaths.paths': 'at most maxPaths',
  'Mapping.subjectFields': 'fields of one version',
  'Operation.gaps': 'at most one per place of a plan and reason',
  'ProtectionPreview.changes': 'at most 1,000',
  'ProtectionPreview.gaps': 'fields of one version',
  'ProtectionPreview.recurrences': 'fields of one version',
  'ProtectionPreview.steps': 'fields of one version',
  'ProtectionPreview.warnings': 'fields of one version, and kinds of warnings',
  'Query.nodes': 'one per id asked, at most 100',
  'Query.redactBulk': 'one per value given, at most 10,000',
  'RegisterEntityVersionPayload.incompatibilities': 'at most 100 with one earlier version',
  'RetentionPlan.approvedBy': 'at most one, of the two approvals that a policy may ask for',
  'RetentionPlan.steps': 'settings that a retention may name, six',
  'ReplayStreamPayload.steps': 'one per partition of a topic',
  'SearchFacets.classification': 'at most 20',
  'SearchFacets.format': 'schema languages',
  'SearchFacets.kind': 'kinds of things',
  'SearchFacets.namespace': 'at most 20',
  'SearchFacets.semanticType': 'at most 20',
  'SearchFacets.tag': 'at most 20',
  'SemanticType.aliases': 'at most 20',
  'SemanticType.classifications': 'at most 20',
  'StreamLag.partitions': 'partitions of one topic',
  'TargetReceipt.open': 'open points of one place',
  'TargetReceipt.residues': 'copies of one place',
  'TargetVerification.open': 'open points of one place',
  'Topic.brokerSettings': 'settings that Kafka knows for a topic',
  'TopicPartition.inSync': 'copies of one partition',
  'TopicPartition.replicas': 'copies of one partition',
  'TopicRetention.deviations': 'settings that a retention may name, six',
  'TopicRetention.lastChanges': 'settings that a retention may name, six',
  'TopicRetention.settings': 'settings that a retention may name, six',
  'TopicRetentionVersion.settings': 'settings that a retention may name, six',
  'TopicSample.suggestions': 'at most 500',
  'Webhook.types': 'words of a short fixed list',
  'UserError.field': 'depth of the input',
  'VersionDiff.added': 'fields of one version, at most 10,000',
  'VersionDiff.affectedDatasets': 'at most 10,000, and `complete` says whether these are all',
  'VersionDiff.changed': 'fields of one version, at most 10,000',
  'VersionDiff.classificationChanges': 'fields of two versions',
  'VersionDiff.removed': 'fields of one version, at most 10,000',
};

const schema = buildSchema();

describe('the GraphQL schema', () => {
  test('is the whole schema: queries, mutations, subscriptions and the node types', () => {
    expect(Object.keys(schema.getQueryType()?.getFields() ?? {}).length).toBeGreaterThan(10);
    expect(Object.keys(schema.getMutationType()?.getFields() ?? {}).length).toBeGreaterThan(8);
    expect(schema.getSubscriptionType()).toBeDefined();
  });

  test('describes every type, field, argument, input field and enum value', () => {
    expect(undescribed(schema)).toEqual([]);
  });

  test('gives a field name one type and nullability on all node types', () => {
    expect(unequalFields(schema, unequalOnPurpose)).toEqual([]);
  });

  test('answers lists as connections, or as lists that are bounded by what they hold', () => {
    expect(unboundedLists(schema, bounded)).toEqual([]);
    expect(malformedConnections(schema)).toEqual([]);
  });

  test('takes one input per mutation and answers a payload with user errors', () => {
    expect(malformedMutations(schema)).toEqual([]);
  });

  test('has no nullable id', () => {
    expect(nullableIds(schema)).toEqual([]);
  });

  test('has no exception that is not needed any more', () => {
    const unequal = unequalFields(schema, {}).map((line) => line.slice(0, line.indexOf(':')));
    expect(unequal.sort()).toEqual(Object.keys(unequalOnPurpose).sort());
    expect(unboundedLists(schema, {}).sort()).toEqual(Object.keys(bounded).sort());
  });
});

describe('the rules, on a schema that breaks each of them', () => {
  const broken = parseSchema(`
    "An object with an id." interface Node { "Its id." id: ID! }
    "A." type A implements Node { "Its id." id: ID! "Its name." name: String! "Its tags." tags: [String!]! }
    "B." type B implements Node { "Its id." id: ID! name: String }
    "C." type C { "Its id." id: ID "Its kind." kind: Kind }
    "A kind." enum Kind { "One." ONE TWO }
    "List." type AConnection { "Items." nodes: [A!]! }
    "Asking." type Query { "An A." a(id: ID): A "All." all(first: Int): AConnection "A C." c: C "A B." b: B }
    "Input." input DropInput { "Its id." id: ID! force: Boolean }
    "Doing." type Mutation { "Drops." drop("What." input: DropInput!): Boolean! "Ends." end: AConnection }
  `);

  test.each([
    [
      'undescribed',
      undescribed(broken),
      ['B.name', 'Kind.TWO', 'Query.a(id:)', 'Query.all(first:)', 'DropInput.force'],
    ],
    ['unequal', unequalFields(broken, {}), ['name: A String!, B String']],
    ['unbounded', unboundedLists(broken, {}), ['A.tags']],
    ['connection', malformedConnections(broken), ['AConnection', 'Query.all', 'Mutation.end']],
    ['ids', nullableIds(broken), ['C.id', 'Query.a(id:)']],
  ])('names the place: %s', (_rule, found, expected) => {
    expect([...found].sort()).toEqual([...expected].sort());
  });

  test('names what each mutation lacks', () => {
    expect(malformedMutations(broken)).toEqual([
      'drop: its input has an optional clientMutationId: String',
      'drop: answers a payload type',
      'end: takes exactly one argument, `input`, non-null',
      'end: answers a payload type',
    ]);
  });
});
