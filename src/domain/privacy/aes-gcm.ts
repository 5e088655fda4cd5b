import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto';

/** Sizes of AES-256-GCM as NIST SP 800-38D recommends them, in bytes. */
export const ivBytes = 12;
export const tagBytes = 16;

const algorithm = 'aes-256-gcm';
// Without it Node takes tags of 4 bytes, also where fewer bytes than a tag are left.
const options = { authTagLength: tagBytes };

/** Ciphertext and tag; a string is encrypted as UTF-8. Pure: the caller answers for never using an IV twice under one key. */
export function gcmParts(
  key: KeyObject,
  iv: Uint8Array,
  plaintext: Uint8Array | string,
  aad: Uint8Array,
): { readonly ciphertext: Buffer; readonly tag: Buffer } {
  const cipher = createCipheriv(algorithm, key, iv);
  cipher.setAAD(aad);
  const ciphertext = typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext);
  // GCM holds no bytes back: `final` only makes the tag.
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** Ciphertext ‖ tag, as {@link gcmParts} makes them. */
export function encryptGcm(key: KeyObject, iv: Uint8Array, plaintext: Uint8Array | string, aad: Uint8Array): Buffer {
  const { ciphertext, tag } = gcmParts(key, iv, plaintext, aad);
  return Buffer.concat([ciphertext, tag]);
}

/** IV ‖ ciphertext ‖ tag: what suite 1 calls `ct`. */
export function sealGcm(key: KeyObject, iv: Uint8Array, plaintext: Uint8Array | string, aad: Uint8Array): Buffer {
  const { ciphertext, tag } = gcmParts(key, iv, plaintext, aad);
  // For a short message that is measurably less work than `Buffer.concat`.
  const ct = Buffer.allocUnsafe(ivBytes + ciphertext.length + tagBytes);
  ct.set(iv);
  ct.set(ciphertext, ivBytes);
  ct.set(tag, ivBytes + ciphertext.length);
  return ct;
}

/** The plaintext; throws a node error when tag, AAD or length do not fit, and then gives out no byte. */
export function decryptGcm(key: KeyObject, iv: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Buffer {
  return decryptFrom(0, key, sealed, { iv, aad });
}

/** The plaintext of IV ‖ ciphertext ‖ tag; throws as {@link decryptGcm} does. */
export function openGcm(key: KeyObject, ct: Uint8Array, aad: Uint8Array): Buffer {
  return decryptFrom(ivBytes, key, ct, { iv: ct.subarray(0, ivBytes), aad });
}

function decryptFrom(
  start: number,
  key: KeyObject,
  sealed: Uint8Array,
  { iv, aad }: { readonly iv: Uint8Array; readonly aad: Uint8Array },
): Buffer {
  // Of bytes that are too few the tag is too short, and Node refuses it.
  const tagAt = Math.max(start, sealed.length - tagBytes);
  const decipher = createDecipheriv(algorithm, key, iv, options);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(start, tagAt));
  decipher.final();
  return plaintext;
}

/** Random IVs from one pool: a call to the system's generator per 4,096 messages instead of one per message. */
export class RandomIvPool {
  static readonly #poolBytes = 48 * 1024;
  readonly #pool = Buffer.allocUnsafeSlow(RandomIvPool.#poolBytes);
  #offset = RandomIvPool.#poolBytes;

  /** A view that is valid until the next call. */
  next(): Uint8Array {
    if (this.#offset === this.#pool.length) {
      randomFillSync(this.#pool);
      this.#offset = 0;
    }
    this.#offset += ivBytes;
    return this.#pool.subarray(this.#offset - ivBytes, this.#offset);
  }
}
