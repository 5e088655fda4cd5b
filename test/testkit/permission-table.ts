import type { Role } from '../../src/domain/access/role.ts';

// What roles may, written down by hand and apart from the rules of the product: what is in one of the two alone is a fault.

const everybody: readonly Role[] = [
  ...(['viewer', 'engineer', 'steward', 'privacy_officer', 'security_admin', 'auditor', 'legal', 'service'] as const),
];
const readers: readonly Role[] = ['engineer', 'privacy_officer', 'security_admin', 'auditor', 'legal'];
const masked: readonly Role[] = ['engineer', 'steward', 'privacy_officer', 'service'];
const registrars: readonly Role[] = ['engineer', 'steward', 'service'];
const operators: readonly Role[] = ['engineer', 'privacy_officer'];
const senders: readonly Role[] = ['engineer', 'service'];
const officer: readonly Role[] = ['privacy_officer'];
const approvers: readonly Role[] = ['privacy_officer', 'security_admin'];
const admin: readonly Role[] = ['security_admin'];
const auditing: readonly Role[] = ['privacy_officer', 'security_admin', 'auditor', 'legal'];

interface Entrances {
  readonly roles: readonly Role[];
  readonly queries?: string;
  readonly mutations?: string;
  readonly subscriptions?: string;
  /** `<listener>: <method> <path>; …`; contexts of the registry and the second prefix of the proxy stand for themselves. */
  readonly routes?: readonly string[];
}

const entrances: readonly Entrances[] = [
  {
    roles: everybody,
    queries: `me node nodes checkCompatibility columnLineage dataset datasets entities entity fields approvalPolicies changes
      columnPaths fieldsCarrying impact kafkaCluster lineage lineagePaths operations protectionPolicies search domains glossaryTerms
      semanticType semanticTypeVersions semanticTypes streams topicCoverage topicRetentions topics transformer transformers
      transformerSchema validateTransformer`,
    subscriptions: 'changed operationUpdated',
    routes: [
      'main: GET /metrics; GET /graphql; POST /graphql; OPTIONS /graphql; GET /api/v1/events/lineage; GET /api/v1/registry/export',
      'main: GET /api/v1/namespaces; GET /api/v1/namespaces/:namespace; GET /api/v1/namespaces/:namespace/datasets',
      'main: GET /api/v1/namespaces/:namespace/datasets/:name; GET /api/v1/namespaces/:namespace/datasets/:name/versions',
      'main: GET /api/v1/namespaces/:namespace/datasets/:name/versions/:version; GET /api/v1/jobs; GET /api/v1/jobs/runs/:id',
      'main: GET /api/v1/namespaces/:namespace/jobs; GET /api/v1/namespaces/:namespace/jobs/:name',
      'main: GET /api/v1/namespaces/:namespace/jobs/:name/runs; GET /api/v1/search; GET /api/v1/tags; GET /api/v1/lineage',
      'main: GET /api/v1/column-lineage',
      'registry: GET /; POST /; GET /openapi.json; GET /contexts; GET /subjects; POST /subjects/:subject',
      'registry: GET /v1/metadata/id; GET /v1/metadata/version; GET /v1/metadata/deployment',
      'registry: GET /subjects/:subject/versions; GET /subjects/:subject/versions/:version; GET /subjects/:subject/metadata',
      'registry: GET /subjects/:subject/versions/:version/schema; GET /subjects/:subject/versions/:version/referencedby',
      'registry: GET /schemas; GET /schemas/types; GET /schemas/ids/:id; GET /schemas/ids/:id/schema; GET /schemas/ids/:id/subjects',
      'registry: GET /schemas/ids/:id/versions; GET /schemas/guids/:guid; GET /schemas/guids/:guid/ids',
      'registry: POST /compatibility/subjects/:subject/versions; POST /compatibility/subjects/:subject/versions/:version',
      'registry: GET /config; GET /config/:subject; GET /mode; GET /mode/:subject; GET /associations/subjects/:subject',
      'registry: GET /associations/resources/:resource; GET /associations/resources/:namespace/:name; POST /associations::batchGet',
      'registry: GET /v1/entities; GET /v1/entities/:entity; GET /v1/entities/:entity/versions/:version',
      'registry: GET /v1/entities/:entity/mappings',
      'produce: GET /; GET /brokers; GET /topics; GET /topics/:topic; GET /topics/:topic/partitions',
      'produce: GET /topics/:topic/partitions/:partition; GET /topics/:topic/partitions/:partition/offsets; GET /v3/clusters',
      'produce: GET /v3/clusters/:cluster; GET /v3/clusters/:cluster/brokers; GET /v3/clusters/:cluster/topics',
      'produce: GET /v3/clusters/:cluster/topics/:topic; GET /v3/clusters/:cluster/topics/:topic/configs',
      'produce: GET /v3/clusters/:cluster/topics/:topic/partitions',
      'produce: GET /v3/clusters/:cluster/topics/:topic/partitions/:partition',
    ],
  },
  {
    roles: registrars,
    queries: 'discoverLakeTables',
    mutations: `addEntityAliases createLakeLanding createStreamProtection deprecateEntity deprecateEntityVersion describeDataset
      describeEntity mapEntity registerEntityVersion registerLakeTable defineDomain defineGlossaryTerm removeDomain
      removeGlossaryTerm reinstateEntity reinstateEntityVersion removeEntityAlias unmapEntity createTransformer retireTransformer`,
    routes: [
      'main: POST /api/v1/registry/import; POST /api/v1/catalog/import',
      'registry: DELETE /subjects/:subject; POST /subjects/:subject/versions; DELETE /subjects/:subject/versions/:version',
      'registry: POST /subjects/:subject/versions/:version/tags; PUT /config; DELETE /config; PUT /config/:subject',
      'registry: DELETE /config/:subject; PUT /mode; DELETE /mode; PUT /mode/:subject; DELETE /mode/:subject; POST /associations',
      'registry: PUT /associations/resources/:resource; DELETE /associations/resources/:resource; POST /associations::batchMutate',
      'registry: POST /v1/entities; PUT /v1/entities/:entity/mappings; DELETE /v1/entities/:entity/mappings',
      'registry: DELETE /contexts/:context',
    ],
  },
  {
    roles: masked,
    queries: 'previewProtection redact redactBulk',
    mutations: 'previewTransformer sampleTopic',
    routes: ['main: POST /api/v1/crypto::redact'],
  },
  {
    roles: ['viewer', 'engineer', 'steward', 'privacy_officer'],
    routes: ['main: POST /api/v1/lake/reads; GET /api/v1/lake/reads/:id/rows'],
  },
  { roles: readers, queries: 'approvalDelegations minimumRetentions retentionPolicies' },
  { roles: ['privacy_officer', 'auditor', 'legal'], queries: 'explainDecision legalHolds' },
  {
    roles: auditing,
    queries: 'auditEvents auditVerification explainAccess report',
    routes: [
      'main: GET /api/v1/audit/export; GET /api/v1/reports; GET /api/v1/reports/:name; GET /api/v1/evidence/:framework',
    ],
  },
  {
    roles: ['steward', 'privacy_officer'],
    mutations: `acceptSemanticType defineSemanticType deleteProtectionPolicy labelDatasetField setProduceGate setProtectionPolicy`,
  },
  {
    roles: operators,
    mutations: `cancelTransformRun discoverTopics pauseStream replayStream resumeStream retryOperation runTransformer
      scheduleTransformer`,
  },
  {
    roles: senders,
    routes: [
      'main: POST /api/v1/entities/:entity/records; POST /api/v1/lineage; POST /api/v1/lineage/batch; POST /api/v1/lineage/bulk',
      'produce: POST /topics/:topic; POST /topics/:topic/partitions/:partition; POST /v3/clusters/:cluster/topics/:topic/records',
    ],
  },
  {
    roles: ['privacy_officer', 'service'],
    mutations: 'encrypt encryptBulk',
    routes: ['main: POST /api/v1/crypto::seal'],
  },
  { roles: officer, mutations: 'decrypt decryptBulk', routes: ['main: POST /api/v1/crypto::open'] },
  {
    roles: officer,
    mutations: `replayErasureLedger requestErasure requestProtection requestRetention requestRewrap deleteLakeRetention
      deleteTopicRetention setLakeRetention setTopicRetention retireRetentionPolicy setRetentionPolicy`,
    routes: ['main: POST /api/v1/erasures'],
  },
  {
    roles: approvers,
    mutations: 'approveOperation applyTopicRetention cancelOperation delegateApproval revokeApprovalDelegation',
  },
  {
    roles: admin,
    queries: 'accountKeys accessPolicies apiTokens webhooks',
    mutations: `destroyKeyVersion requestShred rewrapAccountKeys rotateAccountKey createAccessPolicy replaceAccessPolicy
      retireAccessPolicy createApiToken createWebhook deleteWebhook pauseWebhook resumeWebhook revokeApiToken removeApprovalPolicy
      rotateWebhookSecret setApprovalPolicy testWebhook`,
  },
  { roles: ['legal'], mutations: 'placeLegalHold releaseLegalHold' },
  { roles: ['privacy_officer', 'legal'], mutations: 'removeMinimumRetention setMinimumRetention' },
  // No role has it: policies give it.
  { roles: [], mutations: 'breakGlass' },
];

/** Open to everybody, also without a token: orchestrators ask whether the process lives. */
export const openRoutes: readonly string[] = ['GET main /healthz', 'GET main /readyz'];

const words = (text = ''): readonly string[] => text.split(/\s+/).filter((word) => word !== '');

/** The roles that each root field answers, by `<type>.<field>`. */
export const rolesOfFields: ReadonlyMap<string, readonly Role[]> = new Map(
  entrances.flatMap(({ roles, queries, mutations, subscriptions }) => [
    ...words(queries).map((name) => [`Query.${name}`, roles] as const),
    ...words(mutations).map((name) => [`Mutation.${name}`, roles] as const),
    ...words(subscriptions).map((name) => [`Subscription.${name}`, roles] as const),
  ]),
);

/** The roles that each route answers, by `<method> <listener> <path>`. */
export const rolesOfRoutes: ReadonlyMap<string, readonly Role[]> = new Map(
  entrances.flatMap(({ roles, routes = [] }) =>
    routes.flatMap((line) => {
      const [listener = '', list = ''] = line.split(/: (.*)/s);
      return list.split('; ').map((route) => [route.replace(' ', ` ${listener} `), roles] as const);
    }),
  ),
);

/** The route of the table that one stands for: contexts hold the whole registry again, and the proxy has two prefixes. */
export function routeName({ method, listener, url }: { method: string; listener: string; url: string }): string {
  const path = url.replace(/^\/contexts\/:context(?=\/)/, '').replace(/^\/kafka(?=\/v3)/, '');
  return `${method === 'HEAD' ? 'GET' : method} ${listener} ${path}`;
}
