import { describe, expect, test } from 'vitest';
import { typesOfValue } from '../../../src/domain/privacy/detect-types.ts';
import { SampledTypes } from '../../../src/domain/privacy/sampled-types.ts';
import { SemanticTypes } from '../../../src/domain/privacy/semantic-type.ts';

describe('what a value looks like', () => {
  test.each<[unknown, string[]]>([
    ['ann@example.com', ['email']],
    ['jörg+tag@bücher.example', ['email']],
    ['@example.com', []],
    ['a@b', []],
    ['+14155552671', ['phonenumber']],
    ['whatsapp:+49 30 1234567', ['phonenumber']],
    ['(415) 555-2671', ['phonenumber']],
    ['415-555-2671', ['phonenumber']],
    ['4155552671', []],
    ['2018-06-04', []],
    ['+1', []],
    ['203.0.113.7', ['ip']],
    ['203.0.113.256', []],
    ['2001:db8::1', ['ip']],
    ['::ffff:203.0.113.7', ['ip']],
    ['1:2:3:4:5:6:7:8', ['ip']],
    ['1:2:3:4:5:6:7', []],
    ['1::2::3', []],
    ['12:30', []],
    ['4111111111111111', ['pan']],
    ['4111 1111 1111 1111', ['pan']],
    ['3782-822463-10005', ['pan']],
    [4111111111111111, ['pan']],
    [4111111111111112n, []],
    ['9111111111111110', []],
    ['123-45-6789', ['ssn']],
    ['000-45-6789', []],
    ['https://example.com/x?token=1', ['url']],
    ['sip:ann@example.com', ['sip_uri']],
    ['2018-06-04T10:00:00Z', ['datetime']],
    ['please call me back', ['customertext']],
    ['a b', []],
    ['', []],
    [true, []],
    [12.5, []],
    ['x'.repeat(100_000), []],
    ['word '.repeat(2_000), ['customertext']],
  ])('case %#', (value, types) => {
    expect(typesOfValue(value)).toEqual(types);
  });
});

describe('a sample', () => {
  const types = new SemanticTypes();
  const sampled = (records: readonly unknown[], fields: readonly [string, string | null][] = []) => {
    const sample = new SampledTypes(
      types,
      fields.map(([path, semanticType]) => ({ path, semanticType })),
    );
    for (const record of records) sample.add(record);
    return sample.suggestions();
  };
  const many = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));

  test('suggests by values, with how many look so, and is surer of more', () => {
    const of = (count: number) => sampled(many(count, (n) => ({ contact: n % 2 === 0 ? `u${n}@x.example` : 'none' })));
    expect(of(200)).toEqual([
      {
        path: 'contact',
        semanticType: 'email',
        basis: 'VALUES',
        hits: 100,
        seen: 200,
        confidence: 0.43,
        declared: null,
      },
    ]);
    const few = of(4);
    expect([few[0]?.hits, few[0]?.confidence]).toEqual([2, 0.15]);
  });

  test('goes by the name of a field too, and is less sure then', () => {
    const found = sampled(many(50, (n) => ({ emailAddress: `masked-${n}`, dob: '1990-01-01', other: 1 })));
    expect(
      found.map(({ path, semanticType, basis, hits, confidence }) => [path, semanticType, basis, hits, confidence]),
    ).toEqual([
      ['dob', 'date_of_birth', 'NAME', 0, 0.5],
      ['emailAddress', 'email', 'NAME', 0, 0.5],
    ]);
  });

  test('writes paths as the catalog does, and tells what the schema says of them', () => {
    const records = many(10, (n) => ({
      user: { phones: ['+14155552671', '+14155552672'] },
      contacts: { [`k${n}`]: { mail: `u${n}@x.example` } },
    }));
    const found = sampled(records, [
      ['user.phones[]', 'phonenumber'],
      ['contacts{}.mail', null],
    ]);
    expect(found.map(({ path, semanticType, hits, declared }) => [path, semanticType, hits, declared])).toEqual([
      ['user.phones[]', 'phonenumber', 20, 'phonenumber'],
      ['contacts{}.mail', 'email', 10, null],
    ]);
  });

  test('holds no value, not even where values are keys', () => {
    const records = many(30, (n) => ({
      byMail: { [`ann${n}@x.example`]: 'hello there my friend' },
      byName: { [`ann${n}`]: `ann${n}@x.example`, [`bob${n}`]: '+14155552671' },
      note: `ann${n} wrote to bob${n} again`,
    }));
    const text = JSON.stringify(sampled(records));
    expect(text).not.toMatch(/ann|bob|hello|x\.example|4155/);
    expect(sampled(records).map(({ path }) => path)).toEqual(['byMail{}', 'note', 'byName{}', 'byName{}']);
    // One record cannot tell which of its keys are names of fields.
    expect(JSON.stringify(sampled([{ ann: 'ann@x.example' }]))).not.toContain('ann');
    expect(sampled([{ ann: 'ann@x.example' }])[0]?.path).toBe('{}');
  });

  test('takes chance for chance: one number in ten passes the check of card numbers', () => {
    const luhn = many(1_000, (n) => ({
      order: `42${String(n * 7_919_000_017)
        .padStart(14, '0')
        .slice(0, 14)}`,
    }));
    expect(sampled(luhn)).toEqual([]);
    expect(sampled(many(20, () => ({ card: '4111111111111111' })))[0]).toMatchObject({ semanticType: 'pan', hits: 20 });
  });

  test('ends with what is huge, deep or strange', () => {
    let deep: unknown = 'u@x.example';
    for (let depth = 0; depth < 10_000; depth += 1) deep = { deep };
    const wide = Object.fromEntries(many(5_000, (n) => [`field${n}`, `u${n}@x.example`]));
    const found = sampled([deep, wide, wide, [], null, 'text', { __proto__: null, constructor: 'u@x.example' }]);
    expect(found.length).toBeLessThanOrEqual(500);
    expect(sampled([])).toEqual([]);
  });

  test('keeps no more places than it may, whatever keys records make up, and always those of the schema', () => {
    const keys = (prefix: string, inner: (n: number) => unknown) =>
      Object.fromEntries(many(250, (n) => [`${prefix}${n}`, inner(n)]));
    const madeUp = keys('a', (n) => keys(`b${n}_`, () => 1));
    const late = many(5, () => ({ late: { mail: 'u@x.example' } }));
    expect(sampled(late)[0]?.path).toBe('late.mail');
    expect(sampled([madeUp, ...late])).toEqual([]);
    expect(sampled([madeUp, ...late], [['late.mail', null]])).toMatchObject([{ path: 'late.mail', hits: 5 }]);
  });
});
