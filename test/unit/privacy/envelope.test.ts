import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomIvPool } from '../../../src/domain/privacy/aes-gcm.ts';
import {
  EnvelopeHeaders,
  openEnvelope,
  readEnvelopeHeader,
  type SealContext,
  sealEnvelope,
  sealEnvelopeWith,
} from '../../../src/domain/privacy/envelope.ts';
import {
  base64,
  bitFlips,
  ciphertextOf,
  codeOf,
  jsonOf,
  partsOf,
  rebuilt,
  refusalOf,
  withCiphertext,
} from './envelope-parts.ts';

const context: SealContext = {
  suite: 1,
  accountId: 'AC1',
  keyVersion: 1,
  semanticType: 'phonenumber',
  key: createSecretKey(randomBytes(32)),
};
const openCode = (envelope: string, changes: Partial<SealContext> = {}): string =>
  codeOf(() => openEnvelope({ ...context, ...changes }, envelope));

describe('the pool of IVs', () => {
  it('gives out 12-byte IVs that differ, across refills of the pool', () => {
    const pool = new RandomIvPool();
    const ivs = Array.from({ length: 10_000 }, () => Buffer.from(pool.next()).toString('hex'));
    expect(new Set(ivs).size).toBe(10_000);
    expect(ivs.every((iv) => iv.length === 24)).toBe(true);
  });
});

describe('headers of many envelopes', () => {
  it('are one object for equal headers, and the right one for each', () => {
    const reader = new EnvelopeHeaders();
    const contexts = Array.from(
      { length: 200 },
      (_, index): SealContext => ({
        ...context,
        accountId: `AC${index % 70}`,
        keyVersion: 1 + (index % 3),
        semanticType: index % 2 === 0 ? 'name' : '',
        ...(index % 5 === 0 ? { subjectScope: 'ada' } : {}),
      }),
    );
    for (const one of contexts) {
      const [first, second] = [sealEnvelope(one, 'a'), sealEnvelope(one, 'b')];
      expect(reader.read(first)).toEqual(readEnvelopeHeader(first));
      expect(reader.read(second)).toBe(reader.read(first));
    }
  });

  it('say nothing of what follows, which opening refuses', () => {
    const reader = new EnvelopeHeaders();
    const envelope = sealEnvelope(context, 'a');
    reader.read(envelope);
    const cut = envelope.slice(0, -4);
    expect(reader.read(cut).accountId).toBe('AC1');
    expect(openCode(cut)).toBe('DECRYPT_FAILED');
    expect(codeOf(() => new EnvelopeHeaders().read(cut))).toBe('DECRYPT_FAILED');
  });
});

describe('sealing', () => {
  it('begins with the prefix that readers look for', () => {
    expect(sealEnvelope(context, 'a').startsWith('eyJjcnlwdG9faWQiOjEsInNpZCI6')).toBe(true);
  });

  it('gives back any JSON value, text and bigint', () => {
    const value = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.bigInt(),
      fc.jsonValue({ depthSize: 'small' }).filter((json) => json !== null && JSON.stringify(json).isWellFormed()),
    );
    fc.assert(
      fc.property(value, fc.string({ unit: 'grapheme-ascii', minLength: 1 }), (input, accountId) => {
        const opened = openEnvelope({ ...context, accountId }, sealEnvelope({ ...context, accountId }, input));
        // Canonical JSON knows no negative zero and defines every key anew.
        expect(opened).toEqual(
          typeof input === 'object' || Object.is(input, -0) ? JSON.parse(JSON.stringify(input)) : input,
        );
      }),
    );
  });

  it('encrypts the same value to other bytes each time, and the empty text too', () => {
    expect(sealEnvelope(context, 'a')).not.toBe(sealEnvelope(context, 'a'));
    expect(openEnvelope(context, sealEnvelope(context, ''))).toBe('');
  });

  it('keeps a byte order mark, and text that looks like a typed value', () => {
    for (const text of ['\ufeffa', '\u00ffj1', 'null', '1']) {
      expect(openEnvelope(context, sealEnvelope(context, text))).toBe(text);
    }
  });

  it.each([
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in an object', { a: ['\udc00'] }],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['null', null],
    ['undefined', undefined],
    ['NaN', Number.NaN],
    ['a date', new Date(0)],
    ['a date in an object', { at: new Date(0) }],
    ['bytes', Buffer.from('a')],
    ['a hole in an array', [undefined]],
    ['a text of 1 MiB', 'a'.repeat(1024 * 1024)],
  ])('refuses %s', (_, value) => {
    expect(codeOf(() => sealEnvelope(context, value))).toBe('VALUE_INVALID');
  });

  it('refuses a cycle and deep nesting', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(codeOf(() => sealEnvelope(context, cycle))).toBe('VALUE_INVALID');
    const deep: unknown = JSON.parse('['.repeat(40) + ']'.repeat(40));
    expect(codeOf(() => sealEnvelope(context, deep))).toBe('VALUE_INVALID');
  });

  it('refuses an account id, key version or suite that cannot be', () => {
    for (const change of [{ accountId: '' }, { accountId: 'a\n' }, { keyVersion: 0 }, { keyVersion: 1.5 }]) {
      expect(codeOf(() => sealEnvelope({ ...context, ...change }, 'a'))).toBe('VALUE_INVALID');
    }
    expect(codeOf(() => sealEnvelope({ ...context, suite: 4 as unknown as 1 }, 'a'))).toBe('SUITE_UNKNOWN');
  });
});

describe('opening', () => {
  const envelope = sealEnvelope(context, '+1415555267');

  it('reads the header without a key', () => {
    const { suite, accountId, keyVersion, semanticType } = context;
    expect(readEnvelopeHeader(envelope)).toEqual({ suite, accountId, keyVersion, semanticType });
  });

  it('refuses every flip of one bit, in the text and in the bytes that it says', () => {
    for (const flipped of bitFlips(Buffer.from(envelope, 'latin1'))) {
      const text = flipped.toString('latin1');
      expect(openCode(text), text).toBe(refusalOf(text));
    }
    for (const flipped of bitFlips(Buffer.from(envelope, 'base64'))) {
      const text = flipped.toString('base64');
      expect(openCode(text), text).toBe(refusalOf(text));
    }
    for (const flipped of bitFlips(ciphertextOf(envelope))) {
      expect(openCode(withCiphertext(envelope, flipped))).toBe('DECRYPT_FAILED');
    }
  });

  it('refuses every truncation, of the text and of the ciphertext', () => {
    for (let length = 0; length < envelope.length; length += 1) {
      expect(openCode(envelope.slice(0, length))).toBe('DECRYPT_FAILED');
    }
    const sealed = Buffer.from(String(partsOf(envelope).ct), 'base64url');
    for (let length = 0; length < sealed.length; length += 1) {
      const ct = sealed.subarray(0, length).toString('base64url');
      expect(openCode(rebuilt(envelope, { ct }))).toBe('DECRYPT_FAILED');
    }
  });

  it('refuses a tag of 4 bytes', () => {
    const sealed = Buffer.from(String(partsOf(envelope).ct), 'base64url');
    const short = sealed.subarray(0, sealed.length - 12).toString('base64url');
    expect(openCode(rebuilt(envelope, { ct: short }))).toBe('DECRYPT_FAILED');
  });

  it('refuses what is not written in the one canonical way', () => {
    const json = jsonOf(envelope);
    expect(envelope.endsWith('=')).toBe(true);
    const ct = String(partsOf(envelope).ct);
    const variants = [
      ` ${envelope}`,
      `${envelope}\n`,
      envelope.replace(/=+$/, ''),
      `${envelope}=`,
      `${envelope}====`,
      `${envelope.slice(0, 8)} ${envelope.slice(8)}`,
      `${envelope.slice(0, 8)}!${envelope.slice(8)}`,
      base64(json.replace('{', '{ ')),
      base64(`${json} `),
      base64(json.replace('{', '{"crypto_id":1,')),
      base64(json.replace('"kv":1', '"kv":1,"kv":1')),
      base64(json.replace('"kv":1', '"kv":1.0')),
      base64(json.replace('"kv":1', '"kv":01')),
      base64(json.replace('AC1', 'AC\\u0031')),
      base64(json.replace('}', ',"x":1}')),
      base64(json.replace('"sid"', '"sub":"s","sid"')),
      base64(json.replace(ct, `${ct}=`)),
      base64(json.replace(ct, `${ct.slice(0, 4)}+${ct.slice(5)}`)),
      base64(json.replace(ct, `${ct} `)),
      base64(`[${json}]`),
      base64('null'),
      base64('1'),
      '',
      'a'.repeat(2 * 1024 * 1024),
      base64('['.repeat(100_000)),
    ];
    for (const variant of variants) expect(openCode(variant), variant.slice(0, 80)).toBe('DECRYPT_FAILED');
  });

  it('refuses trailing bits that Node would ignore, in both encodings', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    const bump = (char: string): string => alphabet[alphabet.indexOf(char) + 1] ?? 'B';
    for (const plaintext of ['a', 'ab', 'abc']) {
      const sealed = sealEnvelopeWith({ iv: Buffer.alloc(12) }, context, plaintext);
      const padding = /=+$/.exec(sealed)?.[0] ?? '';
      if (padding !== '') {
        const last = sealed.length - padding.length - 1;
        expect(openCode(sealed.slice(0, last) + bump(sealed[last] ?? '') + padding)).toBe('DECRYPT_FAILED');
      }
      const ct = String(partsOf(sealed).ct);
      if (ct.length % 4 !== 0) {
        const loose = ct.slice(0, -1) + bump(ct.at(-1) ?? '');
        expect(openCode(rebuilt(sealed, { ct: loose }))).toBe('DECRYPT_FAILED');
      }
    }
  });

  it('refuses a spliced account, key version or type, even for the right caller', () => {
    expect(openCode(rebuilt(envelope, { sid: 'AC2' }), { accountId: 'AC2' })).toBe('DECRYPT_FAILED');
    expect(openCode(rebuilt(envelope, { kv: 2 }), { keyVersion: 2 })).toBe('DECRYPT_FAILED');
    expect(openCode(rebuilt(envelope, { t: 'email' }))).toBe('DECRYPT_FAILED');
    expect(openCode(rebuilt(envelope, { t: '' }))).toBe('DECRYPT_FAILED');
  });

  it('answers another account, version, key and context alike', () => {
    const others = [{ accountId: 'AC2' }, { keyVersion: 2 }, { key: createSecretKey(randomBytes(32)) }, { ctx: 'c' }];
    for (const other of others) expect(openCode(envelope, other)).toBe('DECRYPT_FAILED');
  });

  it('names an unknown suite as such', () => {
    expect(openCode(rebuilt(envelope, { crypto_id: 4 }))).toBe('SUITE_UNKNOWN');
    expect(codeOf(() => readEnvelopeHeader(rebuilt(envelope, { crypto_id: 9 })))).toBe('SUITE_UNKNOWN');
    expect(openCode(rebuilt(envelope, { crypto_id: '1' }))).toBe('DECRYPT_FAILED');
  });

  it('does not fail on any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json().map(base64)), (text) => {
        expect(openCode(text)).toBe('DECRYPT_FAILED');
      }),
    );
  });
});
