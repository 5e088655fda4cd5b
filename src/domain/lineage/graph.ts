export const lineageDirections = ['UPSTREAM', 'DOWNSTREAM', 'BOTH'] as const;
export type LineageDirection = (typeof lineageDirections)[number];

/** A step of data from one dataset to another by a job. */
export interface LineageStep {
  readonly id: string;
  readonly sourceDatasetId: string;
  readonly targetDatasetId: string;
  readonly job: string;
}

/** What a walk reached. `complete` false names why: more lies behind `frontier`. */
export interface LineageWalk {
  readonly nodes: readonly { readonly datasetId: string; readonly depth: number }[];
  readonly steps: readonly LineageStep[];
  readonly asOf: Date;
  readonly complete: boolean;
  readonly truncatedReason: 'MAX_DEPTH' | 'MAX_NODES' | null;
  readonly frontier: readonly string[];
}
