import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { subjectScope } from '../../../src/domain/privacy/key-holder.ts';
import { normalizedText, tokenizeUnder } from '../../../src/domain/privacy/token.ts';
import vectors from '../../vectors/token.json' with { type: 'json' };

const key = createSecretKey(Buffer.from(vectors.keyHex, 'hex'));

describe('token vectors', () => {
  it.each(vectors.tokens)('makes of $type $in the token $out', (vector) => {
    expect(normalizedText(vector.type, vector.in)).toBe(vector.normalized);
    expect(tokenizeUnder(key)(vector.type, vector.in)).toBe(vector.out);
  });

  it.each(vectors.scopes)('makes of $accountId $field $value the scope $out', ({ out, ...subject }) => {
    expect(subjectScope(key, subject)).toBe(out);
  });
});

describe('the scope of a person', () => {
  it('tells parts apart wherever the border between them lies', () => {
    const names = [
      { accountId: 'a', field: 'bc', value: 'd' },
      { accountId: 'ab', field: 'c', value: 'd' },
      { accountId: 'a', field: 'b', value: 'cd' },
      { accountId: 'a', field: 'b\x001:c', value: 'd' },
    ];
    expect(new Set(names.map((name) => subjectScope(key, name))).size).toBe(4);
  });

  it('is refused for half a character, which as bytes equals every other half', () => {
    for (const value of ['\ud800', '\udc00'])
      expect(() => subjectScope(key, { accountId: 'a', field: 'b', value })).toThrow(/half a character/);
  });
});
