import type { KeyObject } from 'node:crypto';

/** Longest time an unwrapped key may stay in memory without being unwrapped again. */
export const keyCacheTtlMsMax = 5 * 60 * 1000;

export interface UnwrappedKeyCacheOptions {
  readonly entriesMax: number;
  readonly ttlMs: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Unwrapped keys by row id, least recently used out first. */
export class UnwrappedKeyCache {
  readonly #entries = new Map<string, { readonly key: KeyObject; readonly expiresAtMs: number }>();
  readonly #options: UnwrappedKeyCacheOptions;

  constructor(options: UnwrappedKeyCacheOptions) {
    this.#options = { ...options, ttlMs: Math.min(options.ttlMs, keyCacheTtlMsMax) };
  }

  get(id: string): KeyObject | null {
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    this.#entries.delete(id);
    if (entry.expiresAtMs <= this.#options.now()) return null;
    this.#entries.set(id, entry);
    return entry.key;
  }

  clear(): void {
    this.#entries.clear();
  }

  delete(id: string): void {
    this.#entries.delete(id);
  }

  set(id: string, key: KeyObject): void {
    this.#entries.delete(id);
    this.#entries.set(id, { key, expiresAtMs: this.#options.now() + this.#options.ttlMs });
    if (this.#entries.size <= this.#options.entriesMax) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }
}
