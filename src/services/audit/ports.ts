import type { Checkpoint } from '../../domain/audit/checkpoint.ts';

/** Where checkpoints are kept that who administers the database must not be able to write. */
export interface CheckpointSink {
  /**
   * Keeps a checkpoint for good; the same one again changes nothing.
   * @throws LinewardError AUDIT_CHECKPOINT_REFUSED when another one of this number is there.
   */
  publish(checkpoint: Checkpoint): Promise<void>;
  /** All that are kept, by number. */
  checkpoints(): Promise<readonly Checkpoint[]>;
}
