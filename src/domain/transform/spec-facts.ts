import type { LakeColumn } from '../lake/lake-column.ts';
import type { PlaceName } from '../lineage/event-value.ts';

/** A topic, a table or files as the catalog knows them. */
export interface SourceFacts {
  readonly kind: 'TOPIC' | 'TABLE' | 'FILES';
  /** Null for files: only what is mapped is a dataset. */
  readonly datasetId: string | null;
  /** As lineage names it; of a topic the name that it has now. */
  readonly place: PlaceName;
  readonly entityId: string;
  /** Empty for a lookup that is about nobody. */
  readonly accountField: string;
  readonly subjectFields: readonly string[];
  /** Fields that stand as JSON text in files. */
  readonly jsonTexts: readonly string[];
  /** Its rows go from file to file by themselves, so that nobody can tell which were read. */
  readonly movesRows: boolean;
  readonly fields: readonly {
    readonly name: string;
    readonly column: LakeColumn['type'];
    readonly isNested: boolean;
  }[];
}

export interface ResourceFacts {
  readonly entityId: string;
  readonly fullName: string;
  readonly columns: readonly LakeColumn[];
}

/** What the catalog knows of what a document names; null for what there is not. */
export interface SpecFacts {
  readonly sources: readonly (SourceFacts | null)[];
  /** In the order of {@link lookupsIn}. */
  readonly lookups: readonly (SourceFacts | null)[];
  readonly resource: ResourceFacts | null;
}
