import { LinewardError } from '../../../errors/lineward-error.ts';
import { isJsonObject, numberOf } from '../json-text.ts';
import type { AvroPrimitive, AvroRecord, AvroType } from './avro-type.ts';

/**
 * Checks that a default value is of the type of its field. The default of a union may be of any branch, as Avro 1.12 reads
 * it; earlier versions took the first one only.
 * @throws LinewardError SCHEMA_INVALID
 */
export function assertDefault(type: AvroType, value: unknown, path: readonly string[]): void {
  if (fits(type, value)) return;
  const what = type.kind === 'primitive' ? type.name : type.kind;
  throw new LinewardError('SCHEMA_INVALID', `${path.join('.')}: the default is not a value of the type ${what}`, {
    path,
  });
}

function fits(type: AvroType, value: unknown): boolean {
  switch (type.kind) {
    case 'primitive':
      return primitiveFits(type.name, value);
    case 'fixed':
      return typeof value === 'string' && isByteText(value) && value.length === type.size;
    case 'enum':
      return typeof value === 'string' && type.symbols.includes(value);
    case 'array':
      return Array.isArray(value) && value.every((item) => fits(type.items, item));
    case 'map':
      return isJsonObject(value) && Object.values(value).every((item) => fits(type.values, item));
    case 'union':
      return type.branches.some((branch) => fits(branch, value));
    case 'record':
      return isJsonObject(value) && recordFits(type, value);
  }
}

// A value is finite, so this ends for recursive records too.
function recordFits(record: AvroRecord, value: Readonly<Record<string, unknown>>): boolean {
  return record.fields.every((field) => (field.name in value ? fits(field.type, value[field.name]) : field.hasDefault));
}

function primitiveFits(name: AvroPrimitive, value: unknown): boolean {
  const number = numberOf(value);
  switch (name) {
    case 'null':
      return value === null;
    case 'boolean':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string';
    case 'bytes':
      return typeof value === 'string' && isByteText(value);
    case 'int':
      return number !== null && Number.isInteger(number) && number >= -(2 ** 31) && number < 2 ** 31;
    case 'long':
      return number !== null && Number.isInteger(number) && number >= -(2 ** 63) && number <= 2 ** 63;
    default:
      return number !== null;
  }
}

/** Avro writes bytes as text of the code points 0 to 255. */
function isByteText(value: string): boolean {
  return !/[^\0-\u00ff]/.test(value);
}
