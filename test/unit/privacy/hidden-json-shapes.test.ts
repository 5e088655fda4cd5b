import { describe, expect, it } from 'vitest';
import { jsonLane, object, text } from './plan-lanes.ts';

const phone = text('phonenumber');
const array = (more: object) => ({ type: 'array', ...more });
const open = (more: object) => ({ type: 'object', ...more });
/** An object with a member of that name would pass for a promise. */
const when = (schema: object): object => Object.fromEntries([['then', schema]]);
const defs = { $defs: { phone, person: object({ phone, note: text() }) } };

describe('a typed value in a JSON Schema is protected', () => {
  it.each<[string, object, unknown, unknown]>([
    ['in items', array({ items: phone }), ['911', null], ['XXX', null]],
    ['in items of items', array({ items: array({ items: phone }) }), [['911']], [['XXX']]],
    ['in items by reference', array({ items: { $ref: '#/$defs/phone' } }), ['911'], ['XXX']],
    ['by a tag of items', array({ items: { type: 'string', 'confluent:tags': ['phonenumber'] } }), ['911'], ['XXX']],
    ['in one place of a tuple', array({ prefixItems: [text(), phone] }), ['12', '911'], ['XX', 'XXX']],
    [
      'in a tuple of records',
      array({ prefixItems: [object({ a: text() }), object({ phone })] }),
      [{ a: 'x' }, { phone: '911' }],
      [{ a: 'x' }, { phone: 'XXX' }],
    ],
    ['in additional items', array({ items: [text()], additionalItems: phone }), ['911', '12'], ['XXX', 'XX']],
    ['in items that are contained', array({ contains: phone }), ['911'], ['XXX']],
    [
      'in values of a map, whose keys go like them',
      open({ additionalProperties: phone }),
      { 12: '911' },
      { XX: 'XXX' },
    ],
    [
      'in values under patterns',
      open({ patternProperties: { '^p': phone, '^q': text() } }),
      { p: '911' },
      { XXXX: 'XXX' },
    ],
    ['in unevaluated properties', open({ unevaluatedProperties: phone }), { 12: '911' }, { XX: 'XXX' }],
    ['in keys of a map', open({ propertyNames: phone, additionalProperties: text() }), { 12: '911' }, { XX: 'XXX' }],
    [
      'in records of a map',
      open({ additionalProperties: object({ phone }) }),
      { k: { phone: '911' } },
      { k: { phone: 'XXX' } },
    ],
    ['in a branch', { oneOf: [phone, { type: 'integer' }] }, '911', 'XXX'],
    ['in a branch of a branch', { anyOf: [{ type: 'null' }, { oneOf: [{ $ref: '#/$defs/phone' }] }] }, '911', 'XXX'],
    ['in a branch beside records', { oneOf: [{ $ref: '#/$defs/person' }, phone] }, '911', 'XXX'],
    [
      'in records of branches',
      { oneOf: [object({ a: text() }), object({ phone })] },
      { a: 'x', phone: '911' },
      { a: 'x', phone: 'XXX' },
    ],
    [
      'in one of two branches with that property',
      { oneOf: [object({ id: text() }), object({ id: phone })] },
      { id: '911' },
      { id: 'XXX' },
    ],
    [
      'in the second part of a product',
      { allOf: [object({ id: text() }), object({ id: phone })] },
      { id: '911' },
      { id: 'XXX' },
    ],
    [
      'under a condition',
      { ...object({ kind: text(), id: text() }), if: object({ kind: { const: 'p' } }), ...when(object({ id: phone })) },
      { kind: 'p', id: '911' },
      { kind: 'p', id: 'XXX' },
    ],
    ['otherwise', { ...object({ id: text() }), if: {}, else: object({ id: phone }) }, { id: '911' }, { id: 'XXX' }],
    ['in a condition', { ...object({ id: text() }), if: object({ id: phone }) }, { id: '911' }, { id: 'XXX' }],
    [
      'in a dependent schema',
      { ...object({ id: text() }), dependentSchemas: { id: object({ id: phone }) } },
      { id: '911' },
      { id: 'XXX' },
    ],
    [
      'in a dependency',
      { ...object({ id: text() }), dependencies: { id: object({ id: phone }), b: ['id'] } },
      { id: '911' },
      { id: 'XXX' },
    ],
    ['by an unregistered type, which removes it', text('phonenumbr'), '911', ''],
    ['of two types, which removes it', { oneOf: [phone, text('email')] }, '911@x.com', ''],
    [
      'of two types in a tuple, which removes them',
      array({ prefixItems: [phone, text('email')] }),
      ['911', 'a@x.com'],
      ['', ''],
    ],
    [
      'in a text that is a document, which removes it',
      { ...text(), contentSchema: object({ phone }) },
      '{"phone":"911"}',
      '',
    ],
    [
      'in a text that is a document and typed',
      { ...text('opaque'), contentSchema: object({ phone }) },
      '{"phone":"911"}',
      'XXXX',
    ],
  ])('%s', (_name, schema, value, expected) => {
    const { shown } = jsonLane({ ...object({ a: schema }), ...defs });
    expect(shown({ a: value })).toEqual({ a: expected });
  });

  it('by the type of the record itself', () => {
    const { shown } = jsonLane({ ...object({ a: text(), next: { $ref: '#' } }), 'confluent:tags': ['phonenumber'] });
    expect(shown({ a: '911', next: { a: '12' } })).toEqual({ a: 'XXX', next: { a: 'XX' } });
  });

  it('by what either of two types asks for, the strictest first', () => {
    const { shown } = jsonLane(
      object({ a: { oneOf: [text('datetime'), phone] }, b: { oneOf: [phone, text('customertext')] } }),
    );
    expect(shown({ a: '911', b: '911' })).toEqual({ a: 'XXX', b: '' });
  });

  it('by the type from above, where one of two branches has no type of its own', () => {
    const either = { oneOf: [object({ id: text() }), object({ id: phone })], twilio_type: 'customertext' };
    expect(jsonLane(object({ a: either })).shown({ a: { id: 'hello 911' } })).toEqual({ a: { id: '' } });
  });

  it('behind the dynamic anchors of a schema that extends another one', () => {
    const list = {
      $id: 'https://x.com/list',
      ...object({ all: array({ items: { $dynamicRef: '#item' } }) }),
      $defs: { item: { $dynamicAnchor: 'item' } },
    };
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'https://x.com/phones',
      $ref: 'list',
      $defs: { item: { $dynamicAnchor: 'item', ...object({ phone }) }, plain: { $dynamicAnchor: 'item', ...phone } },
    };
    const { shown } = jsonLane(schema, [], [{ name: 'list', text: JSON.stringify(list) }]);
    expect(shown({ all: [{ phone: '911' }, '911'] })).toEqual({ all: [{ phone: 'XXX' }, 'XXX'] });
  });

  it('behind the recursive anchor of a schema that extends another one', () => {
    const tree = {
      $schema: 'https://json-schema.org/draft/2019-09/schema',
      $id: 'https://x.com/tree',
      $recursiveAnchor: true,
      ...object({ data: text(), children: array({ items: { $recursiveRef: '#' } }) }),
    };
    const schema = {
      $schema: 'https://json-schema.org/draft/2019-09/schema',
      $id: 'https://x.com/strict',
      $recursiveAnchor: true,
      $ref: 'tree',
      ...object({ phone, data: phone }),
    };
    const { shown } = jsonLane(schema, [], [{ name: 'tree', text: JSON.stringify(tree) }]);
    expect(shown({ data: '12', children: [{ data: '911', phone: '911', children: [{ data: '12' }] }] })).toEqual({
      data: 'XX',
      children: [{ data: 'XXX', phone: 'XXX', children: [{ data: 'XX' }] }],
    });
  });
});

describe('what no path of a JSON Schema leads to', () => {
  it.each<[string, object, unknown]>([
    ['members beside named ones', { ...object({ b: text() }), additionalProperties: phone }, { b: 'x', c: '911' }],
    ['members of an open object', { ...object({ b: text() }), additionalProperties: true }, { b: 'x', c: '911' }],
    [
      'records beside named members',
      { ...object({ b: text() }), patternProperties: { c: object({ phone }) } },
      { b: 'x', c: { phone: '911' } },
    ],
  ])('is left out: %s', (_name, schema, value) => {
    expect(JSON.stringify(jsonLane(object({ a: schema })).shown({ a: value }))).not.toContain('911');
  });

  it('is warned of where the schema says what it is', () => {
    const { plan } = jsonLane(object({ a: { ...object({ b: text() }), patternProperties: { c: object({ phone }) } } }));
    expect(plan.warnings).toContainEqual({ path: 'a', message: expect.stringContaining('are left out') });
  });

  it('is left out of the record itself, which may hold records by name', () => {
    const { shown } = jsonLane({ ...object({ id: text() }), additionalProperties: object({ phone }) });
    expect(shown({ id: 'x', k: { phone: '911' } })).toEqual({ id: 'x' });
  });

  it('passes and is a gap where the schema says nothing at all of a value', () => {
    const { shown, plan } = jsonLane(object({ a: {}, b: { type: 'object' }, c: { type: 'array' } }));
    expect(shown({ a: { x: 1 }, b: { x: 1 }, c: [1] })).toEqual({ a: { x: 1 }, b: { x: 1 }, c: [1] });
    expect(plan.gaps).toEqual(['a', 'b', 'c']);
  });
});
