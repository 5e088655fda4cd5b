import type { Logger as PinoLogger } from 'pino';
import { buildAccess } from './build-access.ts';
import { buildAudit } from './build-audit.ts';
import { buildChanges } from './build-changes.ts';
import { buildGovernance } from './build-governance.ts';
import { buildLakeReads } from './build-lake-reads.ts';
import { buildLedger } from './build-ledger.ts';
import { buildLineage } from './build-lineage.ts';
import { buildRegistry } from './build-registry.ts';
import { buildTopics } from './build-topics.ts';
import { buildTransform } from './build-transform.ts';
import type { Env } from './config/env.ts';
import { landingConsumer } from './consumers/landing.consumer.ts';
import { protectionConsumer } from './consumers/protection.consumer.ts';
import { StreamRunner } from './consumers/stream-runner.ts';
import type { Parts } from './open-parts.ts';
import { WebhookVault } from './services/changes/webhook-vault.ts';
import { ErasedRecords } from './services/kafka/erased-records.ts';
import { ProduceService } from './services/kafka/produce.service.ts';
import { MessageProtection } from './services/kafka/protect-messages.ts';
import { RecordReader } from './services/kafka/record-reader.ts';
import { RecordWriters } from './services/kafka/record-writers.ts';
import { StreamReadModel } from './services/kafka/stream.read-model.ts';
import { StreamService } from './services/kafka/stream.service.ts';
import { StreamActivity } from './services/kafka/stream-activity.ts';
import { StreamFields } from './services/kafka/stream-fields.ts';
import { StreamLags } from './services/kafka/stream-lag.ts';
import { StreamLineage } from './services/kafka/stream-lineage.ts';
import { StreamProgress } from './services/kafka/stream-progress.ts';
import { StreamSteeringService } from './services/kafka/stream-steering.service.ts';
import { TopicExecutor } from './services/kafka/topic.executor.ts';
import { TopicNames } from './services/kafka/topic-names.ts';
import { topicTransformations } from './services/kafka/topic-transformations.ts';
import { IntakeService } from './services/lake/intake.service.ts';
import { LakeReadModel } from './services/lake/lake.read-model.ts';
import { LakeTableExecutor } from './services/lake/lake-table.executor.ts';
import { LakeTableService } from './services/lake/lake-table.service.ts';
import { LandingService } from './services/lake/landing.service.ts';
import { RetentionService } from './services/lake/retention.service.ts';
import { RetentionSchedule } from './services/lake/retention-schedule.ts';
import { SubjectIndex } from './services/lake/subject-index.ts';
import { TableColumns } from './services/lake/table-columns.ts';
import { TableDiscovery } from './services/lake/table-discovery.ts';
import { TableIndexSchedule } from './services/lake/table-index-schedule.ts';
import { TableIndexer } from './services/lake/table-indexer.ts';
import { TableRegistrar } from './services/lake/table-registrar.ts';
import { TableRegistrationService } from './services/lake/table-registration.service.ts';
import { tableTransformations } from './services/lake/table-transformations.ts';
import { ErasureIntakeService } from './services/operations/erasure-intake.service.ts';
import { LeaseService } from './services/operations/lease.service.ts';
import { OperationReadModel } from './services/operations/operation.read-model.ts';
import { OperationService } from './services/operations/operation.service.ts';
import { OperationCertifier } from './services/operations/operation-certifier.ts';
import { OperationDriver } from './services/operations/operation-driver.ts';
import { OperationPlanner } from './services/operations/operation-planner.ts';
import { OperationRequestService } from './services/operations/operation-request.service.ts';
import { RetainedRecords } from './services/operations/retained-records.ts';
import { TargetRunner } from './services/operations/target-runner.ts';
import { AccountKeyReadModel } from './services/privacy/account-key.read-model.ts';
import { AccountKeyService } from './services/privacy/account-key.service.ts';
import { CryptoService } from './services/privacy/crypto.service.ts';
import { KeyHolders } from './services/privacy/key-holders.ts';
import { KeyLifecycleService } from './services/privacy/key-lifecycle.service.ts';
import { KeyRingExecutor } from './services/privacy/key-ring.executor.ts';
import { KeyVersionDestruction } from './services/privacy/key-version-destruction.ts';
import { KeyVersionUse } from './services/privacy/key-version-use.ts';
import { PlannedFields } from './services/privacy/planned-fields.ts';
import { ProtectionReadModel } from './services/privacy/protection.read-model.ts';
import { ProtectionService } from './services/privacy/protection.service.ts';
import { ProtectionPolicyService } from './services/privacy/protection-policy.service.ts';
import { SemanticTypeReadModel } from './services/privacy/semantic-type.read-model.ts';
import { SemanticTypeService } from './services/privacy/semantic-type.service.ts';
import { TokenKeys } from './services/privacy/token-keys.ts';
import { UnencryptedPlaces } from './services/privacy/unencrypted-places.ts';
import { SearchEntries } from './services/registry/search-entries.ts';

/** Every service of a process, built over its parts. */
export function buildServices(env: Env, logger: PinoLogger, parts: Parts) {
  const { database, notary, keyProviders, shredLedger, checkpointSink, identityProvider, changeNotices } = parts;
  const { engine, store, kafka, jobs } = parts;
  const { em } = database;
  const { kafkaNamespace } = env;
  const semanticTypes = new SemanticTypeReadModel({ em });
  const searchEntries = new SearchEntries({ em });
  const lineageParts = buildLineage({ database, semanticTypes });
  const { lineage, labels, placeLabels } = lineageParts;
  const accessParts = buildAccess(env, logger, { database, identityProvider, notary, carrying: labels });
  const { visibleThings, catalogReaders: readers, access } = accessParts;
  const catalog = buildRegistry({ database, searchEntries, semanticTypes, lineage });
  const { registry, schemaStore, gate, recordSchemas } = catalog;
  const now = () => new Date();
  const governanceParts = buildGovernance(env, logger, {
    ...{ database, access, now },
    retainsChanged: () => topics.topicRetentionSchedule.enqueueNow(),
  });
  const { retains } = governanceParts;

  const webhookVault = new WebhookVault({ em, keyProviders });
  const keys = new AccountKeyService({ em, providers: keyProviders });
  const tokenKeys = new TokenKeys({ keys });
  const accountKeys = new AccountKeyReadModel({ em });
  const holders = new KeyHolders({ tokenKeys });
  const cryptoParts = { em, keys, tokenKeys, semanticTypes, access };
  const privacy = {
    semanticTypes,
    semanticTypeService: new SemanticTypeService({ em, semanticTypes }),
    accountKeys,
    keyLifecycle: new KeyLifecycleService({ em, keys, holders, keyProviders, accountKeys, otherKeys: webhookVault }),
    crypto: new CryptoService({ ...cryptoParts, quotaPerMinute: env.CRYPTO_QUOTA_PER_MINUTE }),
  };
  const plannedFields = new PlannedFields({ schemaStore, semanticTypes });
  const protection = new ProtectionReadModel({ em, registry, semanticTypes, tokenKeys, plannedFields });
  const protectionPolicyService = new ProtectionPolicyService({ em, semanticTypes });
  const protectionService = new ProtectionService({ keys, tokenKeys });

  const index = new SubjectIndex({ em, store, engine, notary, logger });
  const lakeTables = new LakeTableService({ store });
  const lake = new LakeReadModel({ em });
  const retention = new RetentionService({ em });
  const tableRegistration = new TableRegistrationService({ em, store, scheduler: jobs, logger });
  const registrar = new TableRegistrar({ em, store, engine, registry });
  const tableIndexer = new TableIndexer({ em, store, index, restMs: 2_000, stepMs: 30_000 });
  const tableIndexSchedule = new TableIndexSchedule({
    em,
    scheduler: jobs,
    logger,
    intervalMs: env.LAKE_INDEX_MINUTES * 60_000,
  });
  const tableDiscovery = new TableDiscovery({ em, store, engine, registry });
  const landing = new LandingService({ em, store, engine, index, columns: new TableColumns({ em, registry }) });
  const streams = new StreamReadModel({ em });
  const names = new TopicNames({ em });
  const streamService = new StreamService({
    em,
    kafka,
    names,
    kafkaNamespace,
    registry,
    lakeTables,
    lakeNamespace: store.namespace,
  });
  const intake = new IntakeService({ streams, gate, policies: protection, protection: protectionService, landing });
  const records = new RecordReader({ gate });
  const messageProtection = new MessageProtection({ policies: protection, protection: protectionService, gate });
  const recordWriters = new RecordWriters({ gate, recordSchemas, registry });
  const produce = new ProduceService({
    kafka,
    kafkaNamespace,
    registry,
    recordWriters,
    messageProtection,
    records,
    names,
  });
  const streamActivity = new StreamActivity({ em });
  const streamLags = new StreamLags({ em, kafka });
  const streamLineage = new StreamLineage({
    em,
    activity: streamActivity,
    fields: new StreamFields({ registry, policies: protection }),
    ingest: lineageParts.lineageIngest,
    logger,
  });
  const streamSteering = new StreamSteeringService({ em, kafka, activity: streamActivity });
  const erased = new ErasedRecords({ kafka, streams });
  const streamRunner = new StreamRunner({
    kafka,
    streams,
    activity: streamActivity,
    logger,
    starters: {
      PROTECTION: protectionConsumer({ protection: messageProtection, erased }),
      LANDING: landingConsumer({
        ...{ landing, erased, records, logger, flushMs: env.LANDING_FLUSH_MS },
      }),
    },
  });

  const keyVersionUse = new KeyVersionUse({ em, registry, notary });
  const topicParts = { database, kafka, jobs, records, semanticTypes, retains, names, visibleThings, placeLabels };
  const topics = buildTopics(env, logger, topicParts);
  const recordExecutors = [
    new TopicExecutor({
      em,
      kafka,
      streams,
      progress: new StreamProgress({ kafka, streams, activity: streamActivity }),
      records,
      quietMs: 5_000,
      transformations: topicTransformations({
        policies: protection,
        protection: messageProtection,
        records,
        keys,
        digest: (mark) => notary.digest(mark),
      }),
    }),
    new LakeTableExecutor({
      em,
      store,
      engine,
      index,
      notary,
      retention,
      now,
      transformations: tableTransformations({ policies: protection, protection: protectionService, keys }),
    }),
  ];
  const executors = [
    ...recordExecutors,
    new KeyRingExecutor({
      em,
      keys,
      holders,
      ledger: shredLedger,
      places: new UnencryptedPlaces({ registry, protection }),
      use: keyVersionUse,
      retained: new RetainedRecords({ registry, retains, executors: recordExecutors }),
    }),
  ];
  const driver = new OperationDriver({ em, scheduler: jobs, logger });
  const operations = new OperationReadModel({ em, notary });
  const shred = { approvals: env.SHRED_APPROVALS, coolOffMs: env.SHRED_COOL_OFF_MINUTES * 60_000 };
  const operationRequests = new OperationRequestService({ em, driver, notary, shred });
  const keyVersionDestruction = new KeyVersionDestruction({ em, holders, keyVersionUse, requests: operationRequests });
  const erasureIntake = new ErasureIntakeService({ em, driver, notary });
  const operationService = new OperationService({
    ...{ em, access, driver, placeLabels, shred },
    approvalByAnother: env.APPROVAL_BY_ANOTHER,
    erasureWindowMs: env.ERASURE_WINDOW_MINUTES * 60_000,
  });
  const lakeRetentionSchedule = new RetentionSchedule({
    em,
    requests: operationRequests,
    operations: operationService,
    logger,
    now,
  });
  const planner = new OperationPlanner({
    ...{ em, registry, retains, executors, notary, placeLabels },
    approval: { approvalDays: env.APPROVAL_EXPIRY_DAYS, shredApprovals: env.SHRED_APPROVALS },
    derivedData: lineageParts.derivedData,
  });
  const leases = new LeaseService({ em, logger, ttlMs: env.LEASE_TTL_MS });
  const runner = new TargetRunner({ em, leases, driver, retains, executors, logger });
  const certifier = new OperationCertifier({ em, retains, notary, journal: parts.erasureJournal });
  const transform = buildTransform(logger, {
    ...parts,
    ...{ registry, records, index, leases },
    ...{ access, labels, readers },
    kafkaNamespace: kafkaNamespace ?? '',
    policies: protection,
    protection: protectionService,
    ingest: lineageParts.lineageIngest,
  });
  return {
    searchEntries,
    ...catalog,
    ...lineageParts,
    ...accessParts,
    ...buildAudit(env, logger, { database, notary, checkpointSink }),
    ...buildChanges(env, logger, { database, changeNotices, vault: webhookVault, readers }),
    ...governanceParts,
    ...buildLedger(env, logger, parts, {
      registry,
      records,
      operations: operationService,
      requests: operationRequests,
    }),
    ...{ protection, protectionPolicyService, protectionService, keys },
    ...privacy,
    ...{ keyVersionDestruction, streams, streamService },
    ...topics,
    ...{ streamSteering, streamActivity, streamLags, streamLineage },
    produce,
    ...{ intake, lake, tableRegistration },
    retention,
    lakeRetentionSchedule,
    ...{ registrar, tableDiscovery, tableIndexer, tableIndexSchedule },
    ...transform,
    ...buildLakeReads(parts, { registry, crypto: privacy.crypto, access, labels }),
    streamRunner,
    driver,
    operations,
    operationRequests,
    erasureIntake,
    operationService,
    planner,
    runner,
    certifier,
  };
}

export type Services = ReturnType<typeof buildServices>;
