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

export type TruncatedReason = 'MAX_DEPTH' | 'MAX_NODES' | 'MAX_PATHS' | 'RESTRICTED';

/** Whether a walk reached all. `complete` false names why. */
export interface WalkEnd {
  readonly asOf: Date;
  readonly complete: boolean;
  readonly truncatedReason: TruncatedReason | null;
}

/** The end of a walk of which so many nodes are kept from who asked. */
export function endOf(truncated: TruncatedReason | null, restricted: number): Omit<WalkEnd, 'asOf'> {
  const truncatedReason = truncated ?? (restricted > 0 ? 'RESTRICTED' : null);
  return { truncatedReason, complete: truncatedReason === null };
}

/** A field of a dataset, as events and people speak of it. */
export interface DatasetField {
  readonly id: string;
  /** Its node in the graph of columns. */
  readonly number: number;
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
  readonly source: number;
  readonly target: number;
  /** Null where an event about the dataset alone says it, and between names of the same data. */
  readonly job: PlaceName | null;
  readonly kind: TransformationKind;
  readonly subtype: string;
  readonly masking: boolean;
  readonly validFrom: Date | null;
  readonly validTo: Date | null;
}

/** A step with what is known of the fields at its ends. */
export type PlacedStep = Omit<ColumnStep, 'source' | 'target'> & {
  readonly source: DatasetField | null;
  readonly target: DatasetField | null;
};
