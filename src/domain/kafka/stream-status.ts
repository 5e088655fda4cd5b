/** How a stream is: what it should do, and whether it does. */
export type StreamState = 'RUNNING' | 'PAUSED' | 'FAILED';

/** What the processes that run a stream tell of it, in sum. */
export interface StreamStatus {
  readonly id: string;
  readonly state: StreamState;
  /** Why it fails. */
  readonly reason: string | null;
  readonly since: Date;
  readonly processes: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly passed: number;
  readonly setAside: number;
}

export interface PartitionLag {
  readonly partition: number;
  /** Next offset that the stream reads. Decimal text, as `end` is. */
  readonly position: string;
  readonly end: string;
  readonly records: number;
}

/** How far a stream is behind its source topic. */
export interface StreamLag {
  readonly records: number;
  readonly partitions: readonly PartitionLag[];
}
