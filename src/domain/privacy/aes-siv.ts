import { createCipheriv, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { decryptFailed } from './envelope-context.ts';

const blockBytes = 16;
const zeroBlock = Buffer.alloc(blockBytes);

/**
 * AES-SIV (RFC 5297) of one key and one list of associated data, on the ciphers of node:crypto: what they add to the synthetic
 * IV is computed once, so a message takes one run of CBC for it and one of CTR.
 */
export class AesSiv {
  readonly #bits: number;
  readonly #macKey: KeyObject;
  readonly #encryptionKey: KeyObject;
  /** K1 and K2 of CMAC (NIST SP 800-38B): for a last block that is whole, and for one that was padded. */
  readonly #wholeMask: Buffer;
  readonly #paddedMask: Buffer;
  /** D of S2V behind the associated data. */
  readonly #associated: Buffer;

  /** `key` has 32 bytes for AES-128 or 64 for AES-256; its first half authenticates. It may be overwritten afterwards. */
  constructor(key: Uint8Array, aad: readonly Uint8Array[]) {
    const half = key.length / 2;
    this.#bits = half * 8;
    this.#macKey = createSecretKey(key.subarray(0, half));
    this.#encryptionKey = createSecretKey(key.subarray(half));
    this.#wholeMask = doubled(this.#lastOfCbc(zeroBlock));
    this.#paddedMask = doubled(this.#wholeMask);
    let associated = this.#cmac(zeroBlock);
    for (const item of aad) associated = xored(doubled(associated), this.#cmac(item));
    this.#associated = associated;
  }

  /** Synthetic IV ‖ ciphertext. */
  seal(plaintext: Uint8Array): Buffer {
    const iv = this.#syntheticIv(plaintext);
    return Buffer.concat([iv, this.#counted(iv, plaintext)]);
  }

  /** @throws LinewardError DECRYPT_FAILED */
  open(sealed: Uint8Array): Buffer {
    const iv = sealed.subarray(0, blockBytes);
    if (iv.length < blockBytes) throw decryptFailed();
    const plaintext = this.#counted(iv, sealed.subarray(blockBytes));
    if (!timingSafeEqual(this.#syntheticIv(plaintext), iv)) throw decryptFailed();
    return plaintext;
  }

  #syntheticIv(plaintext: Uint8Array): Buffer {
    if (plaintext.length < blockBytes) return this.#cmac(xored(doubled(this.#associated), padded(plaintext)));
    const ended = Buffer.from(plaintext);
    xorAt(ended, ended.length - blockBytes, this.#associated);
    return this.#cmac(ended);
  }

  #cmac(message: Uint8Array): Buffer {
    const over = message.length % blockBytes;
    const isWhole = over === 0 && message.length > 0;
    const blocks = Buffer.alloc(isWhole ? message.length : message.length - over + blockBytes);
    blocks.set(message);
    if (!isWhole) blocks[message.length] = 0x80;
    xorAt(blocks, blocks.length - blockBytes, isWhole ? this.#wholeMask : this.#paddedMask);
    return this.#lastOfCbc(blocks);
  }

  /** The last block of CBC from a zero IV. */
  #lastOfCbc(blocks: Uint8Array): Buffer {
    const cipher = createCipheriv(`aes-${this.#bits}-cbc`, this.#macKey, zeroBlock).setAutoPadding(false);
    return cipher.update(blocks).subarray(-blockBytes);
  }

  /** Encrypted, or decrypted, in counter mode. */
  #counted(iv: Uint8Array, text: Uint8Array): Buffer {
    const counter = Buffer.from(iv);
    // The RFC clears two bits, so that a counter of 32 bits never carries.
    counter[8] = (counter[8] ?? 0) & 0x7f;
    counter[12] = (counter[12] ?? 0) & 0x7f;
    return createCipheriv(`aes-${this.#bits}-ctr`, this.#encryptionKey, counter).update(text);
  }
}

function xorAt(target: Buffer, start: number, mask: Buffer): void {
  for (let index = 0; index < blockBytes; index += 1)
    target[start + index] = (target[start + index] ?? 0) ^ (mask[index] ?? 0);
}

function xored(one: Buffer, other: Buffer): Buffer {
  const result = Buffer.from(one);
  xorAt(result, 0, other);
  return result;
}

/** A text of less than a block: a one bit and zeros behind it. */
function padded(text: Uint8Array): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.set(text);
  block[text.length] = 0x80;
  return block;
}

/** Times x in the field of 2^128 elements. */
function doubled(block: Buffer): Buffer {
  const result = Buffer.alloc(blockBytes);
  for (let index = 0; index < blockBytes; index += 1)
    result[index] = ((block[index] ?? 0) << 1) | ((block[index + 1] ?? 0) >> 7);
  if (((block[0] ?? 0) & 0x80) !== 0) result[blockBytes - 1] = (result[blockBytes - 1] ?? 0) ^ 0x87;
  return result;
}
