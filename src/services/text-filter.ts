import { LinewardError } from '../errors/lineward-error.ts';
import type { SqlFragment } from './keyset-page.ts';

/** Conditions on one text column, all of which must hold. */
export interface TextConditions {
  readonly eq?: string | undefined;
  readonly in?: readonly string[] | undefined;
  readonly startsWith?: string | undefined;
  readonly contains?: string | undefined;
}

/** A filter over columns `C` with boolean operators. */
export type TextFilter<C extends string> = { readonly [column in C]?: TextConditions | undefined } & {
  readonly and?: readonly TextFilter<C>[] | undefined;
  readonly or?: readonly TextFilter<C>[] | undefined;
  readonly not?: TextFilter<C> | undefined;
};

const depthMax = 5;
const valuesMax = 100;
const always: SqlFragment = { sql: 'true', params: [] };

const join = (parts: readonly SqlFragment[], operator: 'and' | 'or', empty: SqlFragment): SqlFragment =>
  parts.length === 0
    ? empty
    : { sql: parts.map((part) => `(${part.sql})`).join(` ${operator} `), params: parts.flatMap((part) => part.params) };

// `like` with its wildcards made plain.
const escaped = (text: string): string => text.replace(/[\\%_]/g, (character) => `\\${character}`);

/**
 * The SQL condition of a filter; `columns` names the SQL column of each filter key, and nothing else reaches the text.
 * @throws LinewardError LIMIT_EXCEEDED when it nests deeper than 5 or lists more than 100 values.
 */
export function filterCondition<C extends string>(
  filter: TextFilter<C> | undefined,
  columns: Readonly<Record<C, string>>,
  depth = 0,
): SqlFragment {
  if (filter === undefined) return always;
  if (depth > depthMax)
    throw new LinewardError('LIMIT_EXCEEDED', `filter: nested deeper than ${depthMax}`, { path: ['filter'] });
  const nested = (inner: TextFilter<C>): SqlFragment => filterCondition(inner, columns, depth + 1);
  const parts: SqlFragment[] = (Object.keys(columns) as C[]).map((column) =>
    columnCondition(columns[column], filter[column] as TextConditions | undefined),
  );
  if (filter.and !== undefined) parts.push(join(filter.and.map(nested), 'and', always));
  if (filter.or !== undefined) parts.push(join(filter.or.map(nested), 'or', { sql: 'false', params: [] }));
  if (filter.not !== undefined) {
    const inner = nested(filter.not);
    parts.push({ sql: `not (${inner.sql})`, params: inner.params });
  }
  return join(parts, 'and', always);
}

function columnCondition(column: string, conditions: TextConditions | undefined): SqlFragment {
  if (conditions === undefined || conditions === null) return always;
  const parts: SqlFragment[] = [];
  if (conditions.eq != null) parts.push({ sql: `${column} = ?`, params: [conditions.eq] });
  if (conditions.startsWith != null)
    parts.push({ sql: `${column} like ?`, params: [`${escaped(conditions.startsWith)}%`] });
  if (conditions.contains != null)
    parts.push({ sql: `${column} ilike ?`, params: [`%${escaped(conditions.contains)}%`] });
  if (conditions.in != null) {
    if (conditions.in.length > valuesMax)
      throw new LinewardError('LIMIT_EXCEEDED', `filter: at most ${valuesMax} values`, { path: ['filter'] });
    parts.push(
      join(
        conditions.in.map((value) => ({ sql: `${column} = ?`, params: [value] })),
        'or',
        { sql: 'false', params: [] },
      ),
    );
  }
  return join(parts, 'and', always);
}
