import type { AuditFault } from './chain-verifier.ts';
import type { SealedEvent } from './sealed-event.ts';

/** The place of an event in the hash chain. */
export interface AuditSeal extends Omit<SealedEvent, 'record'> {
  readonly eventId: string;
  readonly sealedAt: Date;
}

/** What a verification found. */
export interface AuditVerification {
  /** The first that is wrong; null when all that was looked at is as it was written. */
  readonly fault: AuditFault | null;
  /** Links that were followed and are right. */
  readonly links: number;
  /** The last of them. */
  readonly verifiedTo: number;
  /** The last link there is. */
  readonly head: number;
  /** Checkpoints that fit, in the database. */
  readonly checkpoints: number;
  readonly lastCheckpointAt: Date | null;
  /** Events that are written and not sealed yet. */
  readonly pending: number;
  /** The key that checkpoints are signed with. */
  readonly publicKey: string;
}
