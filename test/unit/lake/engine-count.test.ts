import { expect, test } from 'vitest';
import { engineCount } from '../../../src/adapters/lake/engine-count.ts';

const each = { threads: 2, memoryLimitMb: 512 };

test.each([
  ['a laptop of 8 cores and 16 GB', { cores: 8, memoryMb: 16_384 }, 4],
  ['a container with little memory', { cores: 16, memoryMb: 2_048 }, 2],
  ['one core', { cores: 1, memoryMb: 16_384 }, 1],
  ['less memory than an engine wants', { cores: 8, memoryMb: 256 }, 1],
  ['a machine with more than a disk can feed', { cores: 128, memoryMb: 1_048_576 }, 16],
])('%s', (_, machine, count) => {
  expect(engineCount(each, machine)).toBe(count);
});

test('this machine has one at least', () => {
  expect(engineCount(each)).toBeGreaterThanOrEqual(1);
});
