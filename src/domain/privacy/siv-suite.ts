import type { KeyObject } from 'node:crypto';
import { AesSiv } from './aes-siv.ts';
import { deriveKey } from './derive-key.ts';

/** AES-256-SIV takes two keys of 32 bytes, one to authenticate and one to encrypt. */
const sivKeyBytes = 64;

/**
 * The cipher of suite 3 under an account's key: pure and deterministic, so whoever sees two envelopes sees whether their values
 * are equal, and no more. The whole associated data is one component.
 */
export function sivOf(key: KeyObject, aad: Uint8Array): AesSiv {
  const sivKey = deriveKey(key, new Uint8Array(0), 'lineward:v1:siv', sivKeyBytes);
  const siv = new AesSiv(sivKey, [aad]);
  sivKey.fill(0);
  return siv;
}
