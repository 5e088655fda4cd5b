import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorOf, policy } from './plan-builders.ts';
import { as, avroField, avroLane, avroRecord, jsonLane, object, protobufLane, text } from './plan-lanes.ts';

/** A number that no protection leaves as it is. */
const canary = '+11234567890';
const array = (items: unknown) => ({ type: 'array', items });
const map = (values: unknown) => ({ type: 'map', values });

describe('a record inside itself', () => {
  const value = {
    phone: '911',
    note: 'a',
    children: [
      { phone: '12', note: 'b', children: [] },
      { phone: '+11234567890', note: 'c', children: [{ phone: '911', note: 'd', children: [] }] },
    ],
  };
  const expected = {
    phone: 'XXX',
    note: 'a',
    children: [
      { phone: 'XX', note: 'b', children: [] },
      { phone: '+1123456XXXX', note: 'c', children: [{ phone: 'XXX', note: 'd', children: [] }] },
    ],
  };

  it('is protected at every depth by a JSON Schema', () => {
    const { shown, plan } = jsonLane(
      object({ phone: text('phonenumber'), note: text(), children: array({ $ref: '#' }) }),
    );
    expect(shown(value)).toEqual(expected);
    expect(plan).toMatchObject({ gaps: ['note'], recurrences: [{ at: 'children[]', to: '' }] });
  });

  it('is protected at every depth in Avro, and in bare JSON of its schema', () => {
    const { shown, inBytes } = avroLane(
      avroRecord(
        'R',
        avroField('phone', 'string', 'phonenumber'),
        avroField('note', 'string'),
        avroField('children', array('R')),
      ),
    );
    expect(shown(value)).toEqual(expected);
    expect(inBytes(value)).toEqual(expected);
  });

  it('is protected at every depth in Protobuf, and in bare JSON of its schema', () => {
    const { shown, inBytes } = protobufLane(
      `message R { string phone = 1 ${as('phonenumber')}; string note = 2; repeated R children = 3; }`,
    );
    expect(shown(value)).toEqual(expected);
    expect(inBytes(value)).toEqual(expected);
  });
});

describe('records inside each other', () => {
  it('are protected through fields, maps and unions in Avro', () => {
    const b = avroRecord(
      'B',
      avroField('mail', ['null', 'string'], 'email'),
      avroField('back', ['null', 'A']),
      avroField('by_name', map('A')),
    );
    const { shown, inBytes } = avroLane(
      avroRecord('A', avroField('phone', 'string', 'phonenumber'), avroField('one', ['null', b, array('A')])),
    );
    const value = {
      phone: '911',
      one: { mail: 'ada@x.com', back: { phone: '12', one: null }, by_name: { k: { phone: '12', one: null } } },
    };
    const leaf = { phone: 'XX', one: null };
    const expected = { phone: 'XXX', one: { mail: 'a***@x.com', back: leaf, by_name: { k: leaf } } };
    for (const protect of [shown, inBytes]) {
      expect(protect(value)).toEqual(expected);
      expect(protect({ phone: '911', one: [value] })).toEqual({ phone: 'XXX', one: [expected] });
    }
  });

  it('are protected through $defs, maps and branches of JSON Schema, where they differ, too', () => {
    const { shown } = jsonLane({
      ...object({ first: { $ref: '#/$defs/a' } }),
      $defs: {
        a: object({ phone: text('phonenumber'), b: { oneOf: [{ type: 'null' }, { $ref: '#/$defs/b' }] } }),
        b: object({
          mail: text('email'),
          a: { allOf: [{ $ref: '#/$defs/a' }, object({ extra: text('name') })] },
          all: { type: 'object', additionalProperties: { $ref: '#/$defs/b' } },
        }),
      },
    });
    const inner = {
      mail: 'ada@x.com',
      a: { phone: '911', extra: 'Ada', b: { mail: 'ada@x.com' } },
      all: { k: { mail: 'ada@x.com' } },
    };
    const seen = {
      mail: 'a***@x.com',
      a: { phone: 'XXX', extra: 'XXXX', b: { mail: 'a***@x.com' } },
      all: { k: { mail: 'a***@x.com' } },
    };
    expect(shown({ first: { phone: '12', b: inner } })).toEqual({ first: { phone: 'XX', b: seen } });
    expect(shown({ first: { phone: '12', b: null } })).toEqual({ first: { phone: 'XX', b: null } });
  });

  it('are protected through maps and oneofs of Protobuf, two fields of one message, too', () => {
    const { shown, inBytes } = protobufLane(`
      message R { string phone = 1 ${as('phonenumber')}; R left = 2; R right = 3; map<string, N> by_name = 4; }
      message N { oneof way { string mail = 1 ${as('email')}; R back = 2; N next = 3; } }`);
    const value = {
      phone: '911',
      left: { phone: '12', right: { phone: '12', by_name: {} }, by_name: {} },
      by_name: { k: { next: { back: { phone: '12', by_name: {} } } }, l: { mail: 'ada@x.com' } },
    };
    const expected = {
      phone: 'XXX',
      left: { phone: 'XX', right: { phone: 'XX', by_name: {} }, by_name: {} },
      by_name: { k: { next: { back: { phone: 'XX', by_name: {} } } }, l: { mail: 'a***@x.com' } },
    };
    expect(shown(value)).toEqual(expected);
    expect(inBytes(value)).toMatchObject(expected);
  });

  it('keep what is in a union with another record', () => {
    const { shown, inBytes } = avroLane(
      avroRecord(
        'A',
        avroField('id', 'string'),
        avroField('next', [
          'null',
          'A',
          avroRecord('B', avroField('id', 'string', 'phonenumber'), avroField('x', 'int')),
        ]),
      ),
    );
    expect(inBytes({ id: '911', next: { 'n.A': { id: '911', next: { 'n.B': { id: '911', x: 1 } } } } })).toEqual({
      id: '911',
      next: { 'n.A': { id: 'XXX', next: { 'n.B': { id: 'XXX', x: 1 } } } },
    });
    expect(shown({ id: '911', next: { id: '911', x: 1 } })).toEqual({ id: '911', next: { id: 'XXX', x: 1 } });
  });
});

describe('a recursive field', () => {
  const schema = object({
    phone: text('phonenumber'),
    note: text(),
    reply: { $ref: '#', twilio_type: 'opaque' },
    next: { $ref: '#' },
  });

  it('gives its own type to what has none inside of it, and leaves the rest its own', () => {
    const { shown, plan } = jsonLane(schema);
    expect(
      shown({ phone: '12', note: 'a', reply: { phone: '12', note: 'b', next: { note: 'c' } }, next: { note: 'd' } }),
    ).toEqual({
      phone: 'XX',
      note: 'a',
      reply: { phone: 'XX', note: 'XXXX', next: { note: 'XXXX' } },
      next: { note: 'd' },
    });
    expect(plan.gaps).toEqual(['note']);
    expect(plan.steps.map(({ path }) => path)).toEqual(['phone', 'reply']);
  });

  it('follows the policy of the field further up', () => {
    const { shown } = jsonLane(schema, [policy('FIELD', 'Demo.SparkSummit#phone', 'REMOVE')]);
    expect(shown({ phone: '12', next: { phone: '12', next: { phone: '12' } } })).toEqual({
      phone: '',
      next: { phone: '', next: { phone: '' } },
    });
  });

  it('is encrypted inside, too, and then the plan says that it encrypts', () => {
    const { shown, plan } = jsonLane(schema, [policy('GLOBAL', null, 'ENCRYPT')]);
    expect(shown({ next: { next: { phone: '12' } } })).toEqual({ next: { next: { phone: 'sealed(12)' } } });
    expect(plan.encrypts).toBe(true);
  });

  it('leaves out what its record does not have', () => {
    expect(jsonLane(schema).shown({ next: { other: 1, next: { phone: '12', other: 1 } } })).toEqual({
      next: { next: { phone: 'XX' } },
    });
  });

  it.each([
    ['lists', 200, object({ phone: text('phonenumber'), next: array({ $ref: '#' }) }), (inner: unknown) => [inner]],
    ['records', 300, object({ phone: text('phonenumber'), next: { $ref: '#' } }), (inner: unknown) => inner],
    [
      'maps',
      200,
      object({ phone: text('phonenumber'), next: { type: 'object', additionalProperties: { $ref: '#' } } }),
      (inner: unknown) => ({ k: inner }),
    ],
  ])('loses what lies deeper than 256 levels of %s', (_name, depth, deep, within) => {
    const nested = (left: number): object =>
      left === 0 ? { phone: canary } : { phone: canary, next: within(nested(left - 1)) };
    const shown = JSON.stringify(jsonLane(deep).shown(nested(depth)));
    expect(shown).not.toContain(canary);
    expect(shown.split('+1123456XXXX').length).toBeGreaterThan(100);
  });

  it('is refused by the encodings where it lies deeper than they are read', () => {
    const { inBytes } = avroLane(
      avroRecord('R', avroField('phone', 'string', 'phonenumber'), avroField('next', ['null', 'R'])),
    );
    const nested = (depth: number): object => ({ phone: '911', next: depth === 0 ? null : nested(depth - 1) });
    expect(JSON.stringify(inBytes(nested(100)))).not.toContain('911');
    expect(errorOf(() => inBytes(nested(300))).code).toBe('VALUE_INVALID');
  });
});

const names = ['A', 'B', 'C'];

describe('plain values beside a record inside itself', () => {
  const note = avroField('note', ['null', 'string'], 'customertext');
  const value = {
    note: 'a',
    value: [
      { note: 'b', value: 'x' },
      { note: null, value: { k: { note: 'c', value: 1.5 } } },
    ],
  };
  const expected = {
    note: '',
    value: [
      { note: '', value: 'x' },
      { note: null, value: { k: { note: '', value: 1.5 } } },
    ],
  };

  it('pass in Avro and are a gap', () => {
    const { shown, inBytes, plan } = avroLane(
      avroRecord('R', note, avroField('value', ['null', 'string', 'double', array('R'), map('R')])),
    );
    expect(shown(value)).toEqual(expected);
    expect(inBytes(value)).toEqual(expected);
    expect(plan.gaps).toEqual(['value']);
  });

  it('pass in a list of a JSON Schema and are a gap', () => {
    const { shown, plan } = jsonLane(
      object({ phone: text('phonenumber'), all: array({ anyOf: [text(), { enum: [1] }, { $ref: '#' }] }) }),
    );
    expect(shown({ all: ['a', 1, { phone: '911', all: ['b', ['c']] }] })).toEqual({
      all: ['a', 1, { phone: 'XXX', all: ['b', null] }],
    });
    expect(plan.gaps).toEqual(['all']);
  });

  it('are protected where a branch gives them a type', () => {
    const { shown, inBytes } = avroLane(
      avroRecord('R', avroField('value', ['null', { type: 'string', twilio_type: 'phonenumber' }, 'R'])),
    );
    const nested = { value: { value: { value: '911' } } };
    for (const protect of [shown, inBytes]) expect(protect(nested)).toEqual({ value: { value: { value: 'XXX' } } });
  });

  it('go where the schema has records alone', () => {
    const { shown, plan } = jsonLane(object({ a: { oneOf: [object({ b: text() }), { $ref: '#' }] } }));
    expect(shown({ a: { a: '911', b: 'x' } })).toEqual({ a: { b: 'x' } });
    expect(plan.gaps).toEqual(['a.b']);
  });
});

interface Edge {
  readonly to: string;
  readonly kind: string;
}

/** Records that hold a number each, and each other in any way. */
const graph = fc.array(
  fc.array(fc.record({ to: fc.constantFrom(...names), kind: fc.constantFrom('one', 'list', 'map', 'lists') }), {
    maxLength: 3,
  }),
  { minLength: 3, maxLength: 3 },
);

function jsonOf(edges: readonly Edge[][]): object {
  const wrap = (kind: string, inner: object): object => {
    if (kind === 'list') return array(inner);
    if (kind === 'lists') return array(array(inner));
    return kind === 'map' ? { type: 'object', additionalProperties: inner } : inner;
  };
  const definition = (own: readonly Edge[]) =>
    object({
      phone: text('phonenumber'),
      ...Object.fromEntries(own.map(({ to, kind }, index) => [`f${index}`, wrap(kind, { $ref: `#/$defs/${to}` })])),
    });
  return {
    ...object({ root: { $ref: '#/$defs/A' } }),
    $defs: Object.fromEntries(names.map((name, index) => [name, definition(edges[index] ?? [])])),
  };
}

function recordOf(edges: readonly Edge[][], name: string, depth: number): object {
  const own = depth === 0 ? [] : (edges[names.indexOf(name)] ?? []);
  const wrap = (kind: string, inner: object): object => {
    if (kind === 'list') return [inner, inner];
    if (kind === 'lists') return [[inner]];
    return kind === 'map' ? { k: inner } : inner;
  };
  return {
    phone: canary,
    ...Object.fromEntries(own.map(({ to, kind }, index) => [`f${index}`, wrap(kind, recordOf(edges, to, depth - 1))])),
  };
}

describe('any records inside each other', () => {
  it('keep their shape and let no number pass', () => {
    fc.assert(
      fc.property(graph, (edges) => {
        const value = { root: recordOf(edges, 'A', 5) };
        const shown = JSON.stringify(jsonLane(jsonOf(edges)).shown(value));
        expect(shown).toBe(JSON.stringify(value).replaceAll(canary, '+1123456XXXX'));
      }),
      { numRuns: 50 },
    );
  });
});
