/**
 * Elements of the field of GHASH (NIST SP 800-38D, 6.3) as four words of 32 bits, the first bit of the first byte on top.
 * Nothing here branches on, or looks up by, an element that is secret.
 */
export type FieldElement = Int32Array;

const words = 4;
const bits = 128;
const nibbles = bits / 4;
/** The polynomial, for what is shifted out. */
const reduction = 0xe1000000 | 0;

/** Up to 16 bytes; those that are missing are zeros. */
export function elementOf(bytes: Uint8Array): FieldElement {
  const element = new Int32Array(words);
  for (const [index, byte] of bytes.entries()) {
    const word = index >> 2;
    element[word] = (element[word] ?? 0) | (byte << (24 - 8 * (index & 3)));
  }
  return element;
}

/** Adds `other` to `sum`. */
export function add(sum: FieldElement, other: FieldElement): void {
  for (let word = 0; word < words; word += 1) sum[word] = (sum[word] ?? 0) ^ (other[word] ?? 0);
}

/** The product of two elements, both secret. */
export function product(one: FieldElement, other: FieldElement): FieldElement {
  const sum = new Int32Array(words);
  const shifted = Int32Array.from(other);
  for (let bit = 0; bit < bits; bit += 1) {
    const mask = -(((one[bit >> 5] ?? 0) >>> (31 - (bit & 31))) & 1);
    for (let word = 0; word < words; word += 1) sum[word] = (sum[word] ?? 0) ^ ((shifted[word] ?? 0) & mask);
    shift(shifted);
  }
  return sum;
}

/** Times x. */
function shift(element: FieldElement): void {
  const over = -((element[words - 1] ?? 0) & 1) & reduction;
  for (let word = words - 1; word > 0; word -= 1)
    element[word] = ((element[word] ?? 0) >>> 1) | ((element[word - 1] ?? 0) << 31);
  element[0] = ((element[0] ?? 0) >>> 1) ^ over;
}

/**
 * Multiplies by one secret element what is public: a table of its products with each value of each four bits, so that a
 * block takes 32 look-ups.
 */
export class ProductTable {
  readonly #products = new Int32Array(nibbles * 16 * words);

  constructor(factor: FieldElement) {
    const shifted = Int32Array.from(factor);
    for (let bit = 0; bit < bits; bit += 1) {
      this.#addBit(bit, shifted);
      shift(shifted);
    }
  }

  /** Adds the product of a block of public bytes to `sum`; bytes behind `length` count as zeros. */
  addTo(sum: FieldElement, block: Uint8Array, start: number, length: number): void {
    const products = this.#products;
    let [first, second, third, fourth] = [0, 0, 0, 0];
    for (let index = 0; index < length; index += 1) {
      const byte = block[start + index] ?? 0;
      const high = (2 * index * 16 + (byte >> 4)) * words;
      const low = ((2 * index + 1) * 16 + (byte & 15)) * words;
      first ^= (products[high] ?? 0) ^ (products[low] ?? 0);
      second ^= (products[high + 1] ?? 0) ^ (products[low + 1] ?? 0);
      third ^= (products[high + 2] ?? 0) ^ (products[low + 2] ?? 0);
      fourth ^= (products[high + 3] ?? 0) ^ (products[low + 3] ?? 0);
    }
    sum[0] = (sum[0] ?? 0) ^ first;
    sum[1] = (sum[1] ?? 0) ^ second;
    sum[2] = (sum[2] ?? 0) ^ third;
    sum[3] = (sum[3] ?? 0) ^ fourth;
  }

  /** The values of four bits in which this bit is set. */
  #addBit(bit: number, shifted: FieldElement): void {
    const place = (bit >> 2) * 16;
    const own = 8 >> (bit & 3);
    for (let value = 0; value < 16; value += 1) {
      if ((value & own) === 0) continue;
      const at = (place + value) * words;
      for (let word = 0; word < words; word += 1)
        this.#products[at + word] = (this.#products[at + word] ?? 0) ^ (shifted[word] ?? 0);
    }
  }
}
