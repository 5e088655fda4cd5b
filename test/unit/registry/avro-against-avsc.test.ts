import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';

/** A schema, and the same schema after some changes. Names are made from the position, so both sides agree on them. */
interface Pair {
  readonly writer: unknown;
  readonly reader: unknown;
}

const primitive = fc.constantFrom('boolean', 'int', 'long', 'float', 'double', 'bytes', 'string');
// Mostly the same on both sides, so that compatible pairs are as frequent as others.
const primitivePair: fc.Arbitrary<Pair> = fc.oneof(
  { weight: 4, arbitrary: primitive.map((type) => ({ writer: type, reader: type })) },
  { weight: 1, arbitrary: fc.record({ writer: primitive, reader: primitive }) },
);
const symbols = fc.uniqueArray(fc.constantFrom('A', 'B', 'C', 'D'), { minLength: 1 });

const { type: typePair } = fc.letrec<{
  type: Pair;
  record: Pair;
  field: { name: string; writer: unknown; reader: unknown };
}>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    primitivePair,
    tie('type').map(({ writer, reader }) => ({
      writer: { type: 'array', items: writer },
      reader: { type: 'array', items: reader },
    })),
    tie('type').map(({ writer, reader }) => ({
      writer: { type: 'map', values: writer },
      reader: { type: 'map', values: reader },
    })),
    fc.tuple(symbols, symbols, fc.boolean()).map(([one, other, same]) => ({
      writer: { type: 'enum', name: 'Enum', symbols: one },
      reader: { type: 'enum', name: 'Enum', symbols: same ? one : other },
    })),
    fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)).map(([one, other]) => ({
      writer: { type: 'fixed', name: 'Fixed', size: one },
      reader: { type: 'fixed', name: 'Fixed', size: other },
    })),
    tie('record'),
    primitivePair.map(({ writer, reader }) => ({ writer: ['null', writer], reader: ['null', reader] })),
    primitivePair.map(({ writer, reader }) => ({ writer, reader: ['null', reader] })),
    primitivePair.map(({ writer, reader }) => ({ writer: ['null', writer], reader })),
  ),
  field: fc
    .record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      pair: tie('type'),
      only: fc.constantFrom('both', 'both', 'both', 'writer', 'reader', 'default'),
    })
    .map(({ name, pair, only }) => ({
      name,
      writer: only === 'reader' || only === 'default' ? null : { name, type: pair.writer },
      reader:
        only === 'writer'
          ? null
          : only === 'default'
            ? { name, type: ['null', 'int'], default: null }
            : { name, type: pair.reader },
    })),
  record: fc.uniqueArray(tie('field'), { maxLength: 4, selector: ({ name }) => name }).map((fields) => ({
    writer: {
      type: 'record',
      name: 'Record',
      fields: fields.map(({ writer }) => writer).filter((field) => field !== null),
    },
    reader: {
      type: 'record',
      name: 'Record',
      fields: fields.map(({ reader }) => reader).filter((field) => field !== null),
    },
  })),
}));

/** Gives every named type a name by its place, because a name may be defined once. */
function named(schema: unknown, place: string): unknown {
  if (Array.isArray(schema)) return schema.map((branch) => named(branch, place));
  if (typeof schema !== 'object' || schema === null) return schema;
  const type: Record<string, unknown> = { ...schema };
  if ('name' in type && 'type' in type && ['record', 'enum', 'fixed'].includes(String(type.type)))
    type.name = `${String(type.name)}${place}`;
  if ('items' in type) type.items = named(type.items, `${place}i`);
  if ('values' in type) type.values = named(type.values, `${place}v`);
  if (Array.isArray(type.fields))
    type.fields = type.fields.map((field: { name: string; type: unknown }) => ({
      ...field,
      type: named(field.type, `${place}_${field.name}`),
    }));
  return type;
}

const ours = ({ reader, writer }: Pair): boolean =>
  parseAvroSchema({ text: JSON.stringify(reader), references: [] }).incompatibilitiesWith(
    parseAvroSchema({ text: JSON.stringify(writer), references: [] }),
  ).length === 0;

function theirs({ reader, writer }: Pair): boolean {
  const read = avro.Type.forSchema(reader as avro.Schema, { wrapUnions: true });
  try {
    read.createResolver(avro.Type.forSchema(writer as avro.Schema, { wrapUnions: true }));
    return true;
  } catch {
    return false;
  }
}

describe('Avro compatibility beside the resolver of avsc', () => {
  it('agrees on 10,000 generated pairs', () => {
    let compatible = 0;
    fc.assert(
      fc.property(typePair, (pair) => {
        const { writer, reader } = { writer: named(pair.writer, ''), reader: named(pair.reader, '') };
        const answer = ours({ writer, reader });
        compatible += answer ? 1 : 0;
        expect(answer, JSON.stringify({ writer, reader })).toBe(theirs({ writer, reader }));
      }),
      { numRuns: 10_000 },
    );
    // Neither answer may be rare, or the comparison would say nothing.
    expect(compatible).toBeGreaterThan(2_000);
    expect(compatible).toBeLessThan(8_000);
  });

  // Where the two differ: Java's checker, like ours, compares the names of types without their namespaces.
  it.each([
    ['a record', { type: 'record', name: 'x.R', fields: [] }, { type: 'record', name: 'y.R', fields: [] }],
    ['a fixed', { type: 'fixed', name: 'x.F', size: 1 }, { type: 'fixed', name: 'y.F', size: 1 }],
    ['an enum', { type: 'enum', name: 'x.E', symbols: ['A'] }, { type: 'enum', name: 'y.E', symbols: ['A'] }],
  ])('differs knowingly where %s changes its namespace', (_name, reader, writer) => {
    expect([ours({ reader, writer }), theirs({ reader, writer })]).toEqual([true, false]);
  });
});
