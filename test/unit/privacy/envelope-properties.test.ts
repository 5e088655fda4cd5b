import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextCommittedKey } from '../../../src/domain/privacy/commit-suite.ts';
import {
  type EnvelopeSuite,
  openEnvelope,
  readEnvelopeHeader,
  type SealContext,
  sealEnvelope,
  sealEnvelopeWith,
} from '../../../src/domain/privacy/envelope.ts';
import { EnvelopeOpener } from '../../../src/domain/privacy/envelope-opener.ts';
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

const suites = [1, 2, 3] as const;
const key = createSecretKey(randomBytes(32));
const contextOf = (suite: EnvelopeSuite): SealContext => ({
  ...{ suite, accountId: 'AC1', subjectScope: 'person 1', keyVersion: 3, semanticType: 'phonenumber', ctx: 'c', key },
});
const secret = 'Vertraulich-4711';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((made) => made.length <= 200 && !/[\p{Cc}\p{Cs}]/u.test(made));
const value = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 2_000 }),
  fc.bigInt(),
  fc.jsonValue({ depthSize: 'small' }).filter((json) => json !== null && JSON.stringify(json).isWellFormed()),
);
const context = fc
  .record({
    ...{ suite: fc.constantFrom(...suites), accountId: name, keyVersion: fc.integer({ min: 1, max: 0x7fffffff }) },
    ...{ semanticType: text, ctx: text, padding: fc.boolean(), subjectScope: fc.option(name, { nil: undefined }) },
  })
  .map((made): SealContext => ({ ...made, key }));

// Canonical JSON knows no negative zero and defines every key anew.
const asSealed = (input: unknown): unknown =>
  typeof input === 'object' || Object.is(input, -0) ? JSON.parse(JSON.stringify(input)) : input;

/** What an opener answers, in a form that can be compared. */
function outcome(open: () => unknown): unknown {
  try {
    return { value: open() };
  } catch (error) {
    return { error };
  }
}

describe('any value in any context', () => {
  it('comes back whole, and the header tells the context', () => {
    fc.assert(
      fc.property(context, value, (sealing, input) => {
        const { padding: _, suite, semanticType, ...opening } = sealing;
        const envelope = sealEnvelope(sealing, input);
        expect(openEnvelope(opening, envelope)).toEqual(asSealed(input));
        const { accountId, keyVersion, subjectScope } = opening;
        expect(readEnvelopeHeader(envelope)).toEqual({ suite, accountId, keyVersion, semanticType, subjectScope });
        expect('sub' in partsOf(envelope)).toBe(subjectScope !== undefined);
      }),
    );
  });

  it('opens in no other context', () => {
    fc.assert(
      fc.property(context, context, value, (sealing, other, input) => {
        const envelope = sealEnvelope(sealing, input);
        openEnvelope(sealing, envelope);
        for (const member of ['accountId', 'keyVersion', 'subjectScope', 'ctx'] as const) {
          if (sealing[member] === other[member]) continue;
          const code = codeOf(() => openEnvelope({ ...sealing, [member]: other[member] }, envelope));
          expect(code, member).toBe('DECRYPT_FAILED');
        }
      }),
    );
  });

  it('opens under no other name: an item of the header does not stand for another', () => {
    fc.assert(
      fc.property(context, name, name, (sealing, sub, sid) => {
        const { subjectScope: _, ...ofAccount } = sealing;
        const plain = sealEnvelope({ ...ofAccount, ctx: sub }, 'a');
        const { crypto_id, sid: own, ...rest } = partsOf(plain);
        const named = base64(JSON.stringify({ crypto_id, sid: own, sub, ...rest }));
        expect(readEnvelopeHeader(named).subjectScope).toBe(sub);
        const opening = { ...ofAccount, ctx: '', subjectScope: sub };
        expect(codeOf(() => openEnvelope(opening, named))).toBe('DECRYPT_FAILED');
        if (sid === sealing.accountId) return;
        const moved = rebuilt(plain, { sid });
        expect(codeOf(() => openEnvelope({ ...ofAccount, ctx: sub, accountId: sid }, moved))).toBe('DECRYPT_FAILED');
      }),
    );
  });

  it('leaves no trace in an error', () => {
    const errors: unknown[] = [];
    for (const suite of suites) {
      const sealing = contextOf(suite);
      const envelope = sealEnvelope(sealing, secret);
      for (const bad of [`${envelope} `, rebuilt(envelope, { t: 'x' }), rebuilt(envelope, { sid: 'AC2' })])
        errors.push(outcome(() => openEnvelope(sealing, bad)));
      const values = [`${secret}\ud800`, { [secret]: new Date() }, { a: [`${secret}\udc00`] }, secret.repeat(100_000)];
      for (const bad of values) errors.push(outcome(() => sealEnvelope(sealing, bad)));
      errors.push(outcome(() => sealEnvelope({ ...sealing, accountId: `${secret}\n` }, 'a')));
      errors.push(outcome(() => sealEnvelope({ ...sealing, subjectScope: `${secret}\ud800` }, 'a')));
      // An authentic plaintext that is not what an envelope holds.
      const foreign = sealEnvelope({ ...sealing, padding: false }, `${secret}`);
      errors.push(outcome(() => openEnvelope({ ...sealing, ctx: secret }, foreign)));
    }
    for (const error of errors) {
      expect(error).toHaveProperty('error.name', 'LinewardError');
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
    }
  });
});

describe.each(suites)('suite %i', (suite) => {
  const sealing = contextOf(suite);
  const envelope = sealEnvelope(sealing, secret);
  const warm = new EnvelopeOpener(sealing);
  warm.open(envelope);
  /** What one who knows the header answers, and one who does not, which must be the same. */
  const openCode = (bad: string, changes: Partial<SealContext> = {}): string => {
    const code = codeOf(() => new EnvelopeOpener({ ...sealing, ...changes }).open(bad));
    if (Object.keys(changes).length === 0) expect(codeOf(() => warm.open(bad))).toBe(code);
    return code;
  };

  it('refuses every flip of one bit, in the text and in the bytes that it says', () => {
    for (const [form, original] of [
      ['latin1', Buffer.from(envelope, 'latin1')],
      ['base64', Buffer.from(envelope, 'base64')],
    ] as const) {
      for (const flipped of bitFlips(original)) {
        const bad = flipped.toString(form);
        expect(openCode(bad), bad).toBe(refusalOf(bad));
      }
    }
    for (const flipped of bitFlips(ciphertextOf(envelope)))
      expect(openCode(withCiphertext(envelope, flipped))).toBe('DECRYPT_FAILED');
  });

  it('refuses every truncation, of the text and of the ciphertext, from either end', () => {
    for (let length = 0; length < envelope.length; length += 1) {
      expect(openCode(envelope.slice(0, length))).toBe('DECRYPT_FAILED');
      if (length > 0) expect(openCode(envelope.slice(length))).toBe('DECRYPT_FAILED');
    }
    const ct = ciphertextOf(envelope);
    for (let length = 0; length < ct.length; length += 1) {
      expect(openCode(withCiphertext(envelope, ct.subarray(0, length)))).toBe('DECRYPT_FAILED');
      if (length > 0) expect(openCode(withCiphertext(envelope, ct.subarray(length)))).toBe('DECRYPT_FAILED');
    }
  });

  it('refuses every splice of two envelopes', () => {
    const other = sealEnvelope({ ...sealing, semanticType: 'email' }, 'jdoe@example.com');
    const twin = sealEnvelope(sealing, `${secret.slice(0, -1)}2`);
    for (const second of [other, twin]) {
      for (let at = 1; at < envelope.length; at += 1) {
        const bad = envelope.slice(0, at) + second.slice(at);
        if (bad !== envelope && bad !== second) expect(openCode(bad), `at ${at}`).toBe('DECRYPT_FAILED');
      }
      const [one, two] = [ciphertextOf(envelope), ciphertextOf(second)];
      for (let at = 1; at < one.length; at += 1) {
        const mixed = Buffer.concat([one.subarray(0, at), two.subarray(at)]);
        if (mixed.equals(one) || mixed.equals(two)) continue;
        expect(openCode(withCiphertext(envelope, mixed)), `at ${at}`).toBe('DECRYPT_FAILED');
      }
    }
  });

  it('refuses members that are swapped, doubled, missing or added', () => {
    expect(openCode(rebuilt(envelope, { sid: 'AC2' }), { accountId: 'AC2' })).toBe('DECRYPT_FAILED');
    expect(openCode(rebuilt(envelope, { sub: 'person 2' }), { subjectScope: 'person 2' })).toBe('DECRYPT_FAILED');
    expect(openCode(rebuilt(envelope, { sub: undefined }), { subjectScope: undefined })).toBe('DECRYPT_FAILED');
    expect(openCode(rebuilt(envelope, { kv: 4 }), { keyVersion: 4 })).toBe('DECRYPT_FAILED');
    expect(openCode(rebuilt(envelope, { t: 'email' }))).toBe('DECRYPT_FAILED');
    for (const other of suites.filter((known) => known !== suite))
      expect(openCode(rebuilt(envelope, { crypto_id: other }))).toBe('DECRYPT_FAILED');
    const json = jsonOf(envelope);
    const { sid, sub, kv, t, ct } = partsOf(envelope);
    const members = { crypto_id: suite, sid, sub, kv, t, ct };
    for (const [member, held] of Object.entries(members)) {
      const written = `"${member}":${JSON.stringify(held)}`;
      expect(json).toContain(written);
      for (const bad of [
        json.replace(written, `${written},${written}`),
        json.replace('}', `,${written}}`),
        json.replace(written, `"x":1,${written}`),
        json.replace(`${written},`, ''),
        json.replace(written, `"${member}":null`),
        json.replace(written, `"${member}":[]`),
      ])
        if (bad !== json) expect(openCode(base64(bad)), bad).toBe('DECRYPT_FAILED');
    }
  });

  it('refuses base64 that is written in another way', () => {
    for (const input of ['a', 'ab', 'abc', 'abcd']) {
      const good = sealEnvelope(sealing, input);
      const json = jsonOf(good);
      const ct = String(partsOf(good).ct);
      const urlAlphabet = good.replaceAll('+', '-').replaceAll('/', '_');
      const variants = [
        ...[`${good} `, ` ${good}`, `${good}\n`, `${good.slice(0, 9)}\r\n${good.slice(9)}`, `${good}=`, `${good}==`],
        ...[good.replace(/=+$/, ''), `${good}AAAA`, `${good}A`, `=${good}`, urlAlphabet],
        ...['=', ' ', '+', 'A', 'AA', 'AAA', '%'].map((more) => base64(json.replace(ct, ct + more))),
        base64(json.replace(ct, Buffer.from(ct, 'base64url').toString('base64'))),
        ...['\ufeff', ' ', '\n'].map((before) => base64(before + json)),
      ].filter((bad) => bad !== good);
      for (const bad of variants) expect(openCode(bad), bad).toBe('DECRYPT_FAILED');
    }
  });

  it('refuses a tag of 4 bytes, also of an empty text', () => {
    for (const input of [secret, '']) {
      const good = sealEnvelope(sealing, input);
      const ct = ciphertextOf(good);
      const bad = withCiphertext(good, ct.subarray(0, ct.length - 12));
      expect(openCode(bad)).toBe('DECRYPT_FAILED');
      expect(codeOf(() => readEnvelopeHeader(bad))).toBe(input === '' ? 'DECRYPT_FAILED' : 'nothing thrown');
    }
  });

  it('reads no header that cannot be', () => {
    for (const change of [{ kv: 0 }, { kv: 1.5 }, { sid: '' }, { sid: 'a\n' }, { sub: '' }, { t: '\ud800' }, { t: 1 }])
      expect(codeOf(() => readEnvelopeHeader(rebuilt(envelope, change)))).toBe('DECRYPT_FAILED');
    const replacement = sealEnvelope({ ...sealing, semanticType: '\ufffd' }, secret);
    expect(openCode(rebuilt(replacement, { t: '\ud800' }))).toBe('DECRYPT_FAILED');
  });

  it('names an unknown suite only where all else is written as it must be', () => {
    const unknown = rebuilt(envelope, { crypto_id: 4 });
    expect(openCode(unknown)).toBe('SUITE_UNKNOWN');
    for (const bad of [
      ` ${unknown}`,
      `${unknown}=`,
      base64(` ${jsonOf(unknown)}`),
      rebuilt(envelope, { crypto_id: '4' }),
    ])
      expect(openCode(bad)).toBe('DECRYPT_FAILED');
  });

  it('keeps padding out of the length', () => {
    const lengths = ['', '1', '1234567890', '12345678901'].map(
      (input) => sealEnvelope({ ...sealing, padding: true }, input).length,
    );
    expect(new Set(lengths.slice(0, 3)).size).toBe(1);
    expect(lengths[3]).toBeGreaterThan(lengths[2]!);
  });
});

describe('an opener that knows the header', () => {
  const opening = (sealing: SealContext): EnvelopeOpener => new EnvelopeOpener(sealing);
  const mutation = fc.oneof(
    fc.record({ at: fc.nat(), flip: fc.integer({ min: 1, max: 255 }), level: fc.constantFrom('text', 'json', 'ct') }),
    fc.record({
      ...{ at: fc.nat(), cut: fc.nat({ max: 4 }), end: fc.boolean(), level: fc.constantFrom('text', 'ct') },
      insert: fc.oneof(fc.string({ maxLength: 8 }), fc.string({ unit: fc.constantFrom(...' \n=+/-_A'), maxLength: 4 })),
    }),
    fc.record({ set: fc.dictionary(fc.constantFrom('crypto_id', 'sid', 'sub', 'kv', 't', 'ct', 'x'), fc.jsonValue()) }),
  );

  it('answers as one that reads it, whatever was done to the envelope', () => {
    fc.assert(
      fc.property(context, text, fc.array(mutation, { maxLength: 3 }), (sealing, input, mutations) => {
        const good = sealEnvelope(sealing, input);
        const warm = opening(sealing);
        expect(warm.open(good)).toBe(input);
        const bad = mutations.reduce(mutated, good);
        expect(outcome(() => warm.open(bad))).toEqual(outcome(() => opening(sealing).open(bad)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('knows several suites and types at once, and more than it keeps', () => {
    const warm = opening(contextOf(1));
    for (let round = 0; round < 2; round += 1)
      for (let type = 0; type < 20; type += 1)
        for (const suite of suites) {
          const envelope = sealEnvelope({ ...contextOf(suite), semanticType: `t${type}` }, `v${type}`);
          expect(warm.open(envelope)).toBe(`v${type}`);
        }
  });

  it('is not moved by a caller that changes its context', () => {
    const changing: { -readonly [Member in keyof SealContext]: SealContext[Member] } = { ...contextOf(1) };
    sealEnvelope(changing, 'a');
    changing.accountId = 'AC2';
    const envelope = sealEnvelope(changing, 'a');
    expect(readEnvelopeHeader(envelope).accountId).toBe('AC2');
    expect(openEnvelope({ ...contextOf(1), accountId: 'AC2' }, envelope)).toBe('a');
    const opener = opening(changing);
    changing.accountId = 'AC3';
    expect(opener.open(envelope)).toBe('a');
  });
});

type Mutation =
  | { readonly at: number; readonly flip: number; readonly level: string }
  | {
      readonly at: number;
      readonly cut: number;
      readonly end: boolean;
      readonly level: string;
      readonly insert: string;
    }
  | { readonly set: Readonly<Record<string, unknown>> };

function mutated(good: string, mutation: Mutation): string {
  try {
    if ('set' in mutation) return rebuilt(good, mutation.set);
    if ('cut' in mutation) {
      const { at, cut, end, insert, level } = mutation;
      const old = level === 'text' ? good : String(partsOf(good).ct);
      const start = end ? Math.max(0, old.length - cut) : at % (old.length + 1);
      const made = old.slice(0, start) + insert + old.slice(start + cut);
      return level === 'text' ? made : rebuilt(good, { ct: made });
    }
    if (mutation.level === 'ct') return withCiphertext(good, flipped(ciphertextOf(good), mutation));
  } catch {
    return good;
  }
  const form = mutation.level === 'text' ? 'latin1' : 'base64';
  return flipped(Buffer.from(good, form), mutation).toString(form);
}

function flipped(original: Buffer, { at, flip }: { readonly at: number; readonly flip: number }): Buffer {
  if (original.length > 0) original[at % original.length]! ^= flip;
  return original;
}

describe('the key-committing suite', () => {
  it('derives anew per account key, and once for the messages of an epoch', () => {
    const saltOf = (envelope: string): string => ciphertextOf(envelope).subarray(0, 32).toString('hex');
    const sealWith = (other: KeyObject): string => sealEnvelope({ ...contextOf(2), key: other }, 'a');
    const another = createSecretKey(randomBytes(32));
    expect(saltOf(sealWith(key))).toBe(saltOf(sealWith(key)));
    expect(saltOf(sealWith(another))).not.toBe(saltOf(sealWith(key)));
  });

  it('takes a new salt after 2^20 messages', () => {
    const another = createSecretKey(randomBytes(32));
    const first = nextCommittedKey(another);
    for (let message = 1; message < 2 ** 20; message += 1)
      if (nextCommittedKey(another) !== first) expect.unreachable(`message ${message}`);
    expect(nextCommittedKey(another).prefix).not.toEqual(first.prefix);
  });

  it('opens messages of several epochs in any order', () => {
    const envelopes = Array.from({ length: 70 }, (_, epoch) => {
      const salt = Buffer.alloc(32, 1);
      salt[31] = epoch;
      return sealEnvelopeWith({ iv: randomBytes(12), salt }, contextOf(2), `v${epoch}`);
    });
    for (const order of [envelopes, envelopes.toReversed()])
      for (const envelope of order)
        expect(openEnvelope(contextOf(2), envelope)).toBe(`v${envelopes.indexOf(envelope)}`);
  });
});

describe('the deterministic suite', () => {
  it('makes the same envelope of the same value, and another in another context', () => {
    const sealing = contextOf(3);
    expect(sealEnvelope(sealing, 'a')).toBe(sealEnvelope({ ...sealing }, 'a'));
    for (const change of [{ ctx: 'd' }, { semanticType: 'email' }, { subjectScope: 'p2' }, { keyVersion: 4 }]) {
      const other = sealEnvelope({ ...sealing, ...change }, 'a');
      expect(ciphertextOf(other)).not.toEqual(ciphertextOf(sealEnvelope(sealing, 'a')));
    }
  });
});
