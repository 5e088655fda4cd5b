import { describe, expect, test } from 'vitest';
import { type PageRequest, pageOf } from '../../../src/domain/page.ts';

const items = ['d', 'a', 'c', 'e', 'b'].map((key) => ({ key }));
const page = (request: PageRequest, scope = 'letters') => {
  const found = pageOf(items, request, { scope, keyOf: ({ key }) => key });
  return {
    keys: found.items.map(({ key }) => key).join(''),
    next: found.hasNextPage,
    previous: found.hasPreviousPage,
    cursorOf: (key: string) => found.cursorOf({ key }),
  };
};
const cursor = (key: string) => page({}).cursorOf(key);

describe('a page of a list in memory', () => {
  test.each<[PageRequest, string, boolean, boolean]>([
    [{}, 'abcde', false, false],
    [{ first: 2 }, 'ab', true, false],
    [{ first: 2, after: cursor('b') }, 'cd', true, true],
    [{ first: 2, after: cursor('d') }, 'e', false, true],
    [{ last: 2 }, 'de', false, true],
    [{ last: 2, before: cursor('d') }, 'bc', true, true],
    [{ last: 2, before: cursor('b') }, 'a', true, false],
    [{ first: 3, after: cursor('a'), before: cursor('d') }, 'bc', false, true],
    [{ first: 0 }, '', true, false],
    // What is gone meanwhile is a place all the same.
    [{ after: cursor('bb') }, 'cde', false, true],
  ])('%j', (request, keys, next, previous) => {
    expect(page(request)).toMatchObject({ keys, next, previous });
  });

  test('counts all, and takes no cursor of another list', async () => {
    const found = pageOf(items, { first: 1 }, { scope: 'letters', keyOf: ({ key }) => key });
    expect(await found.totalCount()).toBe(5);
    expect(() => page({ after: cursor('a') }, 'others')).toThrowError(expect.objectContaining({ code: 'BAD_CURSOR' }));
    expect(() => page({ first: 101 })).toThrowError(expect.objectContaining({ code: 'BAD_INPUT' }));
  });
});
