/** A top-level field of an entity version. */
export interface FittedField {
  readonly name: string;
  readonly type: string;
}

/** In how many files a column has which type, as DuckDB names it; by the column. */
export type ColumnTypes = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Where the columns of files and the fields of an entity version differ. */
export interface ColumnFact {
  readonly column: string;
  /** MISSING: some files have no such column; OTHER_TYPE: the type is not that of the field; UNKNOWN: no field has the name. */
  readonly kind: 'MISSING' | 'OTHER_TYPE' | 'UNKNOWN';
  /** Type of the field; null for UNKNOWN. */
  readonly expected: string | null;
  /** Type of the column; null for MISSING. */
  readonly found: string | null;
  readonly files: number;
}

const wholes = ['TINYINT', 'UTINYINT', 'SMALLINT', 'USMALLINT', 'INTEGER'];
const times = /^(?:DATE|TIME|TIMESTAMP)/u;
const whole = (type: string): boolean => wholes.includes(type) || type === 'DATE' || type === 'TIME';
const long = (type: string): boolean => whole(type) || type === 'UINTEGER' || type === 'BIGINT' || times.test(type);
const text = (type: string): boolean => type === 'VARCHAR' || type === 'UUID';
const bytes = (type: string): boolean => type === 'BLOB' || type === 'VARCHAR' || /^DECIMAL/u.test(type);
const nested = (type: string): boolean => type === 'NESTED' || type === 'JSON' || type === 'VARCHAR';

/** Which column types carry the values of a field; logical types of Avro are read from the types that carry them. */
const fits: Readonly<Record<string, (type: string) => boolean>> = {
  string: text,
  enum: text,
  int: whole,
  long,
  float: (type) => type === 'FLOAT' || whole(type),
  double: (type) => type === 'FLOAT' || type === 'DOUBLE' || whole(type),
  boolean: (type) => type === 'BOOLEAN',
  bytes,
  fixed: bytes,
  record: nested,
  array: nested,
  map: nested,
  union: () => true,
  null: () => true,
};

/** Compares the columns of a table's files with the fields of an entity version, by exact name. */
export function columnFacts(
  fields: readonly FittedField[],
  columns: ColumnTypes,
  files: number,
): readonly ColumnFact[] {
  const facts: ColumnFact[] = [];
  for (const { name: column, type: expected } of fields) {
    const types = columns.get(column) ?? new Map<string, number>();
    const having = [...types.values()].reduce((sum, count) => sum + count, 0);
    if (having < files) facts.push({ column, kind: 'MISSING', expected, found: null, files: files - having });
    for (const [found, count] of types) {
      // What protection leaves of any value is text or JSON.
      const isFit = found === 'JSON' || (fits[expected]?.(found) ?? true);
      if (!isFit) facts.push({ column, kind: 'OTHER_TYPE', expected, found, files: count });
    }
  }
  const known = new Set(fields.map(({ name }) => name));
  for (const [column, types] of columns)
    if (!known.has(column))
      for (const [found, count] of types) facts.push({ column, kind: 'UNKNOWN', expected: null, found, files: count });
  return facts;
}
