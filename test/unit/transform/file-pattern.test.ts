import { expect, test } from 'vitest';
import { readFilePattern } from '../../../src/domain/transform/file-pattern.ts';

const matches = (pattern: string, path: string): boolean => readFilePattern(pattern, 'file:///lake').matches(path);

test.each([
  ['in/a.csv', 'in/a.csv', true],
  ['in', 'in/b/c.csv', true],
  ['file:///lake/in', 'in/c.csv', true],
  ['in', 'inn/c.csv', false],
  ['in/*.csv', 'in/c.csv', true],
  ['in/*.csv', 'in/d/c.csv', false],
  ['in/**/*.csv', 'in/c.csv', true],
  ['in/**/*.csv', 'in/d/e/c.csv', true],
  ['in/*/x-?.csv', 'in/d/x-1.csv', true],
  ['in/*/x-?.csv', 'in/d/x-12.csv', false],
  ['in/**', 'in/d/e', true],
])('%s and %s: %s', (pattern, path, expected) => {
  expect(matches(pattern, path)).toBe(expected);
});

test('a hostile pattern ends', () => {
  expect(matches(`in/${'*a'.repeat(200)}b`, `in/${'a'.repeat(250)}`)).toBe(false);
});

test.each(['*', '/etc/*', 'in/../*', 'in/*/../x', '../in', 'in/*//x', 's3://other/in/*', 'in/*/\0'])(
  '%j is refused',
  (text) => {
    expect(() => readFilePattern(text, 'file:///lake')).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  },
);
