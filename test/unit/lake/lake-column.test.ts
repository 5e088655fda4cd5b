import { describe, expect, test } from 'vitest';
import { columnFault, textFault } from '../../../src/domain/lake/lake-column.ts';

describe('a column takes what it keeps exactly', () => {
  test.each([
    ['VARCHAR', 'a\u{1f600}b'],
    ['VARCHAR', null],
    ['DOUBLE', -0.5],
    ['BIGINT', '-9223372036854775808'],
    // JSON text has both escaped.
    ['JSON', { text: 'a\0\ud800' }],
  ] as const)('%s takes %j', (type, value) => {
    expect(columnFault(type, value)).toBeNull();
  });

  test.each([
    ['VARCHAR', 'a\0b', /U\+0000/],
    ['VARCHAR', 'a\ud800b', /half of a surrogate pair/],
    ['VARCHAR', 7, /is not a VARCHAR/],
    ['DOUBLE', Number.POSITIVE_INFINITY, /is not a DOUBLE/],
    ['INTEGER', 2 ** 31, /is not a INTEGER/],
    ['BIGINT', 2 ** 53, /is not a BIGINT/],
  ] as const)('%s refuses %j', (type, value, fault) => {
    expect(columnFault(type, value)).toMatch(fault);
  });
});

test('what is no text has no fault as a text', () => {
  expect(textFault(7)).toBeNull();
});
