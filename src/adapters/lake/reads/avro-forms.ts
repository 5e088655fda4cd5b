import type { AvroType } from '../../../domain/registry/avro/avro-type.ts';
import { columnTypeOf, isoDate, logicalOf } from '../avro/avro-columns.ts';
import { AvroContainer } from '../avro/avro-container.ts';
import { formOf } from '../avro/avro-values.ts';
import { reading } from '../duckdb/duckdb-failure.ts';
import type { RecordForm } from './give-records.ts';

/** The fields of a container, each with how its texts become JSON. */
export function avroForms(path: string): Promise<ReadonlyMap<string, RecordForm>> {
  return reading(path, () =>
    AvroContainer.using(
      path,
      async ({ schema }) => new Map(schema.fields.map(({ name, type }) => [name, formFor(type)])),
    ),
  );
}

function formFor(type: AvroType): RecordForm {
  if (formOf(type) === 'TEXT') return (text, asked) => (asked === 'JSON' && isJson(text) ? text : JSON.stringify(text));
  const held = columnTypeOf(type);
  if (held === 'DATE') return (text) => JSON.stringify(isoDate(Number(text)));
  if (!held.startsWith('TIMESTAMP')) return (text) => text;
  const digits = { millis: 3, micros: 6, nanos: 9 }[logicalOf(type).split('-').at(-1) ?? ''] ?? 3;
  return (text) => JSON.stringify(timeText(BigInt(text), digits, held));
}

/** A time as DuckDB spells it, in UTC. */
function timeText(units: bigint, digits: number, type: string): string {
  const perSecond = 10n ** BigInt(digits);
  const fraction = ((units % perSecond) + perSecond) % perSecond;
  const seconds = Number((units - fraction) / perSecond);
  const rest = fraction === 0n ? '' : `.${String(fraction).padStart(digits, '0').replace(/0+$/u, '')}`;
  const text = new Date(seconds * 1_000).toISOString().slice(0, 19).replace('T', ' ');
  return `${text}${rest}${type.endsWith('ZONE') ? '+00' : ''}`;
}

/** Avro has no type for values of any kind: transformers write them as the text of their JSON. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
