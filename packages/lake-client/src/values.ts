import type { LakeReadColumn } from './grant.ts';

/** A value of a row; nested ones are what JSON makes of them. */
export type LakeValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly unknown[]
  | { readonly [name: string]: unknown };
export type LakeRow = Readonly<Record<string, LakeValue>>;

/** A row by the names of its columns. */
export function rowOf(columns: readonly LakeReadColumn[], values: readonly unknown[]): LakeRow {
  return Object.fromEntries(columns.map((column, index) => [column.name, valueIn(column, values[index] ?? null)]));
}

const wholeNumber = /^-?\d+$/u;

function valueIn({ form, type, masked }: LakeReadColumn, value: unknown): LakeValue {
  if (value === null || masked) return value as LakeValue;
  switch (form) {
    case 'NUMBER':
      return typeof value === 'string' ? notInJson(value) : (value as number);
    case 'BYTES':
      return Buffer.from(String(value), 'base64');
    case 'EXACT':
      return type.endsWith('INT') && wholeNumber.test(String(value)) ? BigInt(String(value)) : (value as string);
    default:
      return value as LakeValue;
  }
}

const notInJson = (text: string): number => {
  if (/^nan$/iu.test(text)) return Number.NaN;
  return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
};
