import type { Parts } from './open-parts.ts';
import type { LineageReadModel } from './services/lineage/lineage.read-model.ts';
import type { SemanticTypeReadModel } from './services/privacy/semantic-type.read-model.ts';
import { AffectedDatasetsReadModel } from './services/registry/affected-datasets.ts';
import { AssociationService } from './services/registry/association.service.ts';
import { CatalogSearchReadModel } from './services/registry/catalog-search.read-model.ts';
import { CompatibilityService } from './services/registry/compatibility.service.ts';
import { CompatibilityCheck } from './services/registry/compatibility-check.ts';
import { DeprecationService } from './services/registry/deprecation.service.ts';
import { EntityDescriptionService } from './services/registry/entity-description.service.ts';
import { EntityVersionReadModel } from './services/registry/entity-version.read-model.ts';
import { MappingService } from './services/registry/mapping.service.ts';
import { MessageGate } from './services/registry/message-gate.ts';
import { RecordSchemas } from './services/registry/record-schemas.ts';
import { RegistryReadModel } from './services/registry/registry.read-model.ts';
import { RegistryService } from './services/registry/registry.service.ts';
import { RegistrySettingsService } from './services/registry/registry-settings.service.ts';
import { RegistryTransferService } from './services/registry/registry-transfer.service.ts';
import { SchemaStore } from './services/registry/schema-store.ts';
import type { SearchEntries } from './services/registry/search-entries.ts';
import { SemanticTypeAcceptance } from './services/registry/semantic-type-acceptance.ts';
import { SubjectReadModel } from './services/registry/subject.read-model.ts';
import { SubjectService } from './services/registry/subject.service.ts';
import { SubjectDeletionService } from './services/registry/subject-deletion.service.ts';

/** Services of the schema registry, and of the catalog over the same store. */
export function buildRegistry({
  database: { em },
  searchEntries,
  semanticTypes,
  lineage,
}: Pick<Parts, 'database'> & {
  readonly searchEntries: SearchEntries;
  readonly semanticTypes: SemanticTypeReadModel;
  readonly lineage: LineageReadModel;
}) {
  const registry = new RegistryReadModel({ em, searchEntries });
  const schemaStore = new SchemaStore({ em });
  const gate = new MessageGate({ registry, schemaStore });
  const compatibility = new CompatibilityService({ em, schemaStore });
  const subjects = new SubjectReadModel({ em });
  const subjectService = new SubjectService({ em, schemaStore, compatibility, semanticTypes });
  const registryService = new RegistryService({ em, subjectService, semanticTypes });
  const subjectDeletionService = new SubjectDeletionService({ em });
  const mappingService = new MappingService({ em });
  const associations = new AssociationService({ em });
  const registrySettingsService = new RegistrySettingsService({ em });
  const registryTransfer = new RegistryTransferService({
    em,
    subjects,
    subjectService,
    subjectDeletionService,
    registrySettingsService,
  });
  return {
    registry,
    schemaStore,
    gate,
    compatibility,
    subjects,
    subjectService,
    registryService,
    subjectDeletionService,
    mappingService,
    associations,
    registrySettingsService,
    registryTransfer,
    recordSchemas: new RecordSchemas({ registry, subjects, subjectService, compatibility, semanticTypes }),
    entityVersions: new EntityVersionReadModel({ em }),
    affectedDatasets: new AffectedDatasetsReadModel({ registry, lineage }),
    catalogSearch: new CatalogSearchReadModel({ em, searchEntries }),
    compatibilityCheck: new CompatibilityCheck({
      em,
      compatibility,
      subjects,
      subjectService,
      schemaStore,
      semanticTypes,
    }),
    entityDescriptionService: new EntityDescriptionService({ em }),
    deprecationService: new DeprecationService({ em }),
    semanticTypeAcceptance: new SemanticTypeAcceptance({ em, registry, subjects, subjectService, semanticTypes }),
  };
}
