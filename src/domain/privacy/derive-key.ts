import { hkdfSync, type KeyObject } from 'node:crypto';

/**
 * HKDF-SHA-512 (RFC 5869) of a secret key. `info` keeps the keys of different uses apart; each use has its own.
 * @param length of the answer in bytes, at most 255 × 64.
 */
export function deriveKey(key: KeyObject, salt: Uint8Array, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha512', key, salt, Buffer.from(info, 'utf8'), length));
}
