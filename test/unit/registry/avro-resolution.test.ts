import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import { avroOf, evolutions } from './avro-shapes.ts';

const parse = (schema: unknown) => parseAvroSchema({ text: JSON.stringify(schema), references: [] });
const reads = (reader: unknown, writer: unknown) => parse(reader).incompatibilitiesWith(parse(writer)).length === 0;

interface Verdict {
  readonly isRead: boolean;
  /** True when it took a record for read which it had failed to read before: the second of the differences below. */
  readonly isMisled: boolean;
}

function avscVerdict(reader: unknown, writer: unknown): Verdict {
  const [to, from] = [reader, writer].map((schema) =>
    avro.Type.forSchema(JSON.parse(JSON.stringify(schema)), { wrapUnions: true }),
  );
  if (to === undefined || from === undefined) throw new Error('there are two schemas');
  const tried: Record<string, { readonly _read?: unknown } | undefined> = {};
  const taken = new Set<string>();
  const registry = new Proxy(tried, {
    get(target, pair) {
      if (typeof pair === 'string' && pair in target) taken.add(pair);
      return Reflect.get(target, pair);
    },
  });
  // Where it keeps what it has made; its types do not say so.
  const options: object = { registry };
  let isRead = true;
  try {
    to.createResolver(from, options);
  } catch {
    isRead = false;
  }
  return { isRead, isMisled: isRead && [...taken].some((pair) => (tried[pair]?._read ?? null) === null) };
}

const record = (name: string, fields: readonly unknown[], more = {}) => ({ type: 'record', name, fields, ...more });

describe('reading data of another schema', () => {
  it('is possible exactly when another implementation can, unless that is misled', () => {
    const verdicts = { true: 0, false: 0, misled: 0 };
    fc.assert(
      fc.property(evolutions, ([from, to]) => {
        const [writer, reader] = [avroOf(from), avroOf(to)];
        const isRead = reads(reader, writer);
        const other = avscVerdict(reader, writer);
        verdicts[other.isMisled ? 'misled' : isRead ? 'true' : 'false'] += 1;
        if (!other.isMisled) expect(isRead).toBe(other.isRead);
      }),
      { numRuns: 10_000 },
    );
    expect(Math.min(verdicts.true, verdicts.false)).toBeGreaterThan(2_000);
    expect(verdicts.misled).toBeLessThan(20);
  }, 60_000);

  it('differs from it where namespaces alone differ, which Java does not compare', () => {
    const [writer, reader] = ['a', 'b'].map((namespace) => record('R', [], { namespace }));
    expect([reads(reader, writer), avscVerdict(reader, writer)]).toEqual([true, { isRead: false, isMisled: false }]);
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
    expect([reads(reader, writer), avscVerdict(reader, writer)]).toEqual([false, { isRead: true, isMisled: true }]);
  });

  it('differs from it where a branch of another name was tried before, which it then takes for read', () => {
    const inner = record('T', [{ name: 'x', type: 'int' }]);
    const holds = (branches: readonly string[]) =>
      record('S', [
        { name: 'a', type: ['null', 'S', inner] },
        { name: 'd', type: branches },
      ]);
    const [writer, reader] = [holds(['T', 'S']), holds(['S'])];
    expect([reads(reader, writer), avscVerdict(reader, writer)]).toEqual([false, { isRead: true, isMisled: true }]);
  });
});
