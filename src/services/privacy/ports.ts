/**
 * Holder of one wrapping key and its versions. The wrapping key itself never leaves it. Every method throws LinewardError
 * KEY_UNAVAILABLE when the holder does not answer or does not let us in: the same call may succeed later.
 */
export interface KeyProvider {
  /**
   * Names provider and wrapping key, and stays the same over the versions of that key; stored beside each wrapped key. Two
   * wrapping keys never share one.
   */
  readonly id: string;
  /** Wraps under the newest version. */
  wrap(key: Buffer): Promise<Buffer>;
  /**
   * The key in a buffer of its own, which the caller overwrites after use.
   * @throws LinewardError KEY_MISMATCH for bytes that this wrapping key did not make or that were changed since.
   */
  unwrap(wrapped: Buffer): Promise<Buffer>;
  /**
   * The same key wrapped under the newest version; equal bytes when there was nothing to do. The key stays inside the
   * holder where the holder can do that.
   * @throws LinewardError KEY_MISMATCH as `unwrap` does.
   */
  rewrap(wrapped: Buffer): Promise<Buffer>;
  /** Throws LinewardError KEY_UNAVAILABLE unless keys can be wrapped and unwrapped now and after a restart. */
  health(): Promise<void>;
}

/** A wrapped key as a row keeps it: `kekId` is the `id` of the provider that wrapped it. */
export interface WrappedKey {
  readonly kekId: string;
  readonly wrapped: Buffer;
}

/** Keys that wrapping keys wrap beside those of accounts. */
export interface OtherWrappedKeys {
  /** Wraps them under the newest version of the current wrapping key. @throws LinewardError KEY_UNAVAILABLE */
  rewrapAll(): Promise<void>;
}

/** Keys that were destroyed, by whom they were held. */
export interface ShreddedHolder {
  readonly operationId: string;
  readonly accountId: string;
  /** Empty for the account's own key; else that of a person, a keyed digest. */
  readonly scope: string;
  /** True when the keys of all persons in the account went, too. */
  readonly isWhole: boolean;
  /** Only this version went, and its holder keeps the others. */
  readonly version?: number | undefined;
  /** ISO 8601. */
  readonly at: string;
}

/**
 * Remembers destroyed keys outside of the database, so that a database restored from a backup can be told what to forget.
 * It grows only.
 */
export interface ShredLedger {
  /** Names the ledger; stored with how far a database has read it. */
  readonly id: string;
  /** Returns once the entry is on the disk. */
  append(holder: ShreddedHolder): Promise<void>;
  /** Entries from a place on, each with the place behind it. @throws LinewardError CONFLICT for a line that is none. */
  entries(from: number): AsyncIterable<{ readonly holder: ShreddedHolder; readonly next: number }>;
}
