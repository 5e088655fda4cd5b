import { digestOf } from '../canonical-json.ts';
import { signatureHolds } from '../signed-statement.ts';
import type { Checkpoint } from './checkpoint.ts';
import { MerkleRoot } from './merkle-root.ts';
import { linkHash, type SealedEvent } from './sealed-event.ts';

/** How a log was tampered with or damaged. */
export type AuditFaultCode =
  | 'RECORD_CHANGED'
  | 'EVENT_MISSING'
  | 'EVENT_CHANGED'
  | 'EVENT_UNSEALED'
  | 'GAP'
  | 'REORDERED'
  | 'CHAIN_BROKEN'
  | 'TRUNCATED'
  | 'CHECKPOINT_INVALID'
  | 'CHECKPOINT_MISMATCH'
  | 'CHECKPOINT_MISSING';

export interface AuditFault {
  readonly code: AuditFaultCode;
  /** The first link that is not as it was. */
  readonly seq: number;
  readonly explanation: string;
}

/** Where a chain begins that is not read from its first link: what is before, the reader knows by other means. */
export type ChainEnd = Pick<SealedEvent, 'seq' | 'hash'>;

/** What is believed whatever the log says. */
export interface Trust {
  /** Base64 of the public key that checkpoints must be signed with; null takes any. */
  readonly trustedKey?: string | null;
  /** Checkpoints that were kept elsewhere, where who writes the log cannot write; they count against those in it. */
  readonly witnesses?: readonly Checkpoint[];
}

/**
 * Follows a chain link by link and checkpoint by checkpoint, each checkpoint behind the link that it names. Every call answers
 * what is wrong first; after that the chain has no more to say.
 */
export class ChainVerifier {
  readonly #trustedKey: string | null;
  readonly #witnesses: ReadonlyMap<number, Checkpoint>;
  #last: ChainEnd;
  #tree = new MerkleRoot();
  /** Whether the tree has every link since the checkpoint before. */
  #treeIsWhole: boolean;
  #checkpoint: Checkpoint | null = null;

  constructor(start: ChainEnd, { trustedKey = null, witnesses = [] }: Trust = {}) {
    this.#last = start;
    this.#treeIsWhole = start.seq === 0;
    this.#trustedKey = trustedKey;
    this.#witnesses = new Map(witnesses.map((witness) => [witness.body.seq, witness]));
  }

  get last(): ChainEnd {
    return this.#last;
  }

  get lastCheckpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  link({ seq, record, prev, hash }: SealedEvent): AuditFault | null {
    const expected = this.#last.seq + 1;
    if (seq > expected) return fault('GAP', expected, `link ${expected} is missing; the next one there is ${seq}`);
    if (seq < expected) return fault('REORDERED', seq, `link ${seq} is there again behind link ${expected - 1}`);
    if (prev !== this.#last.hash)
      return fault('CHAIN_BROKEN', seq, 'names another link before it than the one that is there');
    if (linkHash(seq, prev, record) !== hash) return fault('RECORD_CHANGED', seq, 'its hash does not fit its record');
    this.#last = { seq, hash };
    this.#tree.add(hash);
    const witness = this.#witnesses.get(seq);
    return witness === undefined || witness.body.hash === hash ? null : this.#unlike(witness);
  }

  checkpoint(given: Checkpoint): AuditFault | null {
    const { body, publicKey } = given;
    const first = this.#firstUnseen;
    const about = `checkpoint ${body.number}`;
    if (!signatureHolds(given)) return fault('CHECKPOINT_INVALID', first, `the signature of ${about} does not fit it`);
    if (this.#trustedKey !== null && publicKey !== this.#trustedKey)
      return fault('CHECKPOINT_INVALID', first, `${about} is signed by another key than the trusted one`);
    if (body.seq > this.#last.seq) return this.#cutBefore(given);
    const missing = this.#missingBefore(given);
    if (missing !== null) return fault('CHECKPOINT_MISSING', first, missing);
    const fits = body.seq === this.#last.seq && body.hash === this.#last.hash;
    if (!fits || (this.#treeIsWhole && body.root !== this.#tree.root())) return this.#unlike(given);
    this.#checkpoint = given;
    this.#tree = new MerkleRoot();
    this.#treeIsWhole = true;
    return null;
  }

  /** To be called behind the last link. */
  end(): AuditFault | null {
    const beyond = [...this.#witnesses.values()].find(({ body }) => body.seq > this.#last.seq);
    return beyond === undefined ? null : this.#cutBefore(beyond);
  }

  /** The first link that no checkpoint has answered for yet. */
  get #firstUnseen(): number {
    return (this.#checkpoint?.body.seq ?? 0) + 1;
  }

  #unlike({ body: { seq, number } }: Checkpoint): AuditFault {
    const first = this.#firstUnseen;
    const which =
      first === seq ? `link ${seq} is not the one` : `of the links ${first} to ${seq} one or more are not those`;
    return fault('CHECKPOINT_MISMATCH', first, `${which} that checkpoint ${number} has seen`);
  }

  #cutBefore({ body }: Checkpoint): AuditFault {
    const there = this.#last.seq;
    return fault(
      'TRUNCATED',
      there + 1,
      `checkpoint ${body.number} has seen ${body.seq} links, and ${there} are there`,
    );
  }

  #missingBefore({ body }: Checkpoint): string | null {
    const before = this.#checkpoint?.body ?? null;
    // A chain that is not read from its beginning has no checkpoint before its first.
    if (before === null && !this.#treeIsWhole) return null;
    if (body.number !== (before?.number ?? 0) + 1) return `a checkpoint before checkpoint ${body.number} is missing`;
    if (body.previous !== (before === null ? null : digestOf(before)))
      return `checkpoint ${body.number} names another one before it than the one that is there`;
    return null;
  }
}

const fault = (code: AuditFaultCode, seq: number, explanation: string): AuditFault => ({ code, seq, explanation });
