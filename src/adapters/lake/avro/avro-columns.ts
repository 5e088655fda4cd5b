import { isKeyType } from '../../../domain/lake/key-column.ts';
import { isoDayOf } from '../../../domain/lake/table-location.ts';
import { type AvroCursor, notAvro } from '../../../domain/registry/avro/avro-cursor.ts';
import { type AvroRecord, type AvroType, withoutNull } from '../../../domain/registry/avro/avro-type.ts';
import { strictUtf8 } from '../../../domain/strict-utf8.ts';
import { noKeyColumn, refused } from '../records/record-failure.ts';
import { type AskedColumns, dayNumber, type KeyedRecord } from '../records/row-judge.ts';

const primitiveTypes: Readonly<Record<string, string>> = {
  null: 'NULL',
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  bytes: 'BLOB',
  string: 'VARCHAR',
};

/** Logical types that give values another meaning, by the type that carries them. */
const logicalTypes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  int: { date: 'DATE', 'time-millis': 'TIME' },
  long: {
    'time-micros': 'TIME',
    'timestamp-millis': 'TIMESTAMP WITH TIME ZONE',
    'timestamp-micros': 'TIMESTAMP WITH TIME ZONE',
    'timestamp-nanos': 'TIMESTAMP WITH TIME ZONE',
    'local-timestamp-millis': 'TIMESTAMP',
    'local-timestamp-micros': 'TIMESTAMP',
    'local-timestamp-nanos': 'TIMESTAMP',
  },
  bytes: { decimal: 'DECIMAL' },
};

/** The type of a field as DuckDB would name the column. */
export function columnTypeOf(type: AvroType): string {
  const real = withoutNull(type);
  if (real.kind === 'union') return 'UNION';
  if (real.kind === 'record' || real.kind === 'array' || real.kind === 'map') return 'NESTED';
  if (real.kind === 'enum') return 'VARCHAR';
  if (real.kind === 'fixed') return real.properties.logicalType === 'decimal' ? 'DECIMAL' : 'BLOB';
  const logical = logicalTypes[real.name]?.[logicalOf(type)];
  return logical ?? primitiveTypes[real.name] ?? 'BLOB';
}

/** Name of the logical type of a field; empty for none. */
export function logicalOf(type: AvroType): string {
  const real = withoutNull(type);
  const name = real.kind === 'primitive' ? real.properties.logicalType : undefined;
  return typeof name === 'string' ? name : '';
}

/** What a record schema is refused for as to one key column; null when records can be found by it. */
export function keyRefusal({ fields }: AvroRecord, column: string): string | null {
  const field = fields.find(({ name }) => name === column);
  if (field === undefined) return noKeyColumn(column);
  const twin = fields.find(({ name }) => name !== column && name.toLowerCase() === column.toLowerCase());
  if (twin !== undefined) return `its column ${twin.name} differs from the key column ${column} only by case`;
  const type = columnTypeOf(field.type);
  if (isKeyType(type)) return null;
  return `its key column ${column} has the type ${type}, which cannot be compared as text`;
}

const dateTypes = /^(?:VARCHAR|DATE|TIMESTAMP.*)$/u;

/** Units of a day by the end of a logical type's name. */
const unitsPerDay: Readonly<Record<string, bigint>> = {
  millis: 86_400_000n,
  micros: 86_400_000_000n,
  nanos: 86_400_000_000_000n,
};

/** Reads of records what a judge asks for; all else is skipped, and costs no value. */
export class RecordKeys {
  readonly #fields: readonly { readonly type: AvroType; readonly key: number; readonly isDate: boolean }[];
  readonly #asked: AskedColumns;

  /** @throws LinewardError LAKE_TABLE_REFUSED */
  constructor(path: string, schema: AvroRecord, asked: AskedColumns) {
    for (const column of asked.keys) {
      const reason = keyRefusal(schema, column);
      if (reason !== null) throw refused(path, reason, column);
    }
    if (asked.date !== null) expectDate(path, schema, asked.date);
    this.#asked = asked;
    this.#fields = schema.fields.map(({ name, type }) => {
      return { type, key: asked.keys.indexOf(name), isDate: name === asked.date };
    });
  }

  /** The record that begins where the cursor is, which stands behind it afterwards. */
  next(cursor: AvroCursor): KeyedRecord {
    const keys: (string | null)[] = this.#asked.keys.map(() => null);
    let day: number | null = null;
    for (const { type, key, isDate } of this.#fields) {
      const start = cursor.at;
      if (isDate) {
        day = dayAt(cursor, type);
        if (key >= 0) cursor.at = start;
      }
      if (key >= 0) keys[key] = textAt(cursor, type);
      else if (!isDate) cursor.skip(type);
    }
    return { keys, day };
  }
}

function expectDate(path: string, { fields }: AvroRecord, column: string): void {
  const field = fields.find(({ name }) => name === column);
  if (field === undefined) throw refused(path, `it has no date column ${column}`, column);
  const type = columnTypeOf(field.type);
  if (!dateTypes.test(type))
    throw refused(path, `its date column ${column} has the type ${type}, which is no date`, column);
}

/** The value of a field that may be null, as Avro's binary encoding has it. */
function valueAt(cursor: AvroCursor, type: AvroType): unknown {
  const real = type.kind === 'union' ? cursor.branch(type).type : type;
  if (real.kind !== 'primitive' || real.name !== 'string') return cursor.scalar(real);
  const text = strictUtf8(cursor.take(cursor.long()));
  if (text === null) throw notAvro();
  return text;
}

function textAt(cursor: AvroCursor, type: AvroType): string | null {
  const value = valueAt(cursor, type);
  if (value === null) return null;
  return logicalOf(type) === 'date' ? isoDate(Number(value)) : String(value);
}

/** Days since 1970 as `yyyy-mm-dd`. @throws LinewardError VALUE_INVALID for what no calendar has. */
export function isoDate(days: number): string {
  const midnight = new Date(days * 86_400_000);
  if (Number.isNaN(midnight.getTime())) throw notAvro();
  return midnight.toISOString().slice(0, 10);
}

function dayAt(cursor: AvroCursor, type: AvroType): number | null {
  const value = valueAt(cursor, type);
  if (typeof value === 'string') {
    const day = isoDayOf(value);
    return day === null ? null : dayNumber(day);
  }
  if (typeof value !== 'number' && typeof value !== 'bigint') return null;
  const units = unitsPerDay[logicalOf(type).split('-').at(-1) ?? ''];
  return units === undefined ? Number(value) : floored(BigInt(value), units);
}

/** Times before 1970 belong to the day that they are in. */
function floored(value: bigint, units: bigint): number {
  const whole = value / units;
  return Number(value < 0n && whole * units !== value ? whole - 1n : whole);
}
