import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger as PinoLogger } from 'pino';
import { OidcProvider } from './adapters/access/oidc-provider.ts';
import { CheckpointBucket } from './adapters/audit/checkpoint-bucket.ts';
import { CheckpointDirectory } from './adapters/audit/checkpoint-directory.ts';
import { FileErasureJournal } from './adapters/audit/file-erasure-journal.ts';
import { BullmqJobs } from './adapters/bullmq/bullmq-jobs.ts';
import { prepareQueueTables } from './adapters/bullmq/connection.ts';
import { trustedDocuments } from './adapters/graphql/trusted-document-files.ts';
import { connectionOf } from './adapters/kafka/connection.ts';
import { KafkajsGateway } from './adapters/kafka/kafkajs-gateway.ts';
import { UnconfiguredGateway } from './adapters/kafka/unconfigured-gateway.ts';
import { FileShredLedger } from './adapters/keys/local/file-shred-ledger.ts';
import { localKeyFile } from './adapters/keys/local/local-key-provider.ts';
import { LocalNotary } from './adapters/keys/local/local-notary.ts';
import { openKeyProviders } from './adapters/keys/open-key-providers.ts';
import { DuckdbEngine } from './adapters/lake/duckdb/duckdb-engine.ts';
import { DuckdbRowEngine } from './adapters/lake/duckdb/duckdb-row-engine.ts';
import { DuckdbTransformEngine } from './adapters/lake/duckdb/duckdb-transform-engine.ts';
import { engineCount } from './adapters/lake/engine-count.ts';
import { EnginePool } from './adapters/lake/engine-pool.ts';
import { PostgresChangeNotices } from './adapters/postgres/change-notices.ts';
import { openPostgres } from './adapters/postgres/open-postgres.ts';
import { PostgresOperationEvents } from './adapters/postgres/operation-events.ts';
import { openDatabase } from './adapters/postgres/orm.ts';
import { PostgresListener } from './adapters/postgres/postgres-listener.ts';
import { prepareDatabase } from './adapters/postgres/prepare-database.ts';
import { LocalLakeStore } from './adapters/store/local/local-store.ts';
import { openScratchDirectory } from './adapters/store/local/scratch-directory.ts';
import { ensureWritable } from './adapters/store/local/writable-directory.ts';
import { S3LakeStore } from './adapters/store/s3/s3-store.ts';
import { CertificateFiles } from './adapters/tls/certificate-files.ts';
import { databaseOf } from './config/database-settings.ts';
import type { Env } from './config/env.ts';
import { asker, isAnswering, seen } from './services/access/reader.ts';
import type { CheckpointSink } from './services/audit/ports.ts';
import type { LakeStore } from './services/lake/ports.ts';
import { KeyProviders } from './services/privacy/key-providers.ts';
import { replayShreds } from './services/privacy/shred-replay.ts';

/** Takes what closes a part that was opened. */
export type OnClose = (close: () => Promise<void>) => void;
/** What was opened. */
export type Parts = Awaited<ReturnType<typeof openParts>>;

/** Everything that holds a connection, a process or a file. */
export async function openParts(env: Env, logger: PinoLogger, onClose: OnClose) {
  const trusted = env.TRUSTED_DOCUMENTS === undefined ? null : await trustedDocuments(env.TRUSTED_DOCUMENTS);
  const certificate = env.tls === null ? null : await CertificateFiles.open(env.tls, logger);
  onClose(async () => certificate?.close());
  await ensureWritable(env.LINEWARD_DATA_DIR, 'LINEWARD_DATA_DIR');
  const postgres = await openPostgres(databaseOf(env), env.LINEWARD_DATA_DIR);
  onClose(() => postgres.close());
  const migrations = await prepareDatabase(postgres, env.REDIS_URL === undefined ? prepareQueueTables : null);
  if (migrations.length > 0) logger.info({ migrations }, 'database migrated');
  if (postgres.isOwnerAllowed)
    logger.warn(
      'DATABASE_OWNER_ALLOWED: one role owns the tables and works with them, so the service could change its audit log',
    );
  const answerMs = env.API_STATEMENT_TIMEOUT_MS;
  const database = await openDatabase(postgres.url, { view: seen, isAnswering, asker, answerMs });
  onClose(() => database.close());

  const notary = await LocalNotary.open(join(env.LINEWARD_DATA_DIR, 'keys'));
  const { current, others } = await openKeyProviders(env.keyProviders, localKeyFile(env.LINEWARD_DATA_DIR));
  const keyProviders = new KeyProviders(current, others);

  const identityProvider = env.oidc === null ? null : new OidcProvider(env.oidc);
  const listener = new PostgresListener({ url: postgres.url, logger });
  onClose(() => listener.close());
  const operationEvents = new PostgresOperationEvents({ listener });
  onClose(() => operationEvents.close());
  const changeNotices = new PostgresChangeNotices({ listener });
  onClose(() => changeNotices.close());
  const ledgerDir = env.LINEWARD_LEDGER_DIR ?? join(env.LINEWARD_DATA_DIR, 'ledger');
  const checkpointSink = await openCheckpoints(env, ledgerDir, onClose);
  const erasureJournal = new FileErasureJournal(join(ledgerDir, 'erased.ndjson'));
  const shredLedger = new FileShredLedger(join(ledgerDir, 'shredded.ndjson'));
  onClose(() => shredLedger.close());
  const replayed = await replayShreds(database.em, shredLedger);
  if (replayed > 0) logger.info({ entries: replayed }, 'destroyed keys were looked through again');
  const scratch = join(env.LINEWARD_DATA_DIR, 'tmp');
  const engineDir = await openScratchDirectory(scratch, 'engine');
  const engineOptions = {
    memoryLimitMb: env.LAKE_MEMORY_MB,
    threads: 2,
    timeoutMs: env.LAKE_TIMEOUT_MS,
    tempDir: engineDir,
    logger,
  };
  const count = env.LAKE_ENGINES === 0 ? engineCount(engineOptions) : env.LAKE_ENGINES;
  const more = Array.from({ length: count - 1 }, () => new DuckdbEngine(engineOptions));
  const engine = new EnginePool([new DuckdbEngine(engineOptions), ...more]);
  const rowEngine = new DuckdbRowEngine(engineOptions);
  const transformEngine = new DuckdbTransformEngine(engineOptions);
  onClose(async () => {
    await Promise.all([engine.close(), transformEngine.close()]);
    await rm(engineDir, { recursive: true, force: true });
  });
  const store = await openLake(env.lake, scratch, onClose);
  const kafka =
    env.kafka === null
      ? new UnconfiguredGateway()
      : new KafkajsGateway({ ...(await connectionOf(env.kafka)), clientId: 'lineward', logger });
  onClose(() => kafka.close());
  const redisUrl = env.REDIS_URL?.reveal();
  const jobs = new BullmqJobs({
    backend: redisUrl === undefined ? { kind: 'postgres', url: postgres.url } : { kind: 'redis', url: redisUrl },
    logger,
    lockMs: env.LEASE_TTL_MS,
  });
  onClose(() => jobs.close());
  await jobs.ready();
  return {
    ...{
      database,
      notary,
      keyProviders,
      shredLedger,
      erasureJournal,
      checkpointSink,
      identityProvider,
      listener,
      operationEvents,
      changeNotices,
    },
    ...{ engine, rowEngine, transformEngine, store, kafka, jobs, trusted, certificate },
  };
}

/** Opens the lake; a bucket gets a local directory for what is on its way. */
async function openLake(lake: Env['lake'], parent: string, onClose: OnClose): Promise<LakeStore> {
  if (lake.kind === 'LOCAL') {
    await ensureWritable(lake.root, 'LAKE_URL');
    return new LocalLakeStore({ root: lake.root });
  }
  const scratch = await openScratchDirectory(parent, 'lake');
  const store = new S3LakeStore({ ...lake, scratch });
  onClose(async () => {
    store.close();
    await rm(scratch, { recursive: true, force: true });
  });
  return store;
}

async function openCheckpoints(
  { checkpointBucket }: Env,
  ledgerDir: string,
  onClose: OnClose,
): Promise<CheckpointSink> {
  if (checkpointBucket === null) return new CheckpointDirectory(join(ledgerDir, 'audit'));
  const bucket = await CheckpointBucket.open(checkpointBucket);
  onClose(async () => bucket.close());
  return bucket;
}
