import { createSecretKey } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { ivBytes } from '../../../src/domain/privacy/aes-gcm.ts';
import { ShortGcm, shortBytesMax } from '../../../src/domain/privacy/short-gcm.ts';
import gcm from '../../vectors/aes-gcm.json' with { type: 'json' };
import { bytes } from './envelope-parts.ts';

const given = vi.hoisted(() => ({ iv: new Uint8Array(12) }));

// IVs are drawn inside: nobody may give them but the generator.
vi.mock('node:crypto', async (original) => ({
  ...(await original<typeof import('node:crypto')>()),
  randomFillSync: (ivs: Int32Array) => {
    const all = new Uint8Array(ivs.buffer, ivs.byteOffset, ivs.byteLength);
    for (let at = 0; at < all.length; at += given.iv.length) all.set(given.iv, at);
    return ivs;
  },
}));

const fitting = gcm.vectors.filter(
  ({ iv, plaintext }) => bytes(iv).length === ivBytes && bytes(plaintext).length <= shortBytesMax,
);

it.each(fitting)('short texts, published vector: $source', ({ key, iv, aad, plaintext, sealed }) => {
  given.iv.set(bytes(iv));
  const short = new ShortGcm(createSecretKey(bytes(key)), bytes(aad));
  const text = bytes(plaintext).toString('latin1');
  const answers = Array.from({ length: 20 }, () => short.seal(text)?.toString('hex'));
  expect(answers.at(-1)).toBe(`${iv}${sealed}`);
});

it('some published vectors are short', () => {
  expect(fitting.map(({ plaintext }) => plaintext.length / 2)).toEqual([0, 16, 0]);
});
