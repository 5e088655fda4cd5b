/** What has a history of values, by the name of its type in GraphQL, and the parts that are kept of it. */
export const historyParts = {
  Entity: ['documentation', 'owners', 'tags', 'aliases', 'deprecation'],
  EntityVersion: ['deprecation'],
  DatasetField: ['label'],
  GlossaryTerm: ['description', 'owners', 'parent'],
  Domain: ['description', 'owners', 'parent'],
} as const;
export type HistoryType = keyof typeof historyParts;

/** A change of one part of something by somebody. Values are JSON texts; null is nothing. */
export interface ValueChange {
  readonly id: number;
  readonly part: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly actorId: string;
  readonly at: Date;
}

/** What a part was at some moment, as a JSON text; null for nothing. */
export interface PartValue {
  readonly part: string;
  readonly value: string | null;
}
