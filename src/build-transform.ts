import type { Logger } from './domain/logger.ts';
import type { Parts } from './open-parts.ts';
import type { AccessGuard } from './services/access/access-guard.ts';
import type { CatalogReaders } from './services/access/catalog-readers.ts';
import type { RecordReader } from './services/kafka/record-reader.ts';
import type { SubjectIndex } from './services/lake/subject-index.ts';
import type { LabelReadModel } from './services/lineage/label.read-model.ts';
import type { LineageIngestService } from './services/lineage/lineage-ingest.service.ts';
import type { LeaseService } from './services/operations/lease.service.ts';
import type { ProtectionReadModel } from './services/privacy/protection.read-model.ts';
import type { ProtectionService } from './services/privacy/protection.service.ts';
import type { RegistryReadModel } from './services/registry/registry.read-model.ts';
import { InputLabels } from './services/transform/input-labels.ts';
import { PreviewMasks } from './services/transform/preview-mask.ts';
import { RunLineage } from './services/transform/run-lineage.ts';
import { SourceRights } from './services/transform/source-rights.ts';
import { TransformRunService } from './services/transform/transform-run.service.ts';
import { TransformRunner } from './services/transform/transform-runner.ts';
import { TransformerReadModel } from './services/transform/transformer.read-model.ts';
import { TransformerService } from './services/transform/transformer.service.ts';
import { TransformerFacts } from './services/transform/transformer-facts.ts';
import { TransformerPreviewer } from './services/transform/transformer-preview.ts';

export interface TransformParts
  extends Pick<Parts, 'database' | 'store' | 'transformEngine' | 'kafka' | 'jobs' | 'notary'> {
  readonly registry: RegistryReadModel;
  readonly records: RecordReader;
  readonly policies: ProtectionReadModel;
  readonly protection: ProtectionService;
  readonly index: SubjectIndex;
  readonly leases: LeaseService;
  readonly ingest: LineageIngestService;
  readonly access: AccessGuard;
  readonly labels: LabelReadModel;
  readonly readers: CatalogReaders;
  readonly kafkaNamespace: string;
}

/** What makes tables of topics as documents say. */
export function buildTransform(logger: Logger, parts: TransformParts) {
  const { database, transformEngine: engine, jobs: scheduler, ingest, ...rest } = parts;
  const { em } = database;
  const facts = new TransformerFacts({ ...rest, em });
  const inputLabels = new InputLabels({ ...rest, em });
  const rights = new SourceRights({ ...rest, em, facts, inputLabels });
  const runLineage = new RunLineage({ em, ingest, logger });
  return {
    transformers: new TransformerReadModel({ em }),
    transformerService: new TransformerService({ em, rights, store: rest.store }),
    transformerPreviewer: new TransformerPreviewer({
      ...rest,
      em,
      engine,
      rights,
      masks: new PreviewMasks({ ...rest, inputLabels }),
    }),
    transformRuns: new TransformRunService({ em, scheduler, logger, rights }),
    transformRunner: new TransformRunner({ ...rest, em, engine, facts, rights, lineage: runLineage, logger }),
    runLineage,
  };
}
