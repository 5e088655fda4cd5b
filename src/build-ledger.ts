import type { Env } from './config/env.ts';
import type { Logger } from './domain/logger.ts';
import type { Parts } from './open-parts.ts';
import type { RecordReader } from './services/kafka/record-reader.ts';
import { TopicSubjects } from './services/kafka/topic-subjects.ts';
import { TableSubjects } from './services/lake/table-subjects.ts';
import { ErasureLedger } from './services/operations/erasure-ledger.ts';
import { LedgerReplay } from './services/operations/ledger-replay.ts';
import type { OperationService } from './services/operations/operation.service.ts';
import type { OperationRequestService } from './services/operations/operation-request.service.ts';
import type { RegistryReadModel } from './services/registry/registry.read-model.ts';

const dayMs = 86_400_000;

/** What remembers erasures: those that wait, and those that are done. */
export function buildLedger(
  env: Env,
  logger: Logger,
  { database: { em }, notary, erasureJournal, engine, store, kafka, jobs }: Parts,
  over: {
    readonly registry: RegistryReadModel;
    readonly records: RecordReader;
    readonly operations: OperationService;
    readonly requests: OperationRequestService;
  },
) {
  const { registry, records, operations, requests } = over;
  return {
    erasureLedger: new ErasureLedger({
      ...{ em, operations, scheduler: jobs, logger },
      graceMs: env.HOLD_RELEASE_GRACE_DAYS * dayMs,
      now: () => new Date(),
    }),
    ledgerReplay: new LedgerReplay({
      ...{ em, registry, notary, requests },
      journal: erasureJournal,
      scanners: [new TableSubjects({ em, store, engine }), new TopicSubjects({ kafka, records })],
    }),
  };
}
