import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSearchQuery } from '../../../src/domain/registry/search-query.ts';

const words = (text: string) => readSearchQuery(text).map((term) => term.words);
const thrownBy = (text: string): unknown => {
  try {
    return readSearchQuery(text);
  } catch (error) {
    return error;
  }
};

describe('a search query', () => {
  test.each<[string, readonly string[]]>([
    ['MessageBody', ["('message':* & 'body':*) | 'messagebody':*"]],
    ['message_body', ["('message':* & 'body':*) | 'messagebody':*"]],
    ['message-body', ["('message':* & 'body':*) | 'messagebody':*"]],
    ['message body', ["'message':*", "'body':*"]],
    ['HTTPServer2Go', ["('http':* & 'server2':* & 'go':*) | 'httpserver2go':*"]],
    ['Café ÜBER', ["'cafe':*", "'uber':*"]],
    ['a', ["'a':ABCD"]],
    ['日本語', ["'日本語':*"]],
    [' \t\n ', []],
    ["%_* & | ! ' \\ () <->", []],
  ])('%j is the words %j', (text, expected) => {
    expect(words(text)).toEqual(expected);
  });

  test('asks the same of names alone', () => {
    expect(readSearchQuery('userMail x').map((term) => term.names)).toEqual([
      "('user':*A & 'mail':*A) | 'usermail':*A",
      "'x':A",
    ]);
  });

  test('has operators of ours only, whatever it says', () => {
    const form = /^\(?'[\p{L}\p{N}]+':[*ABCD]+( & '[\p{L}\p{N}]+':[*ABCD]+)*(\) \| '[\p{L}\p{N}]+':[*ABCD]+)?$/u;
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const found = thrownBy(text);
        if (!Array.isArray(found)) expect(found).toMatchObject({ code: 'LIMIT_EXCEEDED' });
        else for (const term of found) for (const query of [term.words, term.names]) expect(query).toMatch(form);
      }),
    );
  });

  test('has at most 256 characters and 16 words', () => {
    expect(words('a'.repeat(256))).toHaveLength(1);
    expect(words('ab '.repeat(16))).toHaveLength(16);
    for (const text of ['a'.repeat(257), 'ab '.repeat(17)])
      expect(thrownBy(text)).toMatchObject({ code: 'LIMIT_EXCEEDED', field: ['query'] });
  });
});
