import type { Logger as PinoLogger } from 'pino';
import { Metrics } from './adapters/telemetry/metrics.ts';
import { buildServices, type Services } from './build-services.ts';
import type { Env } from './config/env.ts';
import { streamMetrics } from './consumers/stream-metrics.ts';
import type { Actor } from './domain/access/actor.ts';
import { TrustedDocuments } from './http/graphql/trusted-documents.ts';
import type { HealthPart } from './http/health/health.routes.ts';
import { Listeners } from './http/listeners.ts';
import { jobProcessors, queueConcurrency } from './jobs/registry.ts';
import { createLoaders } from './loaders/create-loaders.ts';
import { type OnClose, openParts, type Parts } from './open-parts.ts';
import { buildSchema } from './resolvers/build-schema.ts';
import type { RequestContext } from './resolvers/context.ts';
import { Sweeper } from './services/operations/sweeper.ts';

type Stop = () => Promise<void>;

/** A running process. */
export interface App {
  /** Addresses of the three listeners; `registry` and `produce` only with the api role. */
  readonly urls: { readonly main: string; readonly registry: string | null; readonly produce: string | null };
  /** Drains requests, hands tasks back, closes every part. */
  stop(): Promise<void>;
}

/**
 * Builds every part of a process from its configuration, top down, and starts the roles it has. What was opened is closed
 * again when a later part fails.
 * @throws LinewardError DATA_DIR_LOCKED, DATA_DIR_NOT_WRITABLE, DATABASE_UNAVAILABLE, PORT_IN_USE, CONFIG_INVALID.
 */
export async function startApp(env: Env, logger: PinoLogger): Promise<App> {
  const closers: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) {
      await close().catch((error: unknown) => logger.warn({ error }, 'a part did not close cleanly'));
    }
  };
  try {
    const urls = await build(env, logger, (close) => closers.push(close));
    return { urls, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Side by side: each waits for what it has under way, and all together have 10 s. */
async function stopAll(stops: readonly Stop[]): Promise<void> {
  const results = await Promise.allSettled(stops.map((stop) => stop()));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function build(env: Env, logger: PinoLogger, onClose: OnClose): Promise<App['urls']> {
  const parts = await openParts(env, logger, onClose);
  const services = buildServices(env, logger, parts);
  const { keys, authentication, policiesInForce } = services;
  parts.listener.on('account_key_changed', {
    notified: (keyId) => keys.forget(keyId),
    reconnected: () => keys.forgetAll(),
  });
  parts.listener.on('api_token_changed', {
    notified: (digest) => authentication.forget(digest),
    reconnected: () => authentication.forgetAll(),
  });
  parts.listener.on('access_policy_changed', {
    notified: () => policiesInForce.forget(),
    reconnected: () => policiesInForce.forget(),
  });
  parts.listener.start();
  const work: Stop[] = [() => parts.jobs.drain(), () => services.loginRefusals.flush()];
  onClose(() => stopAll(work));
  const keepSweeping = ({ sweep, complaint, intervalMs, isRare = false }: Sweep): void => {
    const usualMs = env.SWEEP_INTERVAL_MS * (isRare ? rareFactor : 1);
    const sweeper = new Sweeper({ sweep, complaint, logger, intervalMs: intervalMs ?? usualMs });
    sweeper.start();
    work.push(() => sweeper.stop());
  };
  if (env.LINEWARD_ROLES.includes('worker')) {
    await parts.jobs.work(Object.values(jobProcessors(services)), queueConcurrency);
    for (const each of sweeps(services)) keepSweeping(each);
    work.push(() => services.webhookDeliveries.stop());
  }
  if (env.LINEWARD_ROLES.includes('consumer')) {
    services.streamRunner.start();
    work.push(() => services.streamRunner.stop());
    keepSweeping({ sweep: () => services.streamLineage.tell(), complaint: 'lineage of streams could not be told' });
  }
  return serve(env, logger, { parts, services, onStop: (stop) => work.push(stop) });
}

/** Longest time that an audit event waits to be sealed, but for the sealing itself. */
const sealIntervalMs = 250;
/** Sweeps of the usual kind for one of a rare kind. */
const rareFactor = 12;
/** How often workers look whether webhooks have something to be told. */
const webhookIntervalMs = 500;

interface Sweep {
  readonly sweep: () => Promise<void>;
  readonly complaint: string;
  /** Absent: the interval of all others. */
  readonly intervalMs?: number;
  /** What costs more, and hurries less. */
  readonly isRare?: boolean;
}

/** What workers do again and again, each apart from the others. */
const sweeps = (services: Services): readonly Sweep[] => [
  ...auditSweeps(services),
  {
    sweep: () => services.webhookDeliveries.sweep(),
    complaint: 'webhooks could not be told of changes',
    intervalMs: webhookIntervalMs,
  },
  { sweep: () => services.driver.sweep(), complaint: 'operations could not be swept' },
  { sweep: () => services.erasureLedger.sweep(), complaint: 'deferred erasures could not be looked at', isRare: true },
  { sweep: () => services.tableRegistration.sweep(), complaint: 'registrations of lake tables could not be swept' },
  { sweep: () => services.tableIndexSchedule.sweep(), complaint: 'indexes of lake tables could not be swept' },
  { sweep: () => services.transformRuns.sweep(), complaint: 'runs of transformers could not be swept' },
  { sweep: () => services.transformRuns.requestDue(), complaint: 'runs that are due could not be requested' },
  { sweep: () => services.runLineage.sweep(), complaint: 'lineage of transformers could not be told' },
  { sweep: () => services.lakeRetentionSchedule.sweep(), complaint: 'retention rules could not be followed' },
  // Searches do this too: here it is done before a first one would find the changes of a large import.
  { sweep: () => services.searchEntries.refresh(), complaint: 'search entries could not be brought up to date' },
  {
    sweep: () => services.topicRetentionSchedule.enqueueDue(),
    complaint: 'the retention of topics could not be scheduled',
  },
  {
    sweep: () => services.topicDiscoverySchedule.enqueueDue(),
    complaint: 'the discovery of topics could not be scheduled',
  },
];

const auditSweeps = ({ auditSealer, auditCheckpoints }: Services): readonly Sweep[] => [
  { sweep: () => auditSealer.seal(), complaint: 'audit events could not be sealed', intervalMs: sealIntervalMs },
  { sweep: () => auditCheckpoints.keepUp(), complaint: 'the audit log could not be given a checkpoint' },
];

async function serve(
  env: Env,
  logger: PinoLogger,
  built: { parts: Parts; services: Services; onStop: OnClose },
): Promise<App['urls']> {
  const { parts, services } = built;
  const metrics = new Metrics();
  if (env.LINEWARD_ROLES.includes('consumer')) metrics.streams(() => streamMetrics(services));
  const listeners = new Listeners({
    logger,
    metrics,
    host: env.HOST,
    authentication: services.authentication,
    access: services.access,
    allowances: services.allowances,
    certificate: parts.certificate,
    hstsSeconds: env.TLS_HSTS_SECONDS,
    readers: services.catalogReaders,
    visibleThings: services.visibleThings,
    healthParts: healthParts(parts, services),
  });
  built.onStop(() => listeners.stop());
  const { operationEvents } = parts;
  const contextOf = (actor: Actor, requestId: string): RequestContext => ({
    actor,
    requestId,
    access: services.access,
    visibleThings: services.visibleThings,
    operationEvents,
    changeFollowers: services.changeFollowers,
    loaders: createLoaders(services),
    renewLoaders() {
      this.loaders = createLoaders(services);
    },
  });
  const graphql = {
    schema: buildSchema(services),
    contextOf,
    development: env.NODE_ENV !== 'production',
    trusted: parts.trusted === null ? null : new TrustedDocuments(parts.trusted),
  };
  const ports = { main: env.PORT, registry: env.REGISTRY_PORT, produce: env.PRODUCE_PORT };
  return listeners.start(
    ports,
    env.LINEWARD_ROLES.includes('api')
      ? { graphql, ...services, kafka: parts.kafka, incompatibleCode: env.REGISTRY_INCOMPATIBLE_CODE }
      : null,
  );
}

function healthParts(
  { database, jobs, kafka, keyProviders }: Parts,
  { streamRunner }: Services,
): readonly HealthPart[] {
  const ok = (check: () => Promise<unknown>) => async () => {
    await check();
    return null;
  };
  const parts: HealthPart[] = [
    { name: 'database', vital: true, check: ok(() => database.em.fork().execute('select 1')) },
    { name: 'jobs', vital: true, check: ok(() => jobs.ping()) },
    { name: 'keys', vital: true, check: ok(() => keyProviders.current.health()) },
  ];
  const { others } = keyProviders;
  if (others.length > 0) {
    const check = ok(() => Promise.all(others.map((provider) => provider.health())));
    parts.push({ name: 'earlier-keys', vital: false, check });
  }
  if (kafka.configured) {
    parts.push({ name: 'kafka', vital: false, check: ok(() => kafka.ping()) });
    parts.push({ name: 'streams', vital: false, check: async () => Object.values(streamRunner.faults)[0] ?? null });
  }
  return parts;
}
