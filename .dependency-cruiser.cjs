/**
 * Which module may import which. Read by `tools/check/layers.ts`, and by dependency-cruiser's own command line.
 * @swc/core parses, because dependency-cruiser does not know TypeScript 7 and would silently see no module at all.
 */

/** A layer may import itself and what its list names; everything else below `src` and `migrations` is forbidden. */
const mayImport = {
  errors: [],
  config: ['^src/errors/'],
  domain: ['^src/errors/'],
  entities: ['^src/(domain|errors)/'],
  services: ['^src/(entities|domain|errors)/', '^src/jobs/[^/]+\\.job\\.ts$', '^src/jobs/kit\\.ts$'],
  schema: ['^src/(entities|domain|errors)/'],
  loaders: ['^src/services/', '^src/(domain|errors)/'],
  resolvers: ['^src/(schema|services|loaders|entities|domain|errors)/'],
  http: ['^src/(services|domain|errors)/', '^src/resolvers/context\\.ts$'],
  consumers: ['^src/(services|entities|domain|errors)/'],
  jobs: ['^src/(services|domain|errors)/'],
  adapters: ['^src/services/[^/]+/ports\\.ts$', '^src/jobs/kit\\.ts$', '^src/(domain|errors)/'],
  cli: [
    '^src/(config|domain|errors)/',
    '^src/adapters/postgres/(prepare-database|information-schema)\\.ts$',
    '^src/adapters/bullmq/connection\\.ts$',
    '^src/adapters/keys/local/local-key-provider\\.ts$',
    '^src/adapters/audit/checkpoint-(directory|bucket)\\.ts$',
    '^src/adapters/lake/reads/parquet-output\\.ts$',
  ],
};

// The only adapter that knows tables.
const databaseAdapter = '^src/adapters/postgres/orm\\.ts$';

const layerRules = Object.entries(mayImport).map(([layer, allowed]) => ({
  name: `layer-${layer}`,
  comment: `${layer} stands too low, or too far aside, to know that module.`,
  severity: 'error',
  from: { path: `^src/${layer}/`, ...(layer === 'adapters' ? { pathNot: databaseAdapter } : {}) },
  to: { path: '^(src|migrations|demo|bench|tools|test)/', pathNot: [`^src/${layer}/`, ...allowed] },
}));

const onlyFrom = (name, comment, to, from) => ({
  name,
  comment,
  severity: 'error',
  from: { path: '^src/', pathNot: from },
  to: { path: to },
});

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'no-cycle',
      comment: 'Modules that need each other are one module, or a third is missing. Type imports count.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'unresolved',
      comment: 'An import that leads nowhere also leads past every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'runtime-dependency',
      comment: 'What runs in production stands under "dependencies".',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'domain-is-pure',
      comment: 'The domain computes and does no I/O; of Node it takes cryptography alone.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'domain-libraries',
      comment: 'The domain takes small pure libraries only.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: {
        path: '(^|/)node_modules/',
        pathNot:
          '(^|/)node_modules/(@noble/ciphers|canonicalize|uuid|zod|ajv|ajv-draft-04|ajv-formats|protobufjs|re2js|jsep|cron-parser)/',
      },
    },
    {
      name: 'schema-sees-rows-as-types',
      comment: 'GraphQL types name the fields of a row; they never query.',
      severity: 'error',
      from: { path: '^src/schema/' },
      to: { path: '^src/entities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'loaders-read',
      comment: 'A loader asks a read model, or names a type.',
      severity: 'error',
      from: { path: '^src/loaders/' },
      to: { path: '^src/services/', pathNot: '\\.read-model\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'job-contract-is-a-leaf',
      comment: 'Services import job contracts to enqueue them, so a contract must not import services.',
      severity: 'error',
      from: { path: '^src/jobs/[^/]+\\.job\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/jobs/kit\\.ts$', '^src/domain/'] },
    },
    {
      name: 'job-kit-knows-no-work',
      comment: 'The kit is what all jobs have in common.',
      severity: 'error',
      from: { path: '^src/jobs/kit\\.ts$' },
      to: { path: '^src/', pathNot: '^src/(domain|errors)/' },
    },
    {
      name: 'processor-only-by-registry',
      comment: 'Work is reached by its queue, never by a call.',
      severity: 'error',
      from: { pathNot: ['^src/jobs/registry\\.ts$', '^test/'] },
      to: { path: '^src/jobs/[^/]+\\.processor\\.ts$' },
    },
    {
      name: 'database-adapter',
      comment: 'The database adapter knows tables and migrations, and no other layer.',
      severity: 'error',
      from: { path: databaseAdapter },
      to: { path: '^src/', pathNot: '^src/(adapters/postgres|entities|domain|errors)/' },
    },
    {
      name: 'composition-root',
      comment: 'Only the process entry starts the app.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(main|app|build-services|build-registry|build-lineage|build-topics|build-audit|build-access|build-governance|build-ledger|build-changes|build-transform|build-lake-reads)\\.ts$',
      },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'product-stands-alone',
      comment: 'The product does not need its tools, demonstration, measurements or tests.',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: '^(demo|bench|tools|test)/' },
    },
    {
      name: 'packages-stand-alone',
      comment: 'What is published has nothing of the product in it.',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^(src|migrations|demo|bench|tools|test)/' },
    },
    {
      name: 'packages-by-the-command-line',
      comment: 'The service does not read through its own client.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^packages/' },
    },
    {
      name: 'migrations-are-frozen',
      comment: 'A migration that imports our code changes when the code does.',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '^(src|migrations)/' },
    },
    onlyFrom(
      'vendor-in-adapters',
      'Vendor clients live behind ports.',
      '(^|/)node_modules/(kafkajs|bullmq|ioredis|@duckdb/[^/]+|@aws-sdk/[^/]+|pg|prom-client)/',
      '^src/adapters/',
    ),
    onlyFrom('log-in-adapters', 'Other layers log through domain/logger.', '(^|/)node_modules/pino/', [
      '^src/adapters/telemetry/',
      '^src/(app|open-parts|build-services)\\.ts$',
    ]),
    onlyFrom('type-graphql', 'Decorators of the API stand in two folders.', '(^|/)node_modules/type-graphql/', [
      '^src/(schema|resolvers)/',
    ]),
    onlyFrom('graphql', 'Few modules know GraphQL.', '(^|/)node_modules/(graphql|graphql-scalars)/', [
      '^src/(schema|resolvers|http/graphql)/',
      '^src/errors/to-graphql-error\\.ts$',
    ]),
    onlyFrom(
      'http-in-http',
      'Only the edge knows HTTP.',
      '(^|/)node_modules/(fastify|@fastify|@apollo|graphql-ws|ws)/',
      ['^src/http/'],
    ),
    onlyFrom('orm', 'Persistence is the services’ business.', '(^|/)node_modules/@mikro-orm/', [
      '^src/(entities|services)/',
      databaseAdapter,
    ]),
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.d.ts'],
    },
  },
};
