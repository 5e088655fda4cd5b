import type { Database } from './adapters/postgres/orm.ts';
import { ValueHistoryReadModel } from './services/changes/value-history.read-model.ts';
import { CatalogImportService } from './services/lineage/catalog-import.service.ts';
import { ColumnLineageReadModel } from './services/lineage/column-lineage.read-model.ts';
import { DatasetDescriptionReadModel } from './services/lineage/dataset-description.read-model.ts';
import { DatasetDescriptionService } from './services/lineage/dataset-description.service.ts';
import { DatasetFieldReadModel } from './services/lineage/dataset-field.read-model.ts';
import { DerivedDataReadModel } from './services/lineage/derived-data.ts';
import { EventLogReadModel } from './services/lineage/event-log.read-model.ts';
import { FieldLabelService } from './services/lineage/field-label.service.ts';
import { ImpactReadModel } from './services/lineage/impact.read-model.ts';
import { LabelReadModel } from './services/lineage/label.read-model.ts';
import { LineageReadModel } from './services/lineage/lineage.read-model.ts';
import { LineageCatalogReadModel } from './services/lineage/lineage-catalog.read-model.ts';
import { LineageGraphs } from './services/lineage/lineage-graphs.ts';
import { LineageIngestService } from './services/lineage/lineage-ingest.service.ts';
import { LineagePathsReadModel } from './services/lineage/lineage-paths.read-model.ts';
import { NodeGraphReadModel } from './services/lineage/node-graph.read-model.ts';
import { PlaceLabels } from './services/lineage/place-labels.ts';
import { VocabularyReadModel } from './services/lineage/vocabulary.read-model.ts';
import { VocabularyService } from './services/lineage/vocabulary.service.ts';
import type { SemanticTypeReadModel } from './services/privacy/semantic-type.read-model.ts';

/** What takes events of lineage and answers about the graph; all answers are of one copy of it. */
export function buildLineage({
  database: { em },
  semanticTypes,
}: {
  readonly database: Database;
  readonly semanticTypes: SemanticTypeReadModel;
}) {
  const graphs = new LineageGraphs({ em });
  const lineage = new LineageReadModel({ em, graphs });
  const datasetFields = new DatasetFieldReadModel({ em });
  const lineageIngest = new LineageIngestService({ em });
  const labels = new LabelReadModel({ em, graphs, datasetFields, semanticTypes });
  return {
    lineage,
    datasetFields,
    datasetDescriptions: new DatasetDescriptionReadModel({ em }),
    vocabulary: new VocabularyReadModel({ em }),
    vocabularyService: new VocabularyService({ em }),
    datasetDescriptionService: new DatasetDescriptionService({ em }),
    derivedData: new DerivedDataReadModel({ em, graphs, datasetFields }),
    columns: new ColumnLineageReadModel({ em, graphs, datasetFields }),
    labels,
    placeLabels: new PlaceLabels({ em, graphs }),
    lineagePaths: new LineagePathsReadModel({ em, graphs, lineage, datasetFields }),
    impact: new ImpactReadModel({ em, graphs, lineage, labels, datasetFields }),
    fieldLabelService: new FieldLabelService({ em, datasetFields, semanticTypes }),
    lineageIngest,
    catalogImport: new CatalogImportService({ em, lineageIngest }),
    lineageEvents: new EventLogReadModel({ em }),
    lineageCatalog: new LineageCatalogReadModel({ em }),
    valueHistory: new ValueHistoryReadModel({ em }),
    lineageGraph: new NodeGraphReadModel({ em, graphs, datasetFields }),
  };
}
