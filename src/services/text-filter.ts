import { LinewardError } from '../errors/lineward-error.ts';
import type { SqlFragment } from './keyset-page.ts';
import { textArray } from './sql.ts';

/** Conditions on one text, all of which must hold. */
export interface TextConditions {
  readonly eq?: string | undefined;
  readonly in?: readonly string[] | undefined;
  readonly startsWith?: string | undefined;
  readonly contains?: string | undefined;
}

/** The boolean operators of a filter `F`: all of these, at least one of these, not this. */
export interface Operators<F> {
  readonly and?: readonly F[] | undefined;
  readonly or?: readonly F[] | undefined;
  readonly not?: F | undefined;
}

/** The SQL condition for each key of a filter, from what was given there. Nothing of a client may reach its text. */
export type FilterConditions<F> = {
  readonly [Key in Exclude<keyof F, keyof Operators<F>>]-?: (given: NonNullable<F[Key]>) => SqlFragment;
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
 * The SQL condition of a filter whose keys ask different things.
 * @throws LinewardError LIMIT_EXCEEDED when it nests deeper than 5 or lists more than 100 values.
 */
export function booleanCondition<F extends Operators<F>>(
  filter: F | undefined,
  conditions: FilterConditions<F>,
  depth = 0,
): SqlFragment {
  if (filter === undefined) return always;
  if (depth > depthMax)
    throw new LinewardError('LIMIT_EXCEEDED', `filter: nested deeper than ${depthMax}`, { path: ['filter'] });
  const nested = (inner: F): SqlFragment => booleanCondition(inner, conditions, depth + 1);
  const keys = Object.keys(conditions) as (keyof FilterConditions<F>)[];
  const parts: SqlFragment[] = keys.flatMap((key) => {
    const given = filter[key];
    return given === undefined || given === null ? [] : [conditions[key](given)];
  });
  if (filter.and !== undefined) parts.push(join(filter.and.map(nested), 'and', always));
  if (filter.or !== undefined) parts.push(join(filter.or.map(nested), 'or', { sql: 'false', params: [] }));
  if (filter.not !== undefined) {
    const inner = nested(filter.not);
    parts.push({ sql: `not (${inner.sql})`, params: inner.params });
  }
  return join(parts, 'and', always);
}

/** Asks a text column. */
export function textCondition(column: string): (given: TextConditions) => SqlFragment {
  return (conditions) => {
    const parts: SqlFragment[] = [];
    if (conditions.eq != null) parts.push({ sql: `${column} = ?`, params: [conditions.eq] });
    if (conditions.startsWith != null)
      parts.push({ sql: `${column} like ?`, params: [`${escaped(conditions.startsWith)}%`] });
    if (conditions.contains != null)
      parts.push({ sql: `${column} ilike ?`, params: [`%${escaped(conditions.contains)}%`] });
    if (conditions.in != null) {
      parts.push(
        join(
          few(conditions.in).map((value) => ({ sql: `${column} = ?`, params: [value] })),
          'or',
          { sql: 'false', params: [] },
        ),
      );
    }
    return join(parts, 'and', always);
  };
}

/** Asks a column of texts: one and the same of them must meet all conditions. */
export function someTextCondition(column: string): (given: TextConditions) => SqlFragment {
  return (conditions) => {
    const { eq, in: among, startsWith, contains } = conditions;
    const parts: SqlFragment[] = [];
    // In the form that an index over the column answers.
    if (eq != null) parts.push({ sql: `${column} @> ?::text[]`, params: [textArray([eq])] });
    if (among != null) parts.push({ sql: `${column} && ?::text[]`, params: [textArray(few(among))] });
    if (startsWith != null || contains != null || parts.length > 1) {
      const some = textCondition('item')(conditions);
      parts.push({ sql: `exists (select 1 from unnest(${column}) item where ${some.sql})`, params: some.params });
    }
    return join(parts, 'and', always);
  };
}

function few(values: readonly string[]): readonly string[] {
  if (values.length > valuesMax)
    throw new LinewardError('LIMIT_EXCEEDED', `filter: at most ${valuesMax} values`, { path: ['filter'] });
  return values;
}
