import 'reflect-metadata';
import { type GraphQLSchema, isObjectType } from 'graphql';
import { buildSchemaSync, type ClassType } from 'type-graphql';
import { globalId, nodeTypes } from '../domain/global-id.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { AccessResolver } from './access.resolver.ts';
import { AccessPolicyFields, AccessPolicyResolver } from './access-policy.resolver.ts';
import { guardFields } from './access-rules.ts';
import { ApprovalResolver } from './approval.resolver.ts';
import { AuditResolver } from './audit.resolver.ts';
import { ChangesResolver } from './changes.resolver.ts';
import {
  ColumnLineageFields,
  ColumnLineageResolver,
  DatasetFieldFields,
  LabelSpreadFields,
} from './column-lineage.resolver.ts';
import { CompatibilityResolver, RegisterEntityVersionPayloadFields } from './compatibility.resolver.ts';
import {
  DatasetDescriptionFields,
  DatasetDescriptionResolver,
  DatasetFieldDescriptionFields,
} from './dataset-description.resolver.ts';
import { DecisionResolver, OperationDeferralFields } from './decision.resolver.ts';
import { DatasetFields, DeprecationFields, EntityFields, MappingFields } from './entity.fields.ts';
import { EntityDescriptionResolver } from './entity-description.resolver.ts';
import { EntityFieldFields, EntityVersionFields, VersionDiffFields } from './entity-version.fields.ts';
import { GovernanceResolver } from './governance.resolver.ts';
import { settleInputs } from './input-values.ts';
import { ConsumerGroupFields, KafkaClusterResolver } from './kafka-cluster.resolver.ts';
import { DiscoveredLakeTableFields, LakeFileGroupFields, LakeResolver } from './lake.resolver.ts';
import { LakeRetentionResolver } from './lake-retention.resolver.ts';
import { HeldPlaceFields, LegalHoldFields } from './legal-hold.fields.ts';
import { LineageEdgeFields, LineageHopFields, LineageNodeFields, LineageResolver } from './lineage.resolver.ts';
import { LineageImpactFields, LineagePathFields, LineagePathsResolver } from './lineage-paths.resolver.ts';
import {
  DatasetRetentionFields,
  MinimumRetentionFields,
  MinimumRetentionResolver,
} from './minimum-retention.resolver.ts';
import { NodeResolver } from './node.resolver.ts';
import { CertificateFields, OperationFields, OperationTargetFields } from './operation.fields.ts';
import { OperationsResolver } from './operations.resolver.ts';
import { PrivacyResolver } from './privacy.resolver.ts';
import { PrivacyKeysResolver } from './privacy-keys.resolver.ts';
import { PrivacyTypesResolver } from './privacy-types.resolver.ts';
import { PrivacyValuesResolver } from './privacy-values.resolver.ts';
import { RegistryResolver } from './registry.resolver.ts';
import { ReportResolver } from './report.resolver.ts';
import {
  EffectiveRetentionFields,
  RetentionPolicyFields,
  RetentionPolicyPlaceFields,
  RetentionPolicyResolver,
  RetentionPolicyVersionFields,
} from './retention-policy.resolver.ts';
import { SearchHitFields, SearchResolver } from './search.resolver.ts';
import { StreamResolver } from './stream.resolver.ts';
import { TopicResolver } from './topic.resolver.ts';
import { TopicRetentionResolver, TopicRetentionVersionFields } from './topic-retention.resolver.ts';
import { TransformerFields, TransformerVersionFields, TransformRunFields } from './transform.fields.ts';
import { TransformResolver } from './transform.resolver.ts';
import { valueHistoryFields } from './value-history.fields.ts';
import { DomainFields, GlossaryTermFields, VocabularyResolver } from './vocabulary.resolver.ts';
import { WebhookResolver } from './webhook.resolver.ts';

const fieldResolvers = [
  AccessPolicyFields,
  CertificateFields,
  ConsumerGroupFields,
  ColumnLineageFields,
  DatasetFieldFields,
  DatasetFields,
  DomainFields,
  GlossaryTermFields,
  DatasetDescriptionFields,
  DatasetFieldDescriptionFields,
  DatasetRetentionFields,
  EffectiveRetentionFields,
  RetentionPolicyFields,
  RetentionPolicyPlaceFields,
  RetentionPolicyVersionFields,
  DeprecationFields,
  DiscoveredLakeTableFields,
  EntityFieldFields,
  EntityFields,
  EntityVersionFields,
  LabelSpreadFields,
  LakeFileGroupFields,
  LineageEdgeFields,
  LineageHopFields,
  LineageImpactFields,
  LineageNodeFields,
  LineagePathFields,
  MappingFields,
  OperationDeferralFields,
  OperationFields,
  OperationTargetFields,
  RegisterEntityVersionPayloadFields,
  SearchHitFields,
  TopicRetentionVersionFields,
  TransformerFields,
  TransformerVersionFields,
  TransformRunFields,
  VersionDiffFields,
  ...valueHistoryFields,
] as const;

const operationResolvers = [
  AccessPolicyResolver,
  AccessResolver,
  AuditResolver,
  ChangesResolver,
  ColumnLineageResolver,
  CompatibilityResolver,
  DatasetDescriptionResolver,
  DecisionResolver,
  EntityDescriptionResolver,
  ApprovalResolver,
  GovernanceResolver,
  HeldPlaceFields,
  LegalHoldFields,
  MinimumRetentionFields,
  MinimumRetentionResolver,
  RetentionPolicyResolver,
  KafkaClusterResolver,
  LakeResolver,
  LakeRetentionResolver,
  LineagePathsResolver,
  LineageResolver,
  NodeResolver,
  OperationsResolver,
  PrivacyKeysResolver,
  PrivacyResolver,
  PrivacyTypesResolver,
  PrivacyValuesResolver,
  RegistryResolver,
  ReportResolver,
  SearchResolver,
  StreamResolver,
  TopicResolver,
  TopicRetentionResolver,
  VocabularyResolver,
  WebhookResolver,
  TransformResolver,
] as const;

/** Everything the operation resolvers take. */
export type ResolverDeps = ConstructorParameters<typeof AccessPolicyResolver>[0] &
  ConstructorParameters<typeof AccessResolver>[0] &
  ConstructorParameters<typeof AuditResolver>[0] &
  ConstructorParameters<typeof ChangesResolver>[0] &
  ConstructorParameters<typeof ColumnLineageResolver>[0] &
  ConstructorParameters<typeof CompatibilityResolver>[0] &
  ConstructorParameters<typeof DatasetDescriptionResolver>[0] &
  ConstructorParameters<typeof DecisionResolver>[0] &
  ConstructorParameters<typeof MinimumRetentionResolver>[0] &
  ConstructorParameters<typeof RetentionPolicyResolver>[0] &
  ConstructorParameters<typeof EntityDescriptionResolver>[0] &
  ConstructorParameters<typeof ApprovalResolver>[0] &
  ConstructorParameters<typeof GovernanceResolver>[0] &
  ConstructorParameters<typeof KafkaClusterResolver>[0] &
  ConstructorParameters<typeof ReportResolver>[0] &
  ConstructorParameters<typeof LakeResolver>[0] &
  ConstructorParameters<typeof LakeRetentionResolver>[0] &
  ConstructorParameters<typeof LineagePathsResolver>[0] &
  ConstructorParameters<typeof LineageResolver>[0] &
  ConstructorParameters<typeof NodeResolver>[0] &
  ConstructorParameters<typeof OperationsResolver>[0] &
  ConstructorParameters<typeof PrivacyKeysResolver>[0] &
  ConstructorParameters<typeof PrivacyResolver>[0] &
  ConstructorParameters<typeof PrivacyTypesResolver>[0] &
  ConstructorParameters<typeof PrivacyValuesResolver>[0] &
  ConstructorParameters<typeof RegistryResolver>[0] &
  ConstructorParameters<typeof SearchResolver>[0] &
  ConstructorParameters<typeof StreamResolver>[0] &
  ConstructorParameters<typeof TopicResolver>[0] &
  ConstructorParameters<typeof TopicRetentionResolver>[0] &
  ConstructorParameters<typeof TransformResolver>[0] &
  ConstructorParameters<typeof VocabularyResolver>[0] &
  ConstructorParameters<typeof WebhookResolver>[0];

/** type-graphql insists on one; our subscriptions bring their own sources. */
const unusedPubSub = {
  publish(): void {
    throw new LinewardError('INTERNAL', 'nothing is published in process');
  },
  subscribe(): never {
    throw new LinewardError('INTERNAL', 'nothing is subscribed in process');
  },
};

// type-graphql has no place to say this.
const rootDescriptions = {
  Query: 'What can be read.',
  Mutation: 'What can be done. Each takes one `input` and answers a payload; a refusal stands in its `userErrors`.',
  Subscription: 'What is told as it happens, over WebSocket (`graphql-transport-ws`).',
};

/** The executable schema. Without `deps` it can be printed and walked, not executed. */
export function buildSchema(deps?: ResolverDeps): GraphQLSchema {
  const instances = new Map<unknown, unknown>(fieldResolvers.map((Fields) => [Fields, new Fields()]));
  if (deps !== undefined) for (const Resolver of operationResolvers) instances.set(Resolver, new Resolver(deps));
  const schema = buildSchemaSync({
    resolvers: [...operationResolvers, ...fieldResolvers] as unknown as [ClassType, ...ClassType[]],
    container: { get: (target) => instances.get(target) },
    pubSub: unusedPubSub,
    // Input is checked by the services, for all entrances alike.
    validate: false,
  });
  for (const [name, description] of Object.entries(rootDescriptions)) {
    const type = schema.getType(name);
    if (type !== undefined) type.description = description;
  }
  globalIds(schema);
  settleInputs(schema);
  guardFields(schema);
  return schema;
}

/** Rows carry their own ids; on the wire every node has a global one. */
function globalIds(schema: GraphQLSchema): void {
  for (const name of nodeTypes) {
    const type = schema.getType(name);
    const field = isObjectType(type) ? type.getFields().id : undefined;
    if (field !== undefined) field.resolve = (row: { readonly id: string }) => globalId(name, row.id);
  }
}
