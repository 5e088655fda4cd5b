import { printExactJson } from '../exact-json.ts';

/** Column of a lake table as the writer declares it; DuckDB type names. */
export interface LakeColumn {
  readonly name: string;
  readonly type: 'VARCHAR' | 'INTEGER' | 'BIGINT' | 'DOUBLE' | 'BOOLEAN' | 'JSON';
}

export const lakeFieldTypes = [
  'string',
  'int',
  'long',
  'float',
  'double',
  'boolean',
  'bytes',
  'fixed',
  'record',
  'array',
  'map',
  'enum',
  'union',
  'null',
] as const;
export type LakeFieldType = (typeof lakeFieldTypes)[number];

/** A top-level field of an entity version, as far as the lake cares. */
export interface LakeField {
  readonly name: string;
  readonly type: LakeFieldType;
  /** Types of a union's branches; a union of `null` and one other type is that type, since every column is nullable. */
  readonly branches?: readonly LakeFieldType[] | undefined;
  /** Protection may put a text in the place of its value. */
  readonly isProtectable?: boolean | undefined;
}

const columnTypes: Readonly<Record<LakeFieldType, LakeColumn['type']>> = {
  string: 'VARCHAR',
  enum: 'VARCHAR',
  // Bytes are base64 text, the form in which JSON messages carry them.
  bytes: 'VARCHAR',
  fixed: 'VARCHAR',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'DOUBLE',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  record: 'JSON',
  array: 'JSON',
  map: 'JSON',
  union: 'JSON',
  null: 'JSON',
};

/** Columns of an entity version's lake table, in field order. Nested values are JSON text. */
export function lakeColumnsOf(fields: readonly LakeField[]): readonly LakeColumn[] {
  return fields.map((field) => ({ name: field.name, type: columnTypeOf(field) }));
}

/** A protected number or boolean is a text, and an unprotected one is not: only JSON takes both. */
function columnTypeOf(field: LakeField): LakeColumn['type'] {
  const type = columnTypes[effectiveType(field)];
  return field.isProtectable === true && type !== 'VARCHAR' ? 'JSON' : type;
}

function effectiveType(field: LakeField): LakeFieldType {
  if (field.type !== 'union') return field.type;
  const [only, ...others] = (field.branches ?? []).filter((branch) => branch !== 'null');
  return only !== undefined && others.length === 0 ? only : 'union';
}

const int32 = { min: -(2n ** 31n), max: 2n ** 31n - 1n };
const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

const fits: Readonly<Record<LakeColumn['type'], (value: unknown) => boolean>> = {
  VARCHAR: (value) => typeof value === 'string',
  INTEGER: (value) => wholeNumber(value, int32) !== null,
  BIGINT: (value) => wholeNumber(value, int64) !== null,
  DOUBLE: (value) => typeof value === 'number' && Number.isFinite(value),
  BOOLEAN: (value) => typeof value === 'boolean',
  JSON: (value) => printExactJson(value) !== undefined,
};

/** Why a column does not take the value exactly as it is, null when it does; every column takes null. Never quotes the value. */
export function columnFault(type: LakeColumn['type'], value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (!fits[type](value)) return `is not a ${type}`;
  return type === 'VARCHAR' ? textFault(value) : null;
}

/** Why no text column keeps a text as it is; null when it does, and for what is no text. */
export function textFault(value: unknown): string | null {
  if (typeof value !== 'string' || (!value.includes('\0') && value.isWellFormed())) return null;
  return 'holds the character U+0000 or half of a surrogate pair';
}

/** A whole number from a safe number, a bigint or canonical decimal text within the range; else null. */
function wholeNumber(value: unknown, range: { readonly min: bigint; readonly max: bigint }): bigint | null {
  const isWhole =
    typeof value === 'bigint' ||
    (typeof value === 'number' && Number.isSafeInteger(value)) ||
    (typeof value === 'string' && /^(?:0|-?[1-9]\d{0,18})$/u.test(value));
  if (!isWhole) return null;
  const whole = BigInt(value);
  return whole >= range.min && whole <= range.max ? whole : null;
}
