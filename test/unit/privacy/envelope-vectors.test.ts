import { createCipheriv, createSecretKey, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decryptGcm, encryptGcm } from '../../../src/domain/privacy/aes-gcm.ts';
import { AesSiv } from '../../../src/domain/privacy/aes-siv.ts';
import { deriveKey } from '../../../src/domain/privacy/derive-key.ts';
import { openEnvelope, type SealContext, sealEnvelopeWith } from '../../../src/domain/privacy/envelope.ts';
import { pad, unpad } from '../../../src/domain/privacy/sealed-padding.ts';
import { encodeSealedValue } from '../../../src/domain/privacy/sealed-value.ts';
import gcm from '../../vectors/aes-gcm.json' with { type: 'json' };
import siv from '../../vectors/aes-siv.json' with { type: 'json' };
import suite1 from '../../vectors/envelope-suite-1.json' with { type: 'json' };
import suite2 from '../../vectors/envelope-suite-2.json' with { type: 'json' };
import suite3 from '../../vectors/envelope-suite-3.json' with { type: 'json' };
import hkdf from '../../vectors/hkdf.json' with { type: 'json' };
import rfc3394 from '../../vectors/key-wrap-rfc3394.json' with { type: 'json' };
import { bytes, codeOf } from './envelope-parts.ts';

describe('published vectors', () => {
  it.each(gcm.vectors)('AES-256-GCM: $source', ({ key, iv, aad, plaintext, sealed }) => {
    const secret = createSecretKey(bytes(key));
    expect(encryptGcm(secret, bytes(iv), bytes(plaintext), bytes(aad)).toString('hex')).toBe(sealed);
    expect(decryptGcm(secret, bytes(iv), bytes(sealed), bytes(aad)).toString('hex')).toBe(plaintext);
  });

  it.each(siv.vectors)('AES-SIV: $source', ({ key, aad, plaintext, sealed }) => {
    const components = aad.map(bytes);
    const siv = new AesSiv(bytes(key), components);
    expect(siv.seal(bytes(plaintext)).toString('hex')).toBe(sealed);
    expect(siv.open(bytes(sealed)).toString('hex')).toBe(plaintext);
  });

  it.each(hkdf.vectors)('HKDF with $hash: $source', ({ hash, ikm, salt, info, length, okm }) => {
    const derived = Buffer.from(hkdfSync(hash, bytes(ikm), bytes(salt), bytes(info), length));
    expect(derived.toString('hex')).toBe(okm);
    if (hash !== 'sha512') return;
    const text = bytes(info).toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(bytes(info))) return;
    expect(deriveKey(createSecretKey(bytes(ikm)), bytes(salt), text, length).toString('hex')).toBe(okm);
  });

  it.each(rfc3394.vectors)('key wrap of RFC 3394, section $section', ({ kek, key, wrapped }) => {
    // The product wraps with padding (RFC 5649); this is the platform's cipher that it is built on.
    const cipher = createCipheriv(`id-aes${kek.length * 4}-wrap`, bytes(kek), bytes('a6a6a6a6a6a6a6a6'));
    expect(Buffer.concat([cipher.update(bytes(key)), cipher.final()]).toString('hex')).toBe(wrapped);
  });
});

interface EnvelopeVector {
  readonly note: string;
  readonly accountId: string;
  readonly subjectScope?: string;
  readonly keyVersion: number;
  readonly semanticType: string;
  readonly ctx: string;
  readonly keyHex: string;
  readonly ivHex?: string;
  readonly saltHex?: string;
  readonly padding?: boolean;
  readonly plaintextHex: string;
  readonly value: unknown;
  readonly envelope: string;
}

describe.each([
  [1 as const, suite1],
  [2 as const, suite2],
  [3 as const, suite3],
])('envelopes of suite %i that another implementation made', (suite, file) => {
  it.each(file.vectors as readonly EnvelopeVector[])('$note', ({ keyHex, ivHex = '', saltHex = '', ...vector }) => {
    const context: SealContext = { ...vector, suite, key: createSecretKey(bytes(keyHex)) };
    const plaintext = encodeSealedValue(vector.value);
    expect((vector.padding === true ? pad(plaintext) : plaintext).toString('hex')).toBe(vector.plaintextHex);
    expect(unpad(bytes(vector.plaintextHex))).toEqual(plaintext);
    const randomness = { iv: bytes(ivHex), salt: bytes(saltHex) };
    expect(sealEnvelopeWith(randomness, context, vector.value)).toBe(vector.envelope);
    expect(openEnvelope(context, vector.envelope)).toEqual(vector.value);
  });

  it.each(file.refused.envelopes)('refuses one with: $note', ({ envelope }) => {
    const { keyHex, ...context } = file.refused.context;
    expect(codeOf(() => openEnvelope({ ...context, key: createSecretKey(bytes(keyHex)) }, envelope))).toBe(
      file.refused.code,
    );
  });
});
