import type { EntityManager } from '@mikro-orm/postgresql';
import { BullmqJobs } from '../../src/adapters/bullmq/bullmq-jobs.ts';
import { LocalNotary } from '../../src/adapters/keys/local/local-notary.ts';
import { jobProcessors } from '../../src/jobs/registry.ts';
import { AuditReadModel } from '../../src/services/audit/audit.read-model.ts';
import { GovernanceService } from '../../src/services/governance/governance.service.ts';
import { RetainReader } from '../../src/services/governance/retains.ts';
import { DatasetFieldReadModel } from '../../src/services/lineage/dataset-field.read-model.ts';
import { DerivedDataReadModel } from '../../src/services/lineage/derived-data.ts';
import { LineageGraphs } from '../../src/services/lineage/lineage-graphs.ts';
import { PlaceLabels } from '../../src/services/lineage/place-labels.ts';
import { LeaseService } from '../../src/services/operations/lease.service.ts';
import { OperationReadModel } from '../../src/services/operations/operation.read-model.ts';
import { OperationService } from '../../src/services/operations/operation.service.ts';
import { OperationCertifier } from '../../src/services/operations/operation-certifier.ts';
import { OperationDriver } from '../../src/services/operations/operation-driver.ts';
import { OperationPlanner } from '../../src/services/operations/operation-planner.ts';
import { OperationRequestService } from '../../src/services/operations/operation-request.service.ts';
import type { Notary, TargetExecutor } from '../../src/services/operations/ports.ts';
import { Sweeper } from '../../src/services/operations/sweeper.ts';
import { TargetRunner } from '../../src/services/operations/target-runner.ts';
import { RegistryReadModel } from '../../src/services/registry/registry.read-model.ts';
import { SearchEntries } from '../../src/services/registry/search-entries.ts';
import { byRoles } from './access.ts';
import { quietLogger } from './actor.ts';

export interface OperationPartsOptions {
  readonly em: EntityManager;
  readonly url: string;
  /** Where the notary keeps its keys. */
  readonly keyDir: string;
  readonly executors: readonly TargetExecutor[];
  readonly notary?: (notary: Notary) => Notary;
  readonly leaseMs?: number;
}

export type OperationParts = Awaited<ReturnType<typeof operationParts>>;

/** The operations core as the app builds it, over BullMQ on PostgreSQL and the given executors. Nothing runs yet. */
export async function operationParts(options: OperationPartsOptions) {
  const { em, url, executors, leaseMs = 1_000 } = options;
  const logger = quietLogger;
  const local = await LocalNotary.open(options.keyDir);
  const notary = options.notary?.(local) ?? local;
  const jobs = new BullmqJobs({ backend: { kind: 'postgres', url }, logger, lockMs: 1_000, drainMs: 100 });
  await jobs.ready();
  const retains = new RetainReader({ em, now: () => new Date() });
  const driver = new OperationDriver({ em, scheduler: jobs, logger });
  const registry = new RegistryReadModel({ em, searchEntries: new SearchEntries({ em }) });
  const graphs = new LineageGraphs({ em });
  const placeLabels = new PlaceLabels({ em, graphs });
  const derivedData = new DerivedDataReadModel({
    em,
    graphs,
    datasetFields: new DatasetFieldReadModel({ em }),
  });
  const leases = new LeaseService({ em, logger, ttlMs: leaseMs });
  const planner = new OperationPlanner({
    em,
    registry,
    derivedData,
    placeLabels,
    retains,
    executors,
    notary,
    approval: { approvalDays: 30, shredApprovals: 1 },
  });
  const runner = new TargetRunner({ em, leases, driver, retains, executors, logger });
  const certifier = new OperationCertifier({ em, retains, notary, journal: { append: async () => undefined } });
  const sweeper = new Sweeper({ sweep: () => driver.sweep(), complaint: 'not swept', logger, intervalMs: 100 });
  return {
    em,
    jobs,
    notary,
    registry,
    placeLabels,
    retains,
    leases,
    runner,
    planner,
    certifier,
    driver,
    governance: new GovernanceService({ em }),
    requests: new OperationRequestService({ em, driver, notary, shred: { approvals: 1 } }),
    service: new OperationService({
      access: byRoles,
      em,
      driver,
      placeLabels,
      shred: { approvals: 1, coolOffMs: 0 },
      approvalByAnother: false,
      erasureWindowMs: 0,
    }),
    read: new OperationReadModel({ em, notary }),
    audit: new AuditReadModel({ em }),
    /** Starts workers and sweeper. */
    async start(): Promise<void> {
      // Nothing is enqueued for topics and tables here.
      const none = undefined as never;
      const topics = { retentionReconciler: none, topicDiscovery: none };
      const tables = { registrar: none, tableIndexer: none, ledgerReplay: none, transformRunner: none };
      const processors = Object.values(jobProcessors({ planner, runner, certifier, ...topics, ...tables }));
      await jobs.work(
        processors.filter(({ queue }) => !['tables', 'indexes', 'ledger', 'transforms'].includes(queue)),
        { operations: 4, targets: 4 },
      );
      sweeper.start();
    },
    async stop(): Promise<void> {
      await sweeper.stop();
      await jobs.close();
    },
  };
}
