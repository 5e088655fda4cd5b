import { expect, test } from 'vitest';
import { testCount } from '../../../tools/check/count-tests.ts';

const file = (status: string, ...tests: string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((result, index) => ({ fullName: `${result} ${index}`, status: result })),
});

test('counts passed and failed tests, and everything that did not run as skipped, by name', () => {
  const report = { testResults: [file('failed', 'passed', 'failed', 'skipped'), file('passed', 'passed', 'todo')] };
  expect(testCount(report)).toEqual({ passed: 2, failed: 1, skipped: 2, names: ['skipped 2', 'todo 1'] });
});

test('counts a file that broke before its first test as a failure', () => {
  expect(testCount({ testResults: [file('failed'), file('passed', 'passed')] })).toMatchObject({
    failed: 1,
    passed: 1,
  });
});

test('counts a file whose hook failed although its tests were skipped as a failure', () => {
  expect(testCount({ testResults: [file('failed', 'skipped')] })).toMatchObject({ failed: 1, skipped: 1 });
});
