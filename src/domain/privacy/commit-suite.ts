import { createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { decryptGcm, gcmParts, ivBytes } from './aes-gcm.ts';
import { deriveKey } from './derive-key.ts';
import { decryptFailed } from './envelope-context.ts';

/** Sizes of suite 2 in bytes. */
export const saltBytes = 32;
export const commitmentBytes = 32;
const prefixBytes = saltBytes + commitmentBytes;

/** Messages under one derived key, so that 96-bit random IVs meet twice with a chance below 2^-56. */
const messagesPerEpochMax = 2 ** 20;
/** Derived keys that an opener keeps per account key. */
const epochsKeptMax = 64;

/**
 * AES-GCM alone does not commit to its key: one ciphertext can be made that opens under two keys, each to another text.
 * Suite 2 puts a commitment before it, the second half of an HKDF-SHA-512 output whose first half is the message key.
 */
export interface CommittedKey {
  readonly messageKey: KeyObject;
  /** salt(32) ‖ commitment(32). */
  readonly prefix: Buffer;
}

/** Pure. `salt` has 32 bytes and the key 32. */
export function deriveCommittedKey(key: KeyObject, salt: Uint8Array): CommittedKey {
  const derived = deriveKey(key, salt, 'lineward:v1:commit', 32 + commitmentBytes);
  const messageKey = createSecretKey(derived.subarray(0, 32));
  const prefix = Buffer.concat([salt, derived.subarray(32)]);
  derived.fill(0);
  return { messageKey, prefix };
}

/** salt ‖ commitment ‖ IV ‖ ciphertext ‖ tag. Pure: the caller answers for the IV as in `encryptGcm`. */
export function sealCommitted(
  { messageKey, prefix }: CommittedKey,
  iv: Uint8Array,
  plaintext: Uint8Array | string,
  aad: Uint8Array,
): Buffer {
  const { ciphertext, tag } = gcmParts(messageKey, iv, plaintext, aad);
  return Buffer.concat([prefix, iv, ciphertext, tag]);
}

/** The plaintext; throws when anything does not fit, the commitment before a byte is decrypted. */
export function openCommitted(key: KeyObject, ct: Buffer, aad: Uint8Array): Buffer {
  if (ct.length < prefixBytes) throw decryptFailed();
  const committed = committedKeyOf(key, ct.subarray(0, prefixBytes));
  const iv = ct.subarray(prefixBytes, prefixBytes + ivBytes);
  const plaintext = decryptGcm(committed.messageKey, iv, ct.subarray(prefixBytes + ivBytes), aad);
  keep(key, committed);
  return plaintext;
}

/** @throws LinewardError DECRYPT_FAILED when the commitment is not the key's. */
function committedKeyOf(key: KeyObject, prefix: Buffer): CommittedKey {
  const kept = keptKeys.get(key);
  // Messages of one epoch come in rows. Both comparisons take the same time wherever the bytes differ.
  if (kept !== undefined && timingSafeEqual(kept.last.prefix, prefix)) return kept.last;
  const committed = kept?.bySalt.get(saltText(prefix)) ?? deriveCommittedKey(key, prefix.subarray(0, saltBytes));
  if (!timingSafeEqual(committed.prefix, prefix)) throw decryptFailed();
  return committed;
}

/** Derived keys by their salt, and the one of the last message. */
interface KeptKeys {
  readonly last: CommittedKey;
  readonly bySalt: Map<string, CommittedKey>;
}

// The derived keys live as long as the key objects they come from, which the cache of unwrapped keys evicts.
const keptKeys = new WeakMap<KeyObject, KeptKeys>();
const writerEpochs = new WeakMap<KeyObject, { readonly committed: CommittedKey; left: number }>();

/** Called behind a checked tag alone: strangers' salts must not drive out the ones in use. */
function keep(key: KeyObject, last: CommittedKey): void {
  const kept = keptKeys.get(key);
  if (kept?.last === last) return;
  const bySalt = kept?.bySalt ?? new Map<string, CommittedKey>();
  const [oldest] = bySalt.keys();
  if (bySalt.size >= epochsKeptMax && oldest !== undefined) bySalt.delete(oldest);
  bySalt.set(saltText(last.prefix), last);
  keptKeys.set(key, { last, bySalt });
}

const saltText = (prefix: Buffer): string => prefix.toString('latin1', 0, saltBytes);

/** The derived key for one more message of this process; a new random salt after every 2^20 of them. */
export function nextCommittedKey(key: KeyObject): CommittedKey {
  let epoch = writerEpochs.get(key);
  if (epoch === undefined || epoch.left === 0) {
    epoch = { committed: deriveCommittedKey(key, randomBytes(saltBytes)), left: messagesPerEpochMax };
    writerEpochs.set(key, epoch);
  }
  epoch.left -= 1;
  return epoch.committed;
}
