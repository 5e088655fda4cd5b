import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { ivBytes, openGcm, sealGcm } from '../../../src/domain/privacy/aes-gcm.ts';
import { openEnvelope, sealEnvelope } from '../../../src/domain/privacy/envelope.ts';
import { elementOf, ProductTable, product } from '../../../src/domain/privacy/gcm-field.ts';
import { ShortGcm, shortBytesMax } from '../../../src/domain/privacy/short-gcm.ts';

const newKey = (): KeyObject => createSecretKey(randomBytes(32));
/** Texts of every length in bytes that is short, of one and of more bytes a character. */
const texts = Array.from({ length: shortBytesMax + 1 }, (_, bytes) => [
  'a'.repeat(bytes),
  `${'é'.repeat(bytes >> 1)}${'b'.repeat(bytes & 1)}`,
  `${'😀'.repeat(bytes >> 2)}${'c'.repeat(bytes & 3)}`,
]).flat();

/** One whose key is worth a stock. */
function stocked(key: KeyObject, aad: Uint8Array): ShortGcm {
  const gcm = new ShortGcm(key, aad);
  for (let left = 1_000; left > 0; left -= 1) if (gcm.seal('x') !== null) return gcm;
  throw new Error('the key was never stocked');
}

describe('AES-GCM of short texts', () => {
  it.each([0, 1, 15, 16, 17, 48, 100])(
    'makes what node:crypto makes of the same IV, with %i bytes of AAD',
    (length) => {
      const [key, aad] = [newKey(), randomBytes(length)];
      const gcm = stocked(key, aad);
      for (const text of texts) {
        const sealed = gcm.seal(text);
        if (sealed === null) throw new Error(`no answer for ${Buffer.byteLength(text)} bytes`);
        expect(sealed.equals(sealGcm(key, sealed.subarray(0, ivBytes), text, aad))).toBe(true);
        expect(openGcm(key, sealed, aad).toString('utf8')).toBe(text);
      }
    },
  );

  it('encrypts what is no text as node:crypto does: halves of surrogates, alone or in the wrong order', () => {
    const [key, aad] = [newKey(), randomBytes(40)];
    const gcm = stocked(key, aad);
    for (const text of [
      '\ud800',
      '\udc00',
      'a\udc00\ud800b',
      `${'x'.repeat(29)}\ud83d`,
      '\0',
      '\u007f\u0080\u07ff\u0800',
    ]) {
      const sealed = gcm.seal(text);
      expect(sealed?.equals(sealGcm(key, sealed.subarray(0, ivBytes), text, aad))).toBe(true);
    }
    // Three bytes each: of 31 and 33 bytes.
    expect(gcm.seal(`${'x'.repeat(28)}\ud83d`)).toHaveLength(ivBytes + 31 + 16);
    expect(gcm.seal(`${'x'.repeat(30)}\ud83d`)).toBeNull();
  });

  it('refuses a key at its first stock when the two ciphers differ', () => {
    const broken = vi.spyOn(ProductTable.prototype, 'addTo').mockImplementation(() => undefined);
    try {
      expect(() => stocked(newKey(), randomBytes(20))).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    } finally {
      broken.mockRestore();
    }
    stocked(newKey(), randomBytes(20));
  });

  it('keeps neither a key that is dropped nor its stock', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const context = { suite: 1, accountId: 'AC1', keyVersion: 1, semanticType: 'phonenumber' } as const;
    const dropped = (() => {
      const key = newKey();
      for (let left = 100; left > 0; left -= 1) sealEnvelope({ ...context, key }, '+351');
      return new WeakRef(key);
    })();
    await vi.waitFor(() => {
      collect();
      expect(dropped.deref() === undefined).toBe(true);
    });
  });

  it('takes no IV twice, whoever seals under the key', () => {
    const key = newKey();
    const sealers = ['one', 'two', 'three'].map((aad) => stocked(key, Buffer.from(aad)));
    const ivs = Array.from({ length: 3_000 }, (_, n) => sealers[n % 3]?.seal('+351'));
    expect(new Set(ivs.map((sealed) => sealed?.toString('hex', 0, ivBytes))).size).toBe(3_000);
  });

  it('leaves texts that are too long, and keys of few texts, to others', () => {
    const key = newKey();
    const gcm = new ShortGcm(key, randomBytes(20));
    expect(gcm.seal('a')).toBeNull();
    const ready = stocked(key, randomBytes(20));
    for (const long of ['a'.repeat(33), 'é'.repeat(17), `${'a'.repeat(31)}é`, '😀'.repeat(9)])
      expect(ready.seal(long)).toBeNull();
    expect(ready.seal('a')).not.toBeNull();
  });

  it('stays right when more keys are at work than are kept', () => {
    const aad = randomBytes(30);
    const keys = Array.from({ length: 1_100 }, newKey);
    const gcms = keys.map((key) => stocked(key, aad));
    for (const [index, key] of keys.entries()) {
      const again = gcms[index]?.seal('+14155550100') ?? null;
      if (again !== null) expect(openGcm(key, again, aad).toString()).toBe('+14155550100');
    }
    expect(gcms[0]?.seal('a')).toBeNull();
    expect(gcms.at(-1)?.seal('a')).not.toBeNull();
  });

  it('makes envelopes that open, long after the first ones', () => {
    const context = { suite: 1, accountId: 'AC1', keyVersion: 1, semanticType: 'phonenumber', key: newKey() } as const;
    for (const text of [...texts, 'x'.repeat(100), ...texts])
      expect(openEnvelope(context, sealEnvelope(context, text))).toBe(text);
  });
});

describe('the field of GHASH', () => {
  const [hash, block] = ['66e94bd4ef8a2c3b884cfa59ca342b2e', '0388dace60b6a392f328c2b971b2fe78'];
  // Test case 2 of McGrew and Viega.
  const expected = elementOf(Buffer.from('5e2ec746917062882c85b0685353deb7', 'hex'));

  it('multiplies as the published case does, both ways', () => {
    const [one, other] = [elementOf(Buffer.from(hash, 'hex')), elementOf(Buffer.from(block, 'hex'))];
    expect(product(one, other)).toEqual(expected);
    expect(product(other, one)).toEqual(expected);
    const sum = new Int32Array(4);
    new ProductTable(one).addTo(sum, Buffer.from(block, 'hex'), 0, 16);
    expect(sum).toEqual(expected);
  });

  it('agrees with itself for any block, and one that is cut is filled with zeros', () => {
    for (let round = 0; round < 50; round += 1) {
      const [factor, bytes] = [elementOf(randomBytes(16)), randomBytes(16)];
      const table = new ProductTable(factor);
      for (const length of [0, 1, 7, 16]) {
        const sum = new Int32Array(4);
        table.addTo(sum, bytes, 0, length);
        expect(sum).toEqual(product(factor, elementOf(bytes.subarray(0, length))));
      }
    }
  });
});
