import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto';

/** Sizes of AES-256-GCM as NIST SP 800-38D recommends them, in bytes. */
export const ivBytes = 12;
export const tagBytes = 16;

/** Ciphertext ‖ tag. Pure: the caller answers for never using an IV twice under one key. */
export function encryptGcm(key: KeyObject, iv: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes });
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The plaintext; throws a node error when tag, AAD or length do not fit, and then gives out no byte. */
export function decryptGcm(key: KeyObject, iv: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  const plaintext = decipher.update(sealed.subarray(0, sealed.length - tagBytes));
  return Buffer.concat([plaintext, decipher.final()]);
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
