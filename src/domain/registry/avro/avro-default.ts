import { ExactNumber, isJsonObject, numberOf } from '../json-text.ts';
import { invalid } from './avro-names.ts';
import type { AvroPrimitive, AvroRecord, AvroType } from './avro-type.ts';

/** How JSON, which has no such numbers, spells them in Avro. */
const nonFinite = new Set<unknown>(['NaN', 'Infinity', '-Infinity']);

/**
 * Checks that a default value is of the type of its field. The default of a union may be of any branch, as Avro 1.12 reads
 * it; earlier versions took the first one only. A symbol that its enum lacks and bytes of another number than the fixed type
 * has are refused, which Java notices only when it uses the default.
 * @throws LinewardError SCHEMA_INVALID
 */
export function assertDefault(type: AvroType, value: unknown, path: readonly string[]): void {
  if (new DefaultCheck().fits(type, value)) return;
  const what = type.kind === 'primitive' ? type.name : type.kind;
  throw invalid(path, `the default is not a value of the type ${what}`);
}

class DefaultCheck {
  /** What is known of records: without it, unions of records within each other would ask the same twice at every level. */
  readonly #known = new Map<AvroRecord, Map<object, boolean>>();

  fits(type: AvroType, value: unknown): boolean {
    switch (type.kind) {
      case 'primitive':
        return primitiveFits(type.name, value);
      case 'fixed':
        return typeof value === 'string' && isByteText(value) && value.length === type.size;
      case 'enum':
        return typeof value === 'string' && type.symbols.includes(value);
      case 'array':
        return Array.isArray(value) && value.every((item) => this.fits(type.items, item));
      case 'map':
        return isJsonObject(value) && Object.values(value).every((item) => this.fits(type.values, item));
      case 'union':
        return type.branches.some((branch) => this.fits(branch, value));
      case 'record':
        return isJsonObject(value) && this.#recordFits(type, value);
    }
  }

  // A value is finite, so this ends for recursive records too.
  #recordFits(record: AvroRecord, value: Readonly<Record<string, unknown>>): boolean {
    const known = this.#known.get(record) ?? new Map<object, boolean>();
    this.#known.set(record, known);
    const found =
      known.get(value) ??
      record.fields.every((field) =>
        Object.hasOwn(value, field.name) ? this.fits(field.type, value[field.name]) : field.hasDefault,
      );
    known.set(value, found);
    return found;
  }
}

function primitiveFits(name: AvroPrimitive, value: unknown): boolean {
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
      return isIntegerOf(32, value);
    case 'long':
      return isIntegerOf(64, value);
    default:
      return numberOf(value) !== null || nonFinite.has(value);
  }
}

/** Java takes `1.0` and `1e3` for no integers, so the spelling counts where it is known. */
function isIntegerOf(bits: number, value: unknown): boolean {
  const text = value instanceof ExactNumber ? value.text : String(value);
  if (numberOf(value) === null || !/^-?\d{1,19}$/.test(text)) return false;
  const integer = BigInt(text);
  return BigInt.asIntN(bits, integer) === integer;
}

/** Avro writes bytes as text of the code points 0 to 255. */
function isByteText(value: string): boolean {
  return !/[^\0-\u00ff]/.test(value);
}
