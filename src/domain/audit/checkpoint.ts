import type { SignedStatement } from '../signed-statement.ts';

/** What the log was at a moment. */
export interface CheckpointBody {
  readonly type: 'lineward.audit.checkpoint';
  readonly version: 1;
  /** From 1 without gaps. */
  readonly number: number;
  /** The last link that was there, and its hash. */
  readonly seq: number;
  readonly hash: string;
  /** Root of the tree over the hashes of the links since the checkpoint before, see `MerkleRoot`. */
  readonly root: string;
  /** SHA-256, hex, of the canonical JSON of the body before; null for the first. */
  readonly previous: string | null;
  readonly at: string;
}

/** A checkpoint as it is kept, published and exported. */
export type Checkpoint = SignedStatement<CheckpointBody>;
