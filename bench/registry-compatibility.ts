import avro from 'avsc';
import { parseSchema } from '../src/domain/registry/parse-schema.ts';
import type { SchemaFormat } from '../src/domain/registry/schema-format.ts';
import { type BenchCase, beside } from './harness.ts';

const fieldCount = 1_000;

/** Parsing a schema of 1,000 fields and comparing it with an earlier one that is known, as a registration does. */
export function compatibilities(): readonly BenchCase[] {
  const names = Array.from({ length: fieldCount }, (_, index) => `field_${index}`);
  const texts: Readonly<Record<SchemaFormat, (more: string) => string>> = {
    AVRO: (more) =>
      JSON.stringify({
        type: 'record',
        name: 'R',
        fields: [...names, more].map((name) => ({ name, type: ['null', 'string'], default: null })),
      }),
    JSON: (more) =>
      JSON.stringify({
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries([...names, more].map((name) => [name, { type: 'string' }])),
      }),
    PROTOBUF: (more) =>
      `syntax = "proto3"; message R { ${[...names, more].map((name, index) => `string ${name} = ${index + 1};`).join(' ')} }`,
  };
  return (['AVRO', 'JSON', 'PROTOBUF'] as const).map((format) => {
    const [before, after] = ['x', 'y'].map((more) => texts[format](more));
    const source = (text = '') => ({ text, references: [] });
    const earlier = parseSchema(format, source(before));
    const ours = timed(() => parseSchema(format, source(after)).incompatibilitiesWith(earlier, 'STRICT'));
    const reference =
      format === 'AVRO'
        ? { name: 'avsc: parse both, make a resolver', value: timed(() => resolver(after, before)) }
        : {
            name: 'copy both texts, character by character',
            value: timed(() => [after, before].map((text) => [...(text ?? '')].join(''))),
          };
    return beside(`parse, compare 1,000 fields, ${format}`, ours, 'ms', reference);
  });
}

function resolver(after = '', before = ''): unknown {
  return avro.Type.forSchema(JSON.parse(after)).createResolver(avro.Type.forSchema(JSON.parse(before)));
}

/** Median milliseconds of a run, once the compiler knows the work. */
function timed(work: () => unknown): number {
  for (let run = 0; run < 100; run += 1) work();
  const times = Array.from({ length: 30 }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  }).sort((one, other) => one - other);
  return times[15] ?? 0;
}
