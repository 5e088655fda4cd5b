import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import { avroOf, evolutions } from './avro-shapes.ts';

const parse = (schema: unknown) => parseAvroSchema({ text: JSON.stringify(schema), references: [] });
const reads = (reader: unknown, writer: unknown) => parse(reader).incompatibilitiesWith(parse(writer)).length === 0;

function avscReads(reader: unknown, writer: unknown): boolean {
  const [to, from] = [reader, writer].map((schema) =>
    avro.Type.forSchema(JSON.parse(JSON.stringify(schema)), { wrapUnions: true }),
  );
  if (to === undefined || from === undefined) throw new Error('there are two schemas');
  try {
    to.createResolver(from);
    return true;
  } catch {
    return false;
  }
}

const record = (name: string, fields: readonly unknown[], more = {}) => ({ type: 'record', name, fields, ...more });

describe('reading data of another schema', () => {
  it('is possible exactly when another implementation can', () => {
    const verdicts = { true: 0, false: 0 };
    fc.assert(
      fc.property(evolutions, ([from, to]) => {
        const [writer, reader] = [avroOf(from), avroOf(to)];
        const isRead = reads(reader, writer);
        verdicts[`${isRead}`] += 1;
        expect(isRead).toBe(avscReads(reader, writer));
      }),
      { numRuns: 10_000 },
    );
    expect(Math.min(verdicts.true, verdicts.false)).toBeGreaterThan(2_000);
  }, 60_000);

  it('differs from it where namespaces alone differ, which Java does not compare', () => {
    const [writer, reader] = ['a', 'b'].map((namespace) => record('R', [], { namespace }));
    expect([reads(reader, writer), avscReads(reader, writer)]).toEqual([true, false]);
  });

  it('differs from it where a record was tried before as a branch, which it then takes for read', () => {
    const [read, bad] = [
      { name: 'x', type: 'int' },
      { name: 'missing', type: 'int' },
    ];
    const writer = record('W', [
      { name: 'a', type: record('R', [read]) },
      { name: 'b', type: 'R' },
    ]);
    const reader = record('W', [
      { name: 'a', type: [record('R', [bad]), record('Q', [read], { aliases: ['R'] })] },
      { name: 'b', type: 'R' },
    ]);
    expect([reads(reader, writer), avscReads(reader, writer)]).toEqual([false, true]);
  });
});
