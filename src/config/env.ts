import { resolve } from 'node:path';
import { z } from 'zod';
import { LinewardError } from '../errors/lineward-error.ts';
import { apiSettings } from './api-settings.ts';
import { auditSettings, checkpointBucketOf } from './audit-settings.ts';
import { commaList } from './comma-list.ts';
import { databaseProblems, databaseSettings } from './database-settings.ts';
import { type KafkaPlace, kafkaOf, kafkaProblems, kafkaSettings } from './kafka-settings.ts';
import { keyProblems, keyProvidersOf, keySettings } from './key-settings.ts';
import { isLakeUrl, type LakePlace, lakeOf } from './lake-place.ts';
import { isLoopback } from './loopback.ts';
import { oidcOf, oidcProblems, oidcSettings } from './oidc-settings.ts';
import { Secret } from './secret.ts';
import { secretUrl } from './secret-url.ts';
import { serverUrl } from './server-url.ts';
import { tlsOf, tlsProblems, tlsSettings } from './tls-settings.ts';
import { webhookSettings } from './webhook-settings.ts';

const roles = ['api', 'worker', 'consumer'] as const;

const port = (description: string, otherwise: number) =>
  z.coerce.number().int().min(0).max(65_535).default(otherwise).describe(description);

/** Every setting, its default and its meaning. The README's table is generated from this. */
export const envSchema = z.object({
  HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe(
      'Address the three listeners bind to. Other than loopback requires `LINEWARD_API_TOKEN` or `OIDC_ISSUER`.',
    ),
  PORT: port('Main listener: GraphQL, subscriptions, health, metrics. 0 takes a free port.', 4000),
  REGISTRY_PORT: port('Schema registry listener. 0 takes a free port.', 8081),
  REGISTRY_INCOMPATIBLE_CODE: z
    .enum(['409', '40901'])
    .default('409')
    .transform(Number)
    .describe(
      '`error_code` of incompatible schemas: `409` as most clients expect, `40901` as later registries answer.',
    ),
  PRODUCE_PORT: port('Produce API listener. 0 takes a free port.', 8082),
  ...tlsSettings,
  LINEWARD_ROLES: z
    .string()
    .default(roles.join(','))
    .transform(commaList)
    .pipe(z.array(z.enum(roles)).min(1))
    .describe('What this process does: any of `api`, `worker`, `consumer`.'),
  LINEWARD_DATA_DIR: z
    .string()
    .min(1)
    .default('./.lineward')
    .transform((path) => resolve(path))
    .describe('Directory for the embedded database, keys and the local lake.'),
  LINEWARD_API_TOKEN: z
    .string()
    .min(16, 'must have at least 16 characters')
    .transform((text) => new Secret(text))
    .optional()
    .describe(
      'Bearer token with every role. Unset, and without `OIDC_ISSUER`, authentication is off, which works on loopback alone.',
    ),
  NODE_ENV: z
    .enum(['development', 'production', 'test'])
    .default('development')
    .describe('`production` requires authentication and hides introspection and Sandbox.'),
  TRUSTED_DOCUMENTS: z
    .string()
    .min(1)
    .transform((path) => resolve(path))
    .optional()
    .describe(
      'GraphQL documents that are answered, and no others: a directory of `.graphql` files, or a JSON file of SHA-256 and document. Unset: all.',
    ),
  ...apiSettings,
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Lowest level written to the log (standard error, JSON lines).'),
  ...databaseSettings,
  REDIS_URL: secretUrl(['redis://', 'rediss://'], 'Redis for the job queues. Unset: the queues live in PostgreSQL.'),
  ...kafkaSettings,
  LAKE_URL: z
    .string()
    .refine(
      (text) => isLakeUrl(text),
      'must be a file: URL of this machine, e.g. file:///var/lib/lake, or a bucket, e.g. s3://bucket/folder',
    )
    .optional()
    .describe(
      'Root of the lake: a `file:` URL, or `s3://bucket/folder`. Credentials come by the default chain of the AWS SDK. Unset: `lake` in the data directory.',
    ),
  LAKE_S3_ENDPOINT: serverUrl().describe('URL of another S3 server than that of Amazon.'),
  LAKE_S3_REGION: z.string().min(1).default('us-east-1').describe('Region of the bucket.'),
  LAKE_MEMORY_MB: z.coerce
    .number()
    .int()
    .min(64)
    .max(1_048_576)
    .default(512)
    .describe('Memory cap of each lake engine process, MiB.'),
  LAKE_ENGINES: z.coerce
    .number()
    .int()
    .min(0)
    .max(64)
    .default(0)
    .describe(
      'Lake engine processes, which work on different files at one time. 0: one for two cores, as far as half of the memory goes, and at most 16.',
    ),
  LAKE_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .default(300_000)
    .describe('Longest time for one file in the lake engine, milliseconds.'),
  LAKE_INDEX_MINUTES: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_080)
    .default(15)
    .describe('How often lake tables are looked at to bring their subject index up to date, minutes.'),
  LANDING_FLUSH_MS: z.coerce
    .number()
    .int()
    .min(10)
    .default(1_000)
    .describe('Longest time a message waits before it lands in the lake, milliseconds.'),
  CRYPTO_QUOTA_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(1)
    .default(10_000_000)
    .describe('Values that an actor may encrypt, decrypt and redact of one account in a minute, each.'),
  ERASURE_WINDOW_MINUTES: z.coerce
    .number()
    .int()
    .min(0)
    .max(10_080)
    .default(0)
    .describe(
      'Approved erasures that are not urgent begin together at the end of a window of that length, so that each file is rewritten once for all. 0: at once.',
    ),
  SHRED_APPROVALS: z.coerce
    .number()
    .int()
    .min(1)
    .max(10)
    .default(1)
    .describe('Different actors who must approve the destruction of keys.'),
  SHRED_COOL_OFF_MINUTES: z.coerce
    .number()
    .int()
    .min(0)
    .max(43_200)
    .default(0)
    .describe('Time between the last approval of a destruction of keys and its begin, in which it can be cancelled.'),
  ...oidcSettings,
  APPROVAL_BY_ANOTHER: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('`true`: nobody approves an operation that they requested.'),
  APPROVAL_EXPIRY_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(3_650)
    .default(30)
    .describe('A plan that nobody has approved for so many days is given up, and forgets whom it was about.'),
  HOLD_RELEASE_BY_TWO: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('`true`: the release of a legal hold takes two actors.'),
  HOLD_RELEASE_GRACE_DAYS: z.coerce
    .number()
    .int()
    .min(0)
    .max(3_650)
    .default(30)
    .describe('Time between the release of a legal hold and the next plan of the erasures that it deferred, days.'),
  LINEWARD_LEDGER_DIR: z
    .string()
    .min(1)
    .transform((path) => resolve(path))
    .optional()
    .describe(
      'Directory of the ledgers of destroyed keys and of erased subjects, and of the checkpoints of the audit log unless `AUDIT_CHECKPOINT_URL` names another place; keep it where the administrator of the database cannot write, and apart from its backups. Unset: `ledger` in the data directory.',
    ),
  ...auditSettings,
  LEASE_TTL_MS: z.coerce
    .number()
    .int()
    .min(500)
    .default(15_000)
    .describe('How long a worker that went silent keeps its lease, milliseconds.'),
  SWEEP_INTERVAL_MS: z.coerce
    .number()
    .int()
    .min(100)
    .default(5_000)
    .describe(
      'How often unfinished operations without a live task are taken up again, and search entries brought up to date, milliseconds.',
    ),
  ...webhookSettings,
  ...keySettings,
});

type Settings = z.infer<typeof envSchema>;

/** The validated configuration of one process. */
export interface Env extends Readonly<Settings> {
  readonly lake: LakePlace;
  readonly checkpointBucket: ReturnType<typeof checkpointBucketOf>;
  readonly kafka: KafkaPlace | null;
  readonly kafkaNamespace: string | null;
  readonly authenticated: boolean;
  readonly oidc: ReturnType<typeof oidcOf>;
  readonly tls: ReturnType<typeof tlsOf>;
  readonly keyProviders: ReturnType<typeof keyProvidersOf>;
}

/** Problems of settings together; looks at the raw values, so that they are told along with problems of single ones. */
function problemsTogether({
  HOST,
  NODE_ENV,
  LINEWARD_API_TOKEN,
  OIDC_ISSUER,
}: Readonly<Record<string, string | undefined>>) {
  if (LINEWARD_API_TOKEN !== undefined || OIDC_ISSUER !== undefined) return [];
  const reasons = [
    HOST === undefined || isLoopback(HOST) ? null : `HOST=${HOST} is reachable from other machines`,
    NODE_ENV === 'production' ? 'NODE_ENV=production' : null,
  ].filter((reason) => reason !== null);
  return reasons.map((reason) => `LINEWARD_API_TOKEN: is required because ${reason}`);
}

function configError(problems: readonly string[]): LinewardError {
  return new LinewardError(
    'CONFIG_INVALID',
    `The configuration is not valid:\n${problems.map((line) => `  - ${line}`).join('\n')}`,
    {
      details: { problems },
    },
  );
}

/**
 * Reads and validates all settings once. Empty variables count as unset.
 * @throws LinewardError CONFIG_INVALID listing every problem by variable name; values are never repeated.
 */
export function loadEnv(source: Readonly<Record<string, string | undefined>>): Env {
  const given = Object.fromEntries(
    Object.entries(source).filter(([name, value]) => name in envSchema.shape && value !== undefined && value !== ''),
  );
  const parsed = envSchema.safeParse(given);
  const problems = [
    ...(parsed.error?.issues ?? []).map((issue) => `${String(issue.path[0])}: ${issue.message}`),
    ...problemsTogether(given),
    ...databaseProblems(given),
    ...keyProblems(given),
    ...kafkaProblems(given),
    ...oidcProblems(given),
    ...tlsProblems(given),
  ];
  if (!parsed.success || problems.length > 0) throw configError(problems);
  const settings = parsed.data;
  const firstBroker = settings.KAFKA_BROKERS?.[0];
  return Object.freeze({
    ...settings,
    lake: lakeOf(settings),
    checkpointBucket: checkpointBucketOf(settings),
    kafka: kafkaOf(settings),
    kafkaNamespace: settings.KAFKA_NAMESPACE ?? (firstBroker === undefined ? null : `kafka://${firstBroker}`),
    authenticated: settings.LINEWARD_API_TOKEN !== undefined || settings.OIDC_ISSUER !== undefined,
    oidc: oidcOf(settings),
    tls: tlsOf(settings),
    keyProviders: keyProvidersOf(settings),
  });
}

/** The environment of this process, with what its command line says instead; the only reader of `process.env`. */
export function processEnv(instead: Readonly<Record<string, string>> = {}): Env {
  return loadEnv({ ...process.env, ...instead });
}
