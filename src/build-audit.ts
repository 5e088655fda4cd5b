import type { Env } from './config/env.ts';
import type { Logger } from './domain/logger.ts';
import type { Parts } from './open-parts.ts';
import { AuditReadModel } from './services/audit/audit.read-model.ts';
import { AuditCheckpoints } from './services/audit/audit-checkpoints.ts';
import { AuditExport } from './services/audit/audit-export.ts';
import { AuditSealer } from './services/audit/audit-sealer.ts';
import { AuditVerifier } from './services/audit/audit-verification.ts';
import { EvidenceService } from './services/governance/evidence.service.ts';
import { ReportService } from './services/governance/report.service.ts';

/** The audit log, the chain that seals it, and what proves and gives it out. */
export function buildAudit(
  env: Env,
  logger: Logger,
  { database: { em }, notary, checkpointSink: sink }: Pick<Parts, 'database' | 'notary' | 'checkpointSink'>,
) {
  const auditExport = new AuditExport({ em });
  const reportService = new ReportService({ em, notary });
  return {
    audit: new AuditReadModel({ em }),
    auditSealer: new AuditSealer({ em }),
    auditCheckpoints: new AuditCheckpoints({
      ...{ em, notary, sink, logger },
      intervalMs: env.AUDIT_CHECKPOINT_MINUTES * 60_000,
    }),
    auditVerifier: new AuditVerifier({ em, notary, sink }),
    auditExport,
    reportService,
    evidenceService: new EvidenceService({ auditExport, reportService, notary }),
  };
}
