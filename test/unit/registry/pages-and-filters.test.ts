import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pageWindow, writeCursor } from '../../../src/domain/page.ts';
import {
  booleanCondition,
  type Operators,
  someTextCondition,
  type TextConditions,
  textCondition,
} from '../../../src/services/text-filter.ts';

const anyKeys = () => true;
const refusal = (field: string, code: string) => expect.objectContaining({ code, field: [field] });
const thrownBy = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('a page window', () => {
  test('reads back the keys of any cursor of its scope', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (keys, scope) => {
        const after = writeCursor(scope, keys);
        expect(pageWindow({ after }, scope, anyKeys)).toMatchObject({ from: keys, until: null, backwards: false });
        expect(pageWindow({ last: 3, before: after }, scope, anyKeys)).toMatchObject({
          size: 3,
          from: keys,
          backwards: true,
        });
        expect(thrownBy(() => pageWindow({ after }, `${scope}.`, anyKeys))).toEqual(refusal('after', 'BAD_CURSOR'));
      }),
    );
  });

  test('refuses whatever is no cursor', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          fc.json().map((text) => Buffer.from(text).toString('base64url')),
        ),
        (before) => {
          expect(thrownBy(() => pageWindow({ before }, 'scope', anyKeys))).toEqual(refusal('before', 'BAD_CURSOR'));
        },
      ),
    );
  });

  test('refuses keys that the list does not have', () => {
    const after = writeCursor('scope', ['a']);
    expect(thrownBy(() => pageWindow({ after }, 'scope', (keys) => keys.length === 2))).toEqual(
      refusal('after', 'BAD_CURSOR'),
    );
  });

  test('has 50 items unless told, and 0 to 100', () => {
    const sizeOf = (request: object) => pageWindow(request, '', anyKeys).size;
    expect([sizeOf({}), sizeOf({ first: 0 }), sizeOf({ last: 100 })]).toEqual([50, 0, 100]);
    for (const first of [-1, 101, 1.5, Number.NaN])
      expect(thrownBy(() => sizeOf({ first }))).toEqual(refusal('first', 'BAD_INPUT'));
    expect(thrownBy(() => sizeOf({ first: 1, last: 1 }))).toEqual(refusal('last', 'BAD_INPUT'));
  });
});

interface Filter extends Operators<Filter> {
  readonly name?: TextConditions;
  readonly place?: TextConditions;
  readonly words?: TextConditions;
}
const condition = (filter: Filter | undefined) =>
  booleanCondition(filter, {
    name: textCondition('name'),
    place: textCondition('place_column'),
    words: someTextCondition('word_column'),
  });

const conditionsOf = fc.record(
  { eq: fc.string(), startsWith: fc.string(), contains: fc.string(), in: fc.array(fc.string(), { maxLength: 5 }) },
  { requiredKeys: [] },
);
const filters = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.record(
    {
      name: conditionsOf,
      place: conditionsOf,
      words: conditionsOf,
      and: fc.array(tie('filter'), { maxLength: 2, depthIdentifier: 'filter' }),
      or: fc.array(tie('filter'), { maxLength: 2, depthIdentifier: 'filter' }),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<Filter>,
})).filter;

describe('a text filter', () => {
  test('puts texts into parameters only, one for each mark', () => {
    fc.assert(
      fc.property(filters, (filter) => {
        const found = thrownBy(() => condition(filter)) as { sql?: string; params?: unknown[] };
        if (found.sql === undefined) {
          expect(found).toEqual(refusal('filter', 'LIMIT_EXCEEDED'));
          return;
        }
        expect(found.sql).toMatch(
          /^(true|false|and|or|not|name|place_column|exists|select 1 from|unnest|word_column|item|where|@>|&&|::text\[\]|like|ilike|=|\?|[() ])+$/,
        );
        expect(found.sql.split('?').length - 1).toBe(found.params?.length);
      }),
    );
  });

  test('takes the wildcards of a text as they are', () => {
    expect(condition({ name: { startsWith: '50%_\\' } }).params).toEqual(['50\\%\\_\\\\%']);
    expect(condition({ name: { contains: '50%_\\' } }).params).toEqual(['%50\\%\\_\\\\%']);
  });

  test('of nothing lets everything through, of no alternative nothing', () => {
    expect(condition(undefined)).toEqual({ sql: 'true', params: [] });
    expect(condition({ or: [] }).sql).toContain('false');
    expect(condition({ name: { in: [] } }).sql).toContain('false');
  });
});
