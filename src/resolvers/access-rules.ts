import { type GraphQLField, type GraphQLSchema, isObjectType } from 'graphql';
import type { Action } from '../domain/access/role.ts';
import type { NodeTypeName } from '../domain/global-id.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { readWhole } from '../services/access/reader.ts';
import type { RequestContext } from './context.ts';

/** Which fields take which permission. Null: whoever is authenticated. Every root field must be here. */
const fieldRules: Readonly<Record<string, Readonly<Record<string, Action | null>>>> = {
  Query: {
    me: null,
    // What they may show is decided by the type of each node.
    node: null,
    nodes: null,
    ...of('DISCOVER', [
      ...['checkCompatibility', 'columnLineage', 'dataset', 'datasets', 'entities', 'entity', 'fields'],
      ...[
        'approvalPolicies',
        'changes',
        'columnPaths',
        'fieldsCarrying',
        'impact',
        'kafkaCluster',
        'lineage',
        'lineagePaths',
        'operations',
        'protectionPolicies',
        'search',
        'domains',
        'glossaryTerms',
        'semanticType',
      ],
      ...['semanticTypeVersions', 'semanticTypes', 'streams', 'topicCoverage', 'topicRetentions', 'topics'],
      ...['transformer', 'transformers', 'transformerSchema', 'validateTransformer'],
    ]),
    ...of('READ_REDACTED', ['previewProtection', 'redact', 'redactBulk']),
    ...of('READ_EVIDENCE', ['approvalDelegations', 'minimumRetentions', 'retentionPolicies']),
    ...of('READ_SUBJECTS', ['explainDecision', 'legalHolds']),
    ...of('READ_AUDIT', ['auditEvents', 'auditVerification', 'explainAccess', 'report']),
    ...of('MANAGE_KEYS', ['accountKeys']),
    ...of('REGISTER', ['discoverLakeTables']),
    ...of('GRANT', ['accessPolicies', 'apiTokens', 'webhooks']),
  },
  Mutation: {
    ...of('REGISTER', [
      ...['addEntityAliases', 'createLakeLanding', 'createStreamProtection', 'deprecateEntity'],
      ...[
        'deprecateEntityVersion',
        'describeDataset',
        'describeEntity',
        'mapEntity',
        'registerEntityVersion',
        'registerLakeTable',
      ],
      ...[
        'defineDomain',
        'defineGlossaryTerm',
        'removeDomain',
        'removeGlossaryTerm',
        'reinstateEntity',
        'reinstateEntityVersion',
        'removeEntityAlias',
        'unmapEntity',
      ],
      ...['createTransformer', 'retireTransformer'],
    ]),
    ...of('CLASSIFY', [
      ...['acceptSemanticType', 'defineSemanticType', 'deleteProtectionPolicy', 'labelDatasetField'],
      ...['setProduceGate', 'setProtectionPolicy'],
    ]),
    ...of('READ_REDACTED', ['previewTransformer', 'sampleTopic']),
    ...of('OPERATE', [
      ...['cancelTransformRun', 'discoverTopics', 'pauseStream', 'replayStream', 'resumeStream'],
      ...['retryOperation', 'runTransformer', 'scheduleTransformer'],
    ]),
    ...of('ENCRYPT', ['encrypt', 'encryptBulk']),
    ...of('DECRYPT', ['decrypt', 'decryptBulk']),
    ...of('ERASE', [
      ...['replayErasureLedger', 'requestErasure', 'requestProtection', 'requestRetention', 'requestRewrap'],
      ...['deleteLakeRetention', 'deleteTopicRetention', 'setLakeRetention', 'setTopicRetention'],
      ...['retireRetentionPolicy', 'setRetentionPolicy'],
    ]),
    // In the name of another it takes that one's permission; in one's own, APPROVE, which the resolver asks for.
    ...of('DISCOVER', ['approveOperation']),
    ...of('APPROVE', ['applyTopicRetention', 'cancelOperation', 'delegateApproval', 'revokeApprovalDelegation']),
    ...of('MANAGE_KEYS', ['destroyKeyVersion', 'requestShred', 'rewrapAccountKeys', 'rotateAccountKey']),
    ...of('HOLD', ['placeLegalHold']),
    ...of('RETAIN', ['removeMinimumRetention', 'setMinimumRetention']),
    ...of('RELEASE_HOLD', ['releaseLegalHold']),
    ...of('BREAK_GLASS', ['breakGlass']),
    ...of('GRANT', [
      ...['createAccessPolicy', 'replaceAccessPolicy', 'retireAccessPolicy'],
      ...['createApiToken', 'createWebhook', 'deleteWebhook', 'pauseWebhook', 'resumeWebhook', 'revokeApiToken'],
      ...['removeApprovalPolicy', 'rotateWebhookSecret', 'setApprovalPolicy', 'testWebhook'],
    ]),
  },
  Subscription: of('DISCOVER', ['changed', 'operationUpdated']),
  Operation: {
    ...of('READ_SUBJECTS', ['subjects']),
    ...of('READ_EVIDENCE', ['plan', 'gaps', 'certificate', 'deferral', 'reason']),
  },
  OperationTarget: of('READ_EVIDENCE', ['receipt', 'verification']),
};

/** What it takes to see a node by its id, where that is not to DISCOVER; to others it is not there. */
const nodeRules: Readonly<Partial<Record<NodeTypeName, Action>>> = {
  LegalHold: 'READ_SUBJECTS',
  Certificate: 'READ_EVIDENCE',
  AuditEvent: 'READ_AUDIT',
  AccountKey: 'MANAGE_KEYS',
  ApiToken: 'GRANT',
  AccessPolicy: 'GRANT',
  Webhook: 'GRANT',
};

/** The permission that a node of a type takes. */
export function nodeRule(type: NodeTypeName): Action {
  return nodeRules[type] ?? 'DISCOVER';
}

function of(action: Action, fields: readonly string[]): Readonly<Record<string, Action>> {
  return Object.fromEntries(fields.map((field) => [field, action]));
}

/**
 * Puts the rules before the resolvers, once for each field and not for each value.
 * @throws LinewardError INTERNAL for a root field without a rule, and for a rule without a field: what nobody thought of is
 * not served.
 */
export function guardFields(schema: GraphQLSchema): void {
  for (const [typeName, rules] of Object.entries(fieldRules)) {
    const type = schema.getType(typeName);
    const fields = isObjectType(type) ? type.getFields() : {};
    const isRoot =
      type === schema.getQueryType() || type === schema.getMutationType() || type === schema.getSubscriptionType();
    for (const name of isRoot ? Object.keys(fields) : [])
      if (!(name in rules)) throw new LinewardError('INTERNAL', `${typeName}.${name} has no access rule`);
    for (const [name, action] of Object.entries(rules)) {
      const field = fields[name];
      if (field === undefined) throw new LinewardError('INTERNAL', `there is no field ${typeName}.${name}`);
      if (type === schema.getMutationType() || seesAll.includes(name)) seeing(field);
      if (action !== null) guard(field, action, `${typeName}.${name}`);
    }
  }
}

type Field = GraphQLField<unknown, RequestContext>;

/** Questions whose answer would be wrong if it left out what the actor may not find; they name nothing of it. */
const seesAll: readonly string[] = ['explainDecision', 'checkCompatibility'];

/**
 * A change is made upon all there is, whoever asks for it: a check that did not see everything would let pass what it is there
 * to stop. What its arguments name must be there for the actor; what it answers is read as by the actor again.
 */
function seeing(field: Field): void {
  const { resolve } = field;
  if (resolve === undefined) return;
  field.resolve = async (source, args, context, info) => {
    await context.visibleThings.assertArguments(args);
    return readWhole(() => resolve(source, args, context, info));
  };
}

function guard(field: Field, action: Action, what: string): void {
  const { resolve, subscribe } = field;
  if (subscribe !== undefined) {
    field.subscribe = (source, args, context, info) => {
      context.access.assert(context.actor, action, what);
      return subscribe(source, args, context, info);
    };
    // With each event: what policies say may be something else by then.
    if (resolve !== undefined)
      field.resolve = async (source, args, context, info) => {
        await context.access.assertNow(context.actor, action, what);
        return resolve(source, args, context, info);
      };
  } else if (resolve !== undefined)
    field.resolve = (source, args, context, info) => {
      context.access.assert(context.actor, action, what);
      return resolve(source, args, context, info);
    };
  // A field that is read from its object alone would be served to everybody.
  else throw new LinewardError('INTERNAL', `${what} has no resolver to put its access rule before`);
}
