import type { Selection, SubjectSelector } from '../../domain/governance/selection.ts';
import type { TargetProgress } from '../../domain/operations/progress.ts';
import type { OperationKind } from '../../domain/operations/status.ts';
import type {
  OperationWork,
  TargetEstimate,
  TargetPlace,
  TargetReceipt,
  TargetRole,
  TargetVerification,
} from '../../domain/operations/target.ts';

/** Proof of the right to write: a row in `lease` that this worker holds. */
export interface LeaseGuard {
  readonly resource: string;
  /** Grows with each new holder; writers store it so that a late writer is recognised. */
  readonly fencingToken: number;
  /** Throws LEASE_LOST unless this worker still holds the lease, CANCELLED once the operation is. Call before each irreversible step. */
  assertHeld(): Promise<void>;
}

/** Another operation of the same kind that is due in the same place, and whose records may go in the same pass. */
export interface Companion {
  readonly targetId: string;
  /** As that of an {@link ExecutionContext}; nobody once it is cancelled. */
  selectionNow(): Promise<Selection>;
}

export interface ExecutionContext {
  readonly operationId: string;
  readonly work: OperationWork;
  /** What was approved for this place. */
  readonly planned: TargetEstimate;
  readonly place: TargetPlace;
  readonly lease: LeaseGuard;
  /** Aborted when the worker stops; stop at the next safe boundary and throw CANCELLED. */
  readonly signal: AbortSignal;
  /** Reads holds and minimums again and answers what may still be acted on. Call right before each irreversible step. */
  selectionNow(): Promise<Selection>;
  /** What was asked for, whatever is held now: a hold placed half way does not make what went before it a loss. */
  requested(): Promise<Selection>;
  /** Throws URGENT_FIRST while an urgent operation waits for this place. Call where the work can be left and taken up again. */
  giveWay?(): Promise<void>;
  /** Who may come along; absent where nobody can. */
  companions?(): Promise<readonly Companion[]>;
  report(progress: TargetProgress): Promise<void>;
}

/**
 * How one kind of place is planned, changed and checked. Every verb may be called again after a crash at any point:
 * `execute` finds what is done by comparing the world with its own records, and answers the receipt of the whole.
 */
export interface TargetExecutor {
  readonly role: TargetRole;
  /** What it can do there. */
  readonly kinds: readonly OperationKind[];
  plan(place: TargetPlace, selection: Selection, work: OperationWork): Promise<TargetEstimate>;
  execute(context: ExecutionContext): Promise<TargetReceipt>;
  /**
   * The receipt of what `execute` had done when it was cancelled or failed for good; changes nothing in the place. Null or
   * absent where nothing is on record.
   */
  receiptSoFar?(context: ExecutionContext): Promise<TargetReceipt | null>;
  /** Reads back by other code than `execute` uses. */
  verify(context: ExecutionContext): Promise<TargetVerification>;
}

/** The keys of this installation that outlive a process: for signatures and for digests of subjects. */
export interface Notary {
  /** Of the key that signs: SPKI DER in base64. */
  readonly publicKey: string;
  /** Ed25519 over the UTF-8 bytes of `text`; both answers in base64, the key as SPKI DER. */
  sign(text: string): { readonly signature: string; readonly publicKey: string };
  /** HMAC-SHA-256 in hex: the same value gives the same digest, and nobody without the key can guess values. */
  digest(value: unknown): string;
}

/** Who was erased, by keyed digest. */
export interface ErasedEntry {
  readonly operationId: string;
  /** Only from the places of this entity; null: from all. */
  readonly entityId: string | null;
  /** ISO 8601. */
  readonly at: string;
  readonly digests: readonly string[];
}

/** Remembers erased subjects outside of the database, so that one restored from a backup can be told whom it knows again. */
export interface ErasureJournal {
  /** Returns once the entry is on the disk. The same one twice is the same as once. */
  append(entry: ErasedEntry): Promise<void>;
  entries(): AsyncIterable<ErasedEntry>;
}

/** Tells whom the records of one kind of place are about. */
export interface SubjectScanner {
  readonly role: TargetRole;
  /** Whole accounts, and persons in them, each at least once; as a text, what could not be looked through. */
  subjectsIn(place: TargetPlace, signal: AbortSignal): AsyncIterable<SubjectSelector | string>;
}

/** Wakes when operations change, in whichever process they do. */
export interface OperationEvents {
  /** Ticks once at the start and then for each change, merged while nobody reads; ends on `return`. */
  changes(operationId: string): AsyncIterableIterator<void>;
}
