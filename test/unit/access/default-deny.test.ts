import {
  extendSchema,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  parse,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { createLogger } from '../../../src/adapters/telemetry/logger.ts';
import { mayDo, type Role, roleNames } from '../../../src/domain/access/role.ts';
import { nodeTypes } from '../../../src/domain/global-id.ts';
import { createListener, type ListenerOptions } from '../../../src/http/listener.ts';
import { guardFields, nodeRule } from '../../../src/resolvers/access-rules.ts';
import { buildSchema } from '../../../src/resolvers/build-schema.ts';
import { rolesOfFields } from '../../testkit/permission-table.ts';

const schema = buildSchema();

describe('what has no rule', () => {
  test.each(['Query', 'Mutation', 'Subscription'])('is not served as a field of %s', (type) => {
    const more = extendSchema(schema, parse(`extend type ${type} { unruled: String }`));
    expect(() => guardFields(more)).toThrow(`${type}.unruled has no access rule`);
  });

  test('is not served as a route, wherever it is registered', async () => {
    const listener = () =>
      createListener({
        ...{ logger: createLogger('silent'), bodyLimitBytes: 1_000, certificate: null },
      } as unknown as ListenerOptions);
    expect(() => listener().get('/unruled', () => 'x')).toThrow('the route /unruled has no access rule');
    expect(() => listener().get('/unruled', { config: { action: undefined } as never }, () => 'x')).toThrow(
      'no access rule',
    );
    const server = listener();
    await server.register(async (scope) => {
      expect(() => scope.post('/within', () => 'x')).toThrow('the route /within has no access rule');
    });
    server.get('/open', { config: { action: null } }, () => 'x');
    await server.ready();
    expect(server.hasRoute({ method: 'GET', url: '/open' })).toBe(true);
    await server.close();
  });
});

const evidence: readonly Role[] = ['engineer', 'privacy_officer', 'security_admin', 'auditor', 'legal'];
const subjects: readonly Role[] = ['privacy_officer', 'auditor', 'legal'];
const auditing: readonly Role[] = ['privacy_officer', 'security_admin', 'auditor', 'legal'];

/** Fields below the roots that take more than what leads to them. */
const ruledFields: Readonly<Record<string, readonly Role[]>> = {
  'Operation.subjects': subjects,
  'Operation.plan': evidence,
  'Operation.gaps': evidence,
  'Operation.certificate': evidence,
  'Operation.deferral': evidence,
  'Operation.reason': evidence,
  'OperationTarget.receipt': evidence,
  'OperationTarget.verification': evidence,
};

/** Who may come upon what is not for everybody, on whatever way through the graph. */
const kept: Readonly<Record<string, readonly Role[]>> = {
  OperationSubject: subjects,
  LegalHold: subjects,
  Decision: subjects,
  Gap: evidence,
  Certificate: evidence,
  ErasureDeferral: evidence,
  TargetReceipt: evidence,
  TargetVerification: evidence,
  ApprovalDelegation: evidence,
  RetentionPolicy: evidence,
  AuditEvent: auditing,
  AuditVerification: auditing,
  AccessDecision: auditing,
  AccountKey: ['security_admin'],
  ApiToken: ['security_admin'],
  AccessPolicy: ['security_admin'],
  Webhook: ['security_admin'],
  ApiTokenPayload: ['security_admin'],
  WebhookSecretPayload: ['security_admin'],
  CryptoResult: ['engineer', 'steward', 'privacy_officer', 'service'],
  CryptoPayload: ['privacy_officer', 'service'],
};

/** What every role may come upon; a new type is for everybody once it stands here. */
const open = `
  Actor ApprovalPolicy BrokerSetting CarriedLabel Change ClassificationChange ColumnFact ColumnLineageGraph
  ColumnLineageNode ColumnPath ColumnPaths CompatibilityReport ConsumerGroup Dataset DatasetField DatasetProperty
  Deprecation Description DescriptionChange Domain EffectiveRetention Entity EntityField EntityVersion FieldChange
  FieldsCarrying GlossaryTerm GroupMember GroupPosition HeldPlace ImpactCount Incompatibility KafkaBroker
  KafkaCluster LakeColumn LakeFileGroup LakePartitions LakeProfile LakeRegistration LakeRetention LakeTable
  LineageGap LineageGraph LineageHop LineageImpact LineageJob LineageNode LineagePath LineagePaths Mapping
  MinimumRetention Operation OperationTarget OrderedValues PageInfo PartValue PartitionLag PlaceScope Progress
  ProtectionParams ProtectionPolicy RedactionRule RestrictedNode RetentionDeviation RetentionPlan
  RetentionSettingChange RetentionStep SearchFacetValue SearchFacets SearchHit SemanticType Stream StreamLag
  StreamStatus SubjectVersion TargetEstimate Topic TopicCoverage TopicPartition TopicRetention TopicRetentionVersion
  TopicSetting TransformRange TransformReject TransformRun TransformRunDays TransformSourceFile TransformStatistics
  Transformer TransformerIssue TransformerSchedule TransformerValidation TransformerVersion UnreadableFile
  ValueChange VersionDiff
`;

class Asked extends Error {}
/** Whether a field asks for a permission before it does anything else. */
function isRuled({ resolve }: GraphQLField<unknown, unknown>): boolean {
  const assert = (): never => {
    throw new Asked();
  };
  try {
    Promise.resolve(resolve?.({}, {}, { actor: {}, access: { assert, assertNow: assert } }, {} as never)).catch(
      () => {},
    );
    return false;
  } catch (error) {
    return error instanceof Asked;
  }
}

/** Object types, and fields of them, that a role comes upon from the roots and by ids. */
function reachOf(role: Role): { readonly types: ReadonlySet<string>; readonly fields: readonly string[] } {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].filter(
    (root): root is GraphQLObjectType => isObjectType(root),
  );
  const queue: GraphQLNamedType[] = roots.flatMap((root) =>
    Object.values(root.getFields())
      .filter(({ name }) => rolesOfFields.get(`${root.name}.${name}`)?.includes(role))
      .map(({ type }) => getNamedType(type)),
  );
  for (const name of nodeTypes) {
    const type = schema.getType(name);
    if (type !== undefined && mayDo([role], nodeRule(name))) queue.push(type);
  }
  const types = new Set<string>();
  const fields: string[] = [];
  for (let type = queue.pop(); type !== undefined; type = queue.pop()) {
    if (types.has(type.name)) continue;
    if (isUnionType(type)) queue.push(...type.getTypes());
    // Nodes are found by ids, each type by its own rule.
    if (isInterfaceType(type) && type.name !== 'Node') queue.push(...schema.getPossibleTypes(type));
    if (!isObjectType(type)) continue;
    types.add(type.name);
    for (const field of Object.values(type.getFields())) {
      const name = `${type.name}.${field.name}`;
      if (isRuled(field) && !ruledFields[name]?.includes(role)) continue;
      fields.push(name);
      queue.push(getNamedType(field.type));
    }
  }
  return { types, fields };
}

const reaches = new Map(roleNames.map((role) => [role, reachOf(role)] as const));
const typesOf = (role: Role): ReadonlySet<string> => reaches.get(role)?.types ?? new Set();

describe('below the roots', () => {
  test('fields that take more are those that are known to', () => {
    const found = Object.values(schema.getTypeMap()).flatMap((type) => {
      const isRoot = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].includes(
        type as never,
      );
      if (!isObjectType(type) || isRoot || type.name.startsWith('__')) return [];
      return Object.values(type.getFields())
        .filter(isRuled)
        .map(({ name }) => `${type.name}.${name}`);
    });
    expect(found.toSorted()).toEqual(Object.keys(ruledFields).toSorted());
  });

  test('what is not for everybody is come upon by whom it is for alone', () => {
    for (const [name, roles] of Object.entries(kept)) {
      expect(schema.getType(name), name).toBeDefined();
      expect(
        roleNames.filter((role) => typesOf(role).has(name)),
        name,
      ).toEqual(roles);
    }
  });

  test('what every role comes upon is listed', () => {
    const reached = roleNames.map(typesOf);
    const common = [...(reached[0] ?? [])].filter((name) => reached.every((types) => types.has(name)));
    const named = common.filter((name) => !/(?:Connection|Edge)$/.test(name));
    expect(named.toSorted()).toEqual(open.trim().split(/\s+/));
  });

  test('secrets are told to who makes them alone', () => {
    const isSecret = (field: string) => /\.(?:\w*secret|password|private\w*)$/i.test(field);
    for (const role of roleNames) {
      const told = (reaches.get(role)?.fields ?? []).filter(isSecret);
      expect(told.length > 0, `${role} ${told.join()}`).toBe(role === 'security_admin');
    }
  });
});
