import { type Cipheriv, createCipheriv, type KeyObject, randomFillSync } from 'node:crypto';
import { LinewardError } from '../../errors/lineward-error.ts';
import { ivBytes, sealGcm, tagBytes } from './aes-gcm.ts';
import { add, elementOf, type FieldElement, ProductTable, product } from './gcm-field.ts';

const blockBytes = 16;
/** Longest text in bytes: as many blocks as a place in the stock has beside the one of the tag. */
export const shortBytesMax = 2 * blockBytes;
const stockBytes = blockBytes + shortBytesMax;
const stockWords = stockBytes / 4;
const blockWords = blockBytes / 4;
const ivWords = ivBytes / 4;
const stocked = 64;
/** Stocked keys, at some 20 KB each. */
const keysMax = 1_024;
/** Texts under a key before it is stocked. */
const worthAStock = 16;

/**
 * What of AES-GCM depends on the key alone. `createCipheriv` takes most of the time of a short message: here one cipher
 * encrypts the counter blocks of many messages at once, ahead of time, and the tag is computed by {@link ProductTable}.
 * Each place of the stock is used once, so no IV is.
 */
class StockedKey {
  readonly hash: FieldElement;
  readonly #cipher: Cipheriv;
  readonly #counters = Buffer.alloc(stocked * stockBytes);
  readonly #counterWords = new Int32Array(this.#counters.buffer, this.#counters.byteOffset, stocked * stockWords);
  readonly #tables: readonly [ProductTable, ProductTable];
  readonly #sum: FieldElement = new Int32Array(4);
  #streams: Buffer = Buffer.alloc(0);
  #next = stocked;

  constructor(key: KeyObject) {
    this.#cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    this.hash = elementOf(this.#cipher.update(Buffer.alloc(blockBytes)));
    const square = product(this.hash, this.hash);
    this.#tables = [new ProductTable(square), new ProductTable(product(square, this.hash))];
    for (let at = 0; at < this.#counters.length; at += blockBytes)
      this.#counters.writeUInt32BE((at % stockBytes) / blockBytes + 1, at + ivBytes);
  }

  /** IV ‖ ciphertext ‖ tag. `constant` is what the tag is for this length, but for the ciphertext. */
  seal(plaintext: Uint8Array, length: number, constant: FieldElement): Buffer {
    if (this.#next === stocked) this.#restock();
    const place = this.#next * stockBytes;
    this.#next += 1;
    const [counters, streams] = [this.#counters, this.#streams];
    const sealed = Buffer.allocUnsafe(ivBytes + length + tagBytes);
    for (let index = 0; index < ivBytes; index += 1) sealed[index] = counters[place + index] ?? 0;
    const text = place + blockBytes;
    for (let index = 0; index < length; index += 1)
      sealed[ivBytes + index] = (plaintext[index] ?? 0) ^ (streams[text + index] ?? 0);
    const sum = this.#sum;
    sum.set(constant);
    const [square, cube] = this.#tables;
    if (length <= blockBytes) square.addTo(sum, sealed, ivBytes, length);
    else {
      cube.addTo(sum, sealed, ivBytes, blockBytes);
      square.addTo(sum, sealed, ivBytes + blockBytes, length - blockBytes);
    }
    const tag = ivBytes + length;
    for (let index = 0; index < tagBytes; index += 1)
      sealed[tag + index] = ((sum[index >> 2] ?? 0) >>> (24 - 8 * (index & 3))) ^ (streams[place + index] ?? 0);
    return sealed;
  }

  #restock(): void {
    const ivs = randomFillSync(new Int32Array(stocked * ivWords));
    const counters = this.#counterWords;
    // The number of the block, behind the IV, stays.
    for (let place = 0; place < stocked; place += 1)
      for (let word = 0; word < stockWords; word += 1)
        if (word % blockWords < ivWords)
          counters[place * stockWords + word] = ivs[place * ivWords + (word % blockWords)] ?? 0;
    // All of it was used: what is left in memory would decrypt what was sealed, also when the key is gone.
    this.#streams.fill(0);
    this.#streams = this.#cipher.update(this.#counters);
    this.#next = 0;
  }
}

/** They live as long as the key objects they come from, which the cache of unwrapped keys evicts. */
const stocks = new WeakMap<KeyObject, StockedKey>();
/** In the order in which they were begun. */
const begun: WeakRef<KeyObject>[] = [];

function begin(key: KeyObject): StockedKey {
  const oldest = begun.length >= keysMax ? begun.shift()?.deref() : undefined;
  if (oldest !== undefined) stocks.delete(oldest);
  const stock = new StockedKey(key);
  assertRight(key, stock);
  stocks.set(key, stock);
  begun.push(new WeakRef(key));
  return stock;
}

const checkedAad = Buffer.from('checked');
/** Of two blocks, the last of them not full. */
const checkedText = Buffer.from('a text of one block and more');

/** What is wrong here would be wrong in all that is sealed, and be found when it is opened: too late. */
function assertRight(key: KeyObject, stock: StockedKey): void {
  const sealed = stock.seal(checkedText, checkedText.length, constantOf(stock.hash, checkedAad, checkedText.length));
  if (!sealed.equals(sealGcm(key, sealed.subarray(0, ivBytes), checkedText, checkedAad)))
    throw new LinewardError('INTERNAL', 'Short values are not encrypted as AES-GCM says; nothing was encrypted so.');
}

/**
 * AES-256-GCM of short texts under one key and one text of associated data, byte for byte what `sealGcm` makes of the same IV.
 * A key that encrypts few of them is not worth its stock.
 */
export class ShortGcm {
  readonly #key: KeyObject;
  readonly #aad: Uint8Array;
  /** By the length of the text in bytes. */
  readonly #constants: FieldElement[] = [];
  #missed = 0;

  constructor(key: KeyObject, aad: Uint8Array) {
    this.#key = key;
    this.#aad = aad;
  }

  /** IV ‖ ciphertext ‖ tag under a random IV; null for a text that is too long, or a key that is not stocked yet. */
  seal(text: string): Buffer | null {
    if (text.length > shortBytesMax) return null;
    const stock = stocks.get(this.#key) ?? this.#begun();
    if (stock === null) return null;
    const length = this.#write(text);
    if (length === null) return null;
    this.#constants[length] ??= constantOf(stock.hash, this.#aad, length);
    return stock.seal(scratch, length, this.#constants[length]);
  }

  #begun(): StockedKey | null {
    this.#missed += 1;
    if (this.#missed < worthAStock) return null;
    this.#missed = 0;
    return begin(this.#key);
  }

  /** The text as UTF-8; null when it is too long. */
  #write(text: string): number | null {
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 127) {
        const { read, written } = utf8.encodeInto(text, scratch);
        return read === text.length ? written : null;
      }
      scratch[index] = code;
    }
    return text.length;
  }
}

const utf8 = new TextEncoder();
/** The text that is being sealed: nothing waits in between. */
const scratch = new Uint8Array(shortBytesMax);

/** The tag of a text of zeros that is `length` bytes long, without the counter block: GHASH is linear in the ciphertext. */
function constantOf(hash: FieldElement, aad: Uint8Array, length: number): FieldElement {
  let state: FieldElement = new Int32Array(4);
  for (let at = 0; at < aad.length; at += blockBytes) {
    add(state, elementOf(aad.subarray(at, at + blockBytes)));
    state = product(hash, state);
  }
  for (let left = length; left > 0; left -= blockBytes) state = product(hash, state);
  const lengths = Buffer.alloc(blockBytes);
  lengths.writeBigUInt64BE(BigInt(aad.length) * 8n);
  lengths.writeBigUInt64BE(BigInt(length) * 8n, 8);
  add(state, elementOf(lengths));
  return product(hash, state);
}
