/** Holder of the key that wraps account keys. The wrapping key itself never leaves it. */
export interface KeyProvider {
  /** Names provider and wrapping key; stored beside each wrapped key. */
  readonly id: string;
  /** Throws LinewardError KEY_UNAVAILABLE when the provider does not answer. */
  wrap(key: Buffer): Promise<Buffer>;
  /** Throws LinewardError KEY_UNAVAILABLE when the bytes were not wrapped by this provider's key. */
  unwrap(wrapped: Buffer): Promise<Buffer>;
  /** Throws LinewardError KEY_UNAVAILABLE unless keys can be unwrapped now and after a restart. */
  health(): Promise<void>;
}
