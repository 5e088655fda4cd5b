import { describe, expect, it } from 'vitest';
import { WeighedCache } from '../../../src/services/registry/weighed-cache.ts';

const cache = () => new WeighedCache<string, number>({ entriesMax: 3, weightMax: 100 });

describe('a cache by weight', () => {
  it('forgets what was used longest ago, when there are too many', () => {
    const one = cache();
    for (const key of ['a', 'b', 'c']) one.set(key, 1, 1);
    one.get('a');
    one.set('d', 1, 1);
    expect(['a', 'b', 'c', 'd'].map((key) => one.get(key))).toEqual([1, undefined, 1, 1]);
  });

  it('forgets as many as it takes, when they are too heavy', () => {
    const one = cache();
    one.set('a', 1, 50);
    one.set('b', 2, 50);
    one.set('c', 3, 60);
    expect(['a', 'b', 'c'].map((key) => one.get(key))).toEqual([undefined, undefined, 3]);
  });

  it('never keeps what is too heavy by itself', () => {
    const one = cache();
    one.set('a', 1, 101);
    expect(one.get('a')).toBeUndefined();
    one.set('b', 2, 100);
    expect(one.get('b')).toBe(2);
  });

  it('counts once what is set many times', () => {
    const one = cache();
    for (let turn = 0; turn < 10; turn += 1) one.set('a', turn, 40);
    one.set('b', 2, 60);
    expect(['a', 'b'].map((key) => one.get(key))).toEqual([9, 2]);
  });
});
