import type { LakeColumn } from '../lake/lake-column.ts';
import type { FieldFlow } from './field-flow.ts';
import { placeOf, type SpecIssue } from './spec-issue.ts';

/** What becomes of a column: which fields of which input it is made of. Inputs are the sources, and after them the lookups. */
export interface ColumnOrigin {
  readonly column: string;
  readonly from: readonly {
    readonly input: number;
    readonly field: string;
    readonly isSame: boolean;
    /** It decides which value is taken, and does not go into it. */
    readonly isJoin: boolean;
  }[];
}

/** A field of an input that decides which rows there are, or what is looked up for them; where a document says so. */
export interface DecidingField {
  readonly input: number;
  readonly field: string;
  readonly path: string;
}

export function decidingFields(flows: readonly (FieldFlow | null)[]): readonly DecidingField[] {
  return flows.flatMap((flow, source) =>
    (flow?.deciding ?? []).flatMap(({ origins, path }) =>
      origins.map(({ lookup, field }) => ({
        ...{ input: lookup === null ? source : flows.length + lookup, field },
        path: placeOf(path),
      })),
    ),
  );
}

/** Fields of one column that sources give untouched, and as different kinds of values. */
export function conflictsOf(
  columns: readonly LakeColumn[],
  flows: readonly (FieldFlow | null)[],
): readonly SpecIssue[] {
  return columns.flatMap(({ name, type }) => {
    if (type === 'JSON') return [];
    const given = flows.flatMap((flow, source) => {
      const field = flow?.fields.get(name);
      return field?.isSame === true && field.type !== null && field.type !== 'JSON'
        ? [{ source, type: field.type }]
        : [];
    });
    const [first] = given;
    return given.flatMap((other) => {
      if (first === undefined || kindOf(first.type) === kindOf(other.type)) return [];
      const message = `Its field ${name} is a ${other.type}, and that of sources[${first.source}] a ${first.type}; cast one of them.`;
      return [{ path: placeOf(['sources', other.source]), code: 'TYPE_CONFLICT' as const, message }];
    });
  });
}

/** Whole numbers and fractions go together: the column decides. */
const kindOf = (type: LakeColumn['type']): string =>
  type === 'INTEGER' || type === 'BIGINT' || type === 'DOUBLE' ? 'NUMBER' : type;

export function originOf(column: string, flows: readonly (FieldFlow | null)[]): ColumnOrigin {
  const from = flows.flatMap((flow, source) => {
    const field = flow?.fields.get(column);
    return (field?.origins ?? []).map(({ lookup, field: name, isJoin }) => ({
      input: lookup === null ? source : flows.length + lookup,
      field: name,
      isSame: field?.isSame === true && !isJoin,
      isJoin,
    }));
  });
  return { column, from };
}
