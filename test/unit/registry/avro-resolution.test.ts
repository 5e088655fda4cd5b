import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import { avroOf, evolutions } from './avro-shapes.ts';

const parse = (schema: unknown) => parseAvroSchema({ text: JSON.stringify(schema), references: [] });
const reads = (reader: unknown, writer: unknown) => parse(reader).incompatibilitiesWith(parse(writer)).length === 0;

function avscReads(reader: unknown, writer: unknown): boolean {
  const [to, from] = [reader, writer].map((schema) => avro.Type.forSchema(structuredClone(schema) as never, { wrapUnions: true }));
  if (to === undefined || from === undefined) throw new Error('there are two schemas');
  try {
    to.createResolver(from);
    return true;
  } catch {
    return false;
  }
}

describe('reading data of another schema', () => {
  it('is possible exactly when another implementation can', () => {
    const verdicts = { true: 0, false: 0 };
    const bad: any[] = [];
    fc.assert(
      fc.property(evolutions, ([from, to]) => {
        const [writer, reader] = [avroOf(from), avroOf(to)];
        const isRead = reads(reader, writer);
        verdicts[`${isRead}`] += 1;
        let other; try { other = avscReads(reader, writer) } catch (e) { other = String(e) }
        if (other !== isRead) bad.push([other, isRead, JSON.stringify(reader), JSON.stringify(writer)]);
      }),
      { numRuns: 10_000 },
    );
    console.log(verdicts, bad.length); bad.sort((a,b)=>a[2].length+a[3].length-b[2].length-b[3].length); for (const b of bad.slice(0, 14)) console.log(b.join('\n  '));
  });
});
