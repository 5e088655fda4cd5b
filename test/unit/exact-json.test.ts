import { expect, test } from 'vitest';
import { printExactJson, readExactJson } from '../../src/domain/exact-json.ts';

const long = '12345678901234567890';

test.each([
  ['alone', long],
  ['behind blanks', `\n\t ${long}`],
  ['below zero', `-${long}`],
  ['as a value', `{"a":${long}}`],
  ['as a value behind a blank', `{"a": ${long}}`],
  ['as the first and the last of a list', `[${long},${long}]`],
  ['beside a text of digits', `{"sid":"SM${long}","a":[-${long}]}`],
] as const)('a long number keeps its digits %s', (_, text) => {
  expect(printExactJson(readExactJson(text))).toBe(text.replaceAll(/\s/g, ''));
});

test('texts of digits stay texts, and numbers that a double holds stay numbers', () => {
  const text = `{"sid":"${long}","SM${long}":"a ${long}","n":9007199254740991,"f":0.12345678901234567}`;
  expect(readExactJson(text)).toEqual(JSON.parse(text));
});

test.each(['', '{', `{"a":${long}`, `[${long},]`])('what is no JSON is refused: %j', (text) => {
  expect(() => readExactJson(text)).toThrow(SyntaxError);
});
