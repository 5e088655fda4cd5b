import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger as PinoLogger } from 'pino';
import { BullmqJobs } from './adapters/bullmq/bullmq-jobs.ts';
import { KafkajsGateway } from './adapters/kafka/kafkajs-gateway.ts';
import { UnconfiguredGateway } from './adapters/kafka/unconfigured-gateway.ts';
import { LocalKeyProvider } from './adapters/keys/local/local-key-provider.ts';
import { LocalNotary } from './adapters/keys/local/local-notary.ts';
import { DuckdbEngine } from './adapters/lake/duckdb/duckdb-engine.ts';
import { openPostgres } from './adapters/postgres/open-postgres.ts';
import { PostgresOperationEvents } from './adapters/postgres/operation-events.ts';
import { openDatabase } from './adapters/postgres/orm.ts';
import { LocalLakeStore } from './adapters/store/local/local-store.ts';
import { Metrics } from './adapters/telemetry/metrics.ts';
import type { Env } from './config/env.ts';
import { landingConsumer } from './consumers/landing.consumer.ts';
import { protectionConsumer } from './consumers/protection.consumer.ts';
import { StreamRunner } from './consumers/stream-runner.ts';
import type { Actor } from './domain/access/actor.ts';
import type { HealthPart } from './http/health/health.routes.ts';
import { Listeners } from './http/listeners.ts';
import { jobProcessors, queueConcurrency } from './jobs/registry.ts';
import { createLoaders } from './loaders/create-loaders.ts';
import { buildSchema } from './resolvers/build-schema.ts';
import type { RequestContext } from './resolvers/context.ts';
import { AuditReadModel } from './services/audit/audit.read-model.ts';
import { GovernanceReadModel } from './services/governance/governance.read-model.ts';
import { GovernanceService } from './services/governance/governance.service.ts';
import { ErasedRecords } from './services/kafka/erased-records.ts';
import { ProduceService } from './services/kafka/produce.service.ts';
import { MessageProtection } from './services/kafka/protect-messages.ts';
import { StreamReadModel } from './services/kafka/stream.read-model.ts';
import { StreamService } from './services/kafka/stream.service.ts';
import { StreamProgress } from './services/kafka/stream-progress.ts';
import { TopicExecutor } from './services/kafka/topic.executor.ts';
import { IntakeService } from './services/lake/intake.service.ts';
import { LakeReadModel } from './services/lake/lake.read-model.ts';
import { LakeTableExecutor } from './services/lake/lake-table.executor.ts';
import { LakeTableService } from './services/lake/lake-table.service.ts';
import { LandingService } from './services/lake/landing.service.ts';
import { SubjectIndex } from './services/lake/subject-index.ts';
import { TableColumns } from './services/lake/table-columns.ts';
import { LineageReadModel } from './services/lineage/lineage.read-model.ts';
import { LeaseService } from './services/operations/lease.service.ts';
import { OperationReadModel } from './services/operations/operation.read-model.ts';
import { OperationService } from './services/operations/operation.service.ts';
import { OperationCertifier } from './services/operations/operation-certifier.ts';
import { OperationDriver } from './services/operations/operation-driver.ts';
import { OperationPlanner } from './services/operations/operation-planner.ts';
import { Sweeper } from './services/operations/sweeper.ts';
import { TargetRunner } from './services/operations/target-runner.ts';
import { AccountKeyService } from './services/privacy/account-key.service.ts';
import { ProtectionReadModel } from './services/privacy/protection.read-model.ts';
import { ProtectionService } from './services/privacy/protection.service.ts';
import { ProtectionPolicyService } from './services/privacy/protection-policy.service.ts';
import { MessageGate } from './services/registry/message-gate.ts';
import { RegistryReadModel } from './services/registry/registry.read-model.ts';
import { RegistryService } from './services/registry/registry.service.ts';

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
  const closers: (() => Promise<void>)[] = [];
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

type OnClose = (close: () => Promise<void>) => void;

async function build(env: Env, logger: PinoLogger, onClose: OnClose): Promise<App['urls']> {
  const parts = await openParts(env, logger, onClose);
  const services = buildServices(env, logger, parts);
  if (env.LINEWARD_ROLES.includes('worker')) {
    await parts.jobs.work(Object.values(jobProcessors(services)), queueConcurrency);
    const sweeper = new Sweeper({ driver: services.driver, logger, intervalMs: env.SWEEP_INTERVAL_MS });
    sweeper.start();
    onClose(() => sweeper.stop());
  }
  if (env.LINEWARD_ROLES.includes('consumer')) {
    services.streamRunner.start();
    onClose(() => services.streamRunner.stop());
  }
  return serve(env, logger, { parts, services, onClose });
}

type Parts = Awaited<ReturnType<typeof openParts>>;
type Services = ReturnType<typeof buildServices>;

/** Everything that holds a connection, a process or a file. */
async function openParts(env: Env, logger: PinoLogger, onClose: OnClose) {
  const postgres = await openPostgres(env.DATABASE_URL?.reveal() ?? null, env.LINEWARD_DATA_DIR);
  onClose(() => postgres.close());
  const database = await openDatabase(postgres.url);
  onClose(() => database.close());
  const migrations = await database.migrate();
  if (migrations.length > 0) logger.info({ migrations }, 'database migrated');

  const keyDir = join(env.LINEWARD_DATA_DIR, 'keys');
  const notary = await LocalNotary.open(keyDir);
  const keyProvider = await LocalKeyProvider.open(join(keyDir, 'kek.key'));

  const operationEvents = new PostgresOperationEvents({ url: postgres.url, logger });
  onClose(() => operationEvents.close());
  const engineDir = join(env.LINEWARD_DATA_DIR, 'tmp', `engine-${process.pid}`);
  await mkdir(engineDir, { recursive: true });
  await mkdir(env.lakeRoot, { recursive: true });
  const engine = new DuckdbEngine({
    memoryLimitMb: env.LAKE_MEMORY_MB,
    threads: 2,
    timeoutMs: env.LAKE_TIMEOUT_MS,
    tempDir: engineDir,
    logger,
  });
  onClose(async () => {
    await engine.close();
    await rm(engineDir, { recursive: true, force: true });
  });
  const store = new LocalLakeStore({ root: env.lakeRoot });
  const kafka =
    env.KAFKA_BROKERS === undefined
      ? new UnconfiguredGateway()
      : new KafkajsGateway({ brokers: env.KAFKA_BROKERS, clientId: 'lineward', logger });
  onClose(() => kafka.close());
  const redisUrl = env.REDIS_URL?.reveal();
  const jobs = new BullmqJobs({
    backend: redisUrl === undefined ? { kind: 'postgres', url: postgres.url } : { kind: 'redis', url: redisUrl },
    logger,
    lockMs: env.LEASE_TTL_MS,
  });
  onClose(() => jobs.close());
  await jobs.ready();
  return { database, notary, keyProvider, operationEvents, engine, store, kafka, jobs };
}

function buildServices(
  env: Env,
  logger: PinoLogger,
  { database, notary, keyProvider, engine, store, kafka, jobs }: Parts,
) {
  const { em } = database;
  const { kafkaNamespace } = env;
  const registry = new RegistryReadModel({ em });
  const registryService = new RegistryService({ em });
  const gate = new MessageGate({ registry });
  const lineage = new LineageReadModel({ em });
  const audit = new AuditReadModel({ em });
  const governance = new GovernanceReadModel({ em });
  const governanceService = new GovernanceService({ em });

  const protection = new ProtectionReadModel({ em, registry });
  const protectionPolicyService = new ProtectionPolicyService({ em });
  const protectionService = new ProtectionService({ keys: new AccountKeyService({ em, provider: keyProvider }) });

  const index = new SubjectIndex({ em, store, engine, notary, logger });
  const lakeTables = new LakeTableService({ store });
  const lake = new LakeReadModel({ em });
  const landing = new LandingService({ em, store, engine, index, columns: new TableColumns({ em, registry }) });
  const streams = new StreamReadModel({ em });
  const streamService = new StreamService({ em, kafka, kafkaNamespace, registry, lakeTables, lakeNamespace: 'file' });
  const produce = new ProduceService({ kafka, kafkaNamespace, registry, gate });
  const intake = new IntakeService({ streams, gate, policies: protection, protection: protectionService, landing });
  const streamRunner = new StreamRunner({
    kafka,
    streams,
    logger,
    starters: {
      PROTECTION: protectionConsumer({
        protection: new MessageProtection({ policies: protection, protection: protectionService, gate }),
      }),
      LANDING: landingConsumer({
        landing,
        erased: new ErasedRecords({ kafka, streams }),
        logger,
        flushMs: env.LANDING_FLUSH_MS,
      }),
    },
  });

  const executors = [
    new TopicExecutor({ kafka, progress: new StreamProgress({ kafka, streams }) }),
    new LakeTableExecutor({ em, store, engine, index, notary }),
  ];
  const holds = governanceService;
  const driver = new OperationDriver({ em, scheduler: jobs, logger });
  const operations = new OperationReadModel({ em, notary });
  const operationService = new OperationService({ em, driver, notary });
  const planner = new OperationPlanner({ em, registry, lineage, holds, executors, notary });
  const leases = new LeaseService({ em, logger, ttlMs: env.LEASE_TTL_MS });
  const runner = new TargetRunner({ em, leases, driver, holds, executors, logger });
  const certifier = new OperationCertifier({ em, holds, notary });
  return {
    registry,
    registryService,
    lineage,
    audit,
    governance,
    governanceService,
    protection,
    protectionPolicyService,
    protectionService,
    streams,
    streamService,
    produce,
    intake,
    lake,
    streamRunner,
    driver,
    operations,
    operationService,
    planner,
    runner,
    certifier,
  };
}

async function serve(
  env: Env,
  logger: PinoLogger,
  built: { parts: Parts; services: Services; onClose: OnClose },
): Promise<App['urls']> {
  const { parts, services } = built;
  const listeners = new Listeners({
    logger,
    metrics: new Metrics(),
    host: env.HOST,
    apiToken: env.LINEWARD_API_TOKEN?.reveal() ?? null,
    healthParts: healthParts(parts, services),
  });
  built.onClose(() => listeners.stop());
  const { operationEvents } = parts;
  const contextOf = (actor: Actor, requestId: string): RequestContext => ({
    actor,
    requestId,
    operationEvents,
    loaders: createLoaders(services),
    renewLoaders() {
      this.loaders = createLoaders(services);
    },
  });
  const graphql = { schema: buildSchema(services), contextOf, development: env.NODE_ENV !== 'production' };
  const ports = { main: env.PORT, registry: env.REGISTRY_PORT, produce: env.PRODUCE_PORT };
  return listeners.start(ports, env.LINEWARD_ROLES.includes('api') ? { graphql, ...services } : null);
}

function healthParts({ database, jobs, kafka, keyProvider }: Parts, { streamRunner }: Services): readonly HealthPart[] {
  const ok = (check: () => Promise<unknown>) => async () => {
    await check();
    return null;
  };
  const parts: HealthPart[] = [
    { name: 'database', vital: true, check: ok(() => database.em.fork().execute('select 1')) },
    { name: 'jobs', vital: true, check: ok(() => jobs.ping()) },
    { name: 'keys', vital: true, check: ok(() => keyProvider.health()) },
  ];
  if (kafka.configured) {
    parts.push({ name: 'kafka', vital: false, check: ok(() => kafka.ping()) });
    parts.push({ name: 'streams', vital: false, check: async () => Object.values(streamRunner.faults)[0] ?? null });
  }
  return parts;
}
