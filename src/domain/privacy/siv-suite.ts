import type { KeyObject } from 'node:crypto';
import { aessiv } from '@noble/ciphers/aes.js';
import { deriveKey } from './derive-key.ts';

/** AES-256-SIV takes two keys of 32 bytes, one to authenticate and one to encrypt. */
const sivKeyBytes = 64;

// As long-lived as the key object it comes from.
const derived = new WeakMap<KeyObject, Buffer>();

/** The 64-byte key of suite 3 under an account's key. Never changed by those who read it. */
export function sivKeyOf(key: KeyObject): Buffer {
  const known = derived.get(key);
  if (known !== undefined) return known;
  const sivKey = deriveKey(key, new Uint8Array(0), 'lineward:v1:siv', sivKeyBytes);
  derived.set(key, sivKey);
  return sivKey;
}

/**
 * Synthetic IV(16) ‖ ciphertext by AES-SIV (RFC 5297), each item of `aad` one associated component. Pure and
 * deterministic: whoever sees two envelopes sees whether their values are equal, and no more.
 */
export function sealSiv(sivKey: Uint8Array, plaintext: Uint8Array, ...aad: readonly Uint8Array[]): Buffer {
  return bufferOf(aessiv(sivKey, ...aad).encrypt(plaintext));
}

/** The plaintext; throws the library's error when the synthetic IV does not fit. */
export function openSiv(sivKey: Uint8Array, ct: Uint8Array, ...aad: readonly Uint8Array[]): Buffer {
  return bufferOf(aessiv(sivKey, ...aad).decrypt(ct));
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
