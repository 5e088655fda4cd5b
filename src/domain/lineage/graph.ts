import type { TransformationKind } from './column-facet.ts';
import type { PlaceName } from './event-value.ts';

export const lineageDirections = ['UPSTREAM', 'DOWNSTREAM', 'BOTH'] as const;
export type LineageDirection = (typeof lineageDirections)[number];

/** A step of data from one dataset to another by a job. */
export interface LineageStep {
  readonly id: string;
  readonly sourceDatasetId: string;
  readonly targetDatasetId: string;
  readonly job: string;
  readonly jobNamespace: string;
}

/** What a walk reached. `complete` false names why: more lies behind `frontier`. */
export interface WalkEnd {
  readonly asOf: Date;
  readonly complete: boolean;
  readonly truncatedReason: 'MAX_DEPTH' | 'MAX_NODES' | null;
  readonly frontier: readonly string[];
}

export interface LineageWalk extends WalkEnd {
  readonly nodes: readonly { readonly datasetId: string; readonly depth: number }[];
  readonly steps: readonly LineageStep[];
  readonly jobs: readonly PlaceName[];
}

/** A field of a dataset, as events and people speak of it. */
export interface DatasetField {
  readonly id: string;
  readonly datasetId: string;
  /** Empty for the dataset as a whole. */
  readonly path: string;
  readonly type: string | null;
  readonly isInSchema: boolean;
  /** What people said of it; labels that come to it along lineage are not here. */
  readonly semanticType: string | null;
  readonly classifications: readonly string[];
  /** What is not known of it; null when all is. */
  readonly gap: 'DATASET_UNKNOWN' | 'SCHEMA_UNKNOWN' | 'FIELD_UNKNOWN' | null;
  readonly isDropped: boolean;
}

/** A step of a column into another. */
export interface ColumnStep {
  readonly sourceFieldId: string;
  readonly targetFieldId: string;
  /** Null where an event about the dataset alone says it, and between names of the same data. */
  readonly job: PlaceName | null;
  readonly kind: TransformationKind;
  readonly subtype: string;
  readonly masking: boolean;
  readonly validFrom: Date | null;
  readonly validTo: Date | null;
  /** Whether it was in force at the moment that is asked about. */
  readonly isInForce: boolean;
}
