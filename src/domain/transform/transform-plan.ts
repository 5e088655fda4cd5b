import type { LakeColumn } from '../lake/lake-column.ts';
import type { Expression } from './expression.ts';
import type { RunDays } from './run-state.ts';
import type { PartitionGrain, ResourceFormat, TransformOf } from './transformer-spec.ts';

/**
 * How a value stands in a statement while it is worked on: TEXT as it is; SCALAR, a number or a truth value, as text; JSON as
 * JSON text, where the type of the field does not say how to read it.
 */
export type ValueForm = 'TEXT' | 'SCALAR' | 'JSON';

const scalarColumns: readonly LakeColumn['type'][] = ['INTEGER', 'BIGINT', 'DOUBLE', 'BOOLEAN'];

/** How values of a field stand whose column in a table has that type. */
export function formOfColumn(type: LakeColumn['type']): ValueForm {
  if (type === 'JSON') return 'JSON';
  return scalarColumns.includes(type) ? 'SCALAR' : 'TEXT';
}

/** A step that the engine does to all rows of a source, in order. */
export type ShapeStep =
  | (Omit<TransformOf<'localizeDates'>, 'formats'> & {
      readonly formats: readonly string[];
      /** Field that names the account, for zones by account. */
      readonly accountField: string;
    })
  | TransformOf<'rename'>
  | TransformOf<'cast'>
  | TransformOf<'drop'>
  | TransformOf<'flatten'>
  | TransformOf<'explode'>
  | LookupStep
  | { readonly type: 'filter'; readonly where: Expression }
  | { readonly type: 'derive'; readonly fields: readonly { readonly name: string; readonly value: Expression }[] };

export interface LookupStep {
  readonly type: 'lookup';
  /** Its number within the document. */
  readonly lookup: number;
  /** Fields of the row, in the order of the keys of the lookup. */
  readonly on: readonly string[];
  /** New fields, in the order of the values of the lookup; `otherwise` is what a row without a match gets, null for NULL. */
  readonly fields: readonly (FormedField & { readonly otherwise: string | null })[];
  /** A row without a match is rejected. */
  readonly rejects: boolean;
}

export interface FormedField {
  readonly name: string;
  readonly form: ValueForm;
}

/** From records of a source to rows of the table, without knowledge of other rows. */
export interface ShapePlan {
  readonly fields: readonly FormedField[];
  readonly steps: readonly ShapeStep[];
  /** Columns of the table, each with the form of the field of its name after the last step; null: there is none. */
  readonly columns: readonly (LakeColumn & { readonly form: ValueForm | null })[];
  readonly key: readonly string[];
  readonly partition: MergePlan['partition'];
  /** Only rows of these days, by the date of the partition; all when absent. */
  readonly days?: RunDays | null;
}

/** One thing by which rows of a key are compared; earlier terms decide first. */
export interface OrderTerm {
  readonly column: string;
  readonly compare: 'STRINGS' | 'NUMBERS' | 'DATES' | { readonly values: readonly string[] };
  /** Which of two values stays. A row without a value gives way to one with. */
  readonly keeps: 'GREATER' | 'LESSER';
}

export interface CombinedColumn {
  readonly column: string;
  readonly with: 'sum' | 'max' | 'min';
}

/** From rows to one row for each key, in files. */
export interface MergePlan {
  readonly columns: readonly LakeColumn[];
  readonly key: readonly string[];
  readonly order: readonly OrderTerm[];
  readonly combine: readonly CombinedColumn[];
  readonly partition: { readonly column: string; readonly grain: PartitionGrain } | null;
  readonly file: {
    readonly format: ResourceFormat;
    readonly codec: string;
    readonly bytes: number;
    /** Full name of the entity, by which Avro names the record. */
    readonly recordName: string;
  };
}

/** Names of columns that statements need for themselves. */
export const reservedPrefix = 'lineward_';
/** Where a row came from: `<partition>:<offset>`. */
export const originColumn = `${reservedPrefix}at`;

/** Folder of rows whose date says nothing; see `unknownDatePartition`. */
export const grainFolders: Readonly<Record<PartitionGrain, string>> = {
  hourly: '%Y/%m/%d/%H',
  daily: '%Y/%m/%d',
  monthly: '%Y/%m',
};

/** How standard directories spell a grain: `by_date_created_ymd`. */
export const grainNames: Readonly<Record<PartitionGrain, string>> = { hourly: 'ymdh', daily: 'ymd', monthly: 'ym' };
