import type { EntityManager } from '@mikro-orm/postgresql';
import { digestOf } from '../domain/canonical-json.ts';
import { type Page, type PageRequest, pageWindow, writeCursor } from '../domain/page.ts';
import { textArray } from './sql.ts';

/** A piece of SQL with its `?` parameters. */
export interface SqlFragment {
  readonly sql: string;
  readonly params: readonly unknown[];
}

/** A column to sort by; `type` is the SQL type its cursor text is cast to. */
export interface SortColumn {
  readonly column: string;
  readonly type: 'text' | 'integer';
  readonly descending?: boolean;
}

/** A list kept in one table. All identifiers come from code, never from a client. */
export interface KeysetList<T> {
  /** A table, or a subquery in parentheses with its alias. */
  readonly table: string | SqlFragment;
  /** Makes the list one per parent: the page is taken for each parent on its own. */
  readonly parent?: { readonly column: string; readonly ids: readonly string[] };
  readonly where?: SqlFragment;
  /** The last column must make the order total. */
  readonly order: readonly SortColumn[];
  readonly request: PageRequest;
  /** Checks and shapes a row. */
  readonly parse: (row: unknown) => T;
}

type Row = Record<string, unknown>;

const noParent = '';

/** One page of a list without parents. */
export async function keysetPage<T>(em: EntityManager, list: KeysetList<T>): Promise<Page<T>> {
  const pages = await keysetPages(em, list);
  return pages(noParent);
}

/**
 * Pages of the same list for many parents in one statement, by keyset: cost follows the page, not its position.
 * Answers a function from parent id to page.
 */
export async function keysetPages<T>(em: EntityManager, list: KeysetList<T>): Promise<(parentId: string) => Page<T>> {
  const scope = digestOf([list.table, list.where ?? null, list.order]).slice(0, 12);
  const table = tableOf(list);
  const window = pageWindow(list.request, scope, (keys) => areKeys(list.order, keys));
  const order = list.order
    .map((sort) => `${sort.column} ${(sort.descending ?? false) === window.backwards ? 'asc' : 'desc'}`)
    .join(', ');
  const conditions = [list.where, parentCondition(list)];
  conditions.push(window.from === null ? undefined : beyond(list.order, window.from, window.backwards));
  conditions.push(window.until === null ? undefined : beyond(list.order, window.until, !window.backwards));
  const where = joined(conditions);
  const keys = list.order.map((sort, index) => `${sort.column}::text as cursor_${index}`).join(', ');
  // Without parents a plain limit, which the planner knows to stop at.
  const statement =
    list.parent === undefined
      ? `select *, ${keys} from ${table.sql} where ${where.sql} order by ${order} limit ?`
      : `select * from (
           select *, ${keys}, row_number() over (partition by ${list.parent.column} order by ${order}) as position
           from ${table.sql} where ${where.sql}
         ) listed where position <= ? order by position`;
  const rows = await em.execute<Row[]>(statement, [...table.params, ...where.params, window.size + 1]);
  const byParent = Map.groupBy(rows, (row) => (list.parent === undefined ? noParent : String(row[list.parent.column])));
  const totals = totalsOf(em, list);
  return (parentId) => {
    const found = byParent.get(parentId) ?? [];
    const kept = found.slice(0, window.size);
    if (window.backwards) kept.reverse();
    // Cursors are made when asked for: a client that pages by `pageInfo` needs two of a hundred.
    const rowOf = new Map<T, Row>();
    const items = kept.map((row) => {
      const item = list.parse(row);
      rowOf.set(item, row);
      return item;
    });
    const more = found.length > window.size;
    return {
      items,
      hasNextPage: window.backwards ? window.from !== null : more,
      hasPreviousPage: window.backwards ? more : window.from !== null,
      cursorOf: (item) =>
        writeCursor(
          scope,
          list.order.map((_, index) => String(rowOf.get(item)?.[`cursor_${index}`])),
        ),
      totalCount: async () => (await totals()).get(parentId) ?? 0,
    };
  };
}

const keyPatterns = { text: /^[^\0]*$/s, integer: /^-?\d{1,9}$/ } as const;

/** False for keys of a made-up cursor, which the database could not compare. */
function areKeys(order: readonly SortColumn[], keys: readonly string[]): boolean {
  return keys.length === order.length && order.every((sort, index) => keyPatterns[sort.type].test(keys[index] ?? ''));
}

function tableOf({ table }: KeysetList<unknown>): SqlFragment {
  return typeof table === 'string' ? { sql: table, params: [] } : table;
}

function parentCondition(list: KeysetList<unknown>): SqlFragment | undefined {
  return list.parent === undefined
    ? undefined
    : { sql: `${list.parent.column} = any(?::text[])`, params: [textArray(list.parent.ids)] };
}

function joined(fragments: readonly (SqlFragment | undefined)[]): SqlFragment {
  const given = fragments.filter((fragment) => fragment !== undefined);
  return {
    sql: given.length === 0 ? 'true' : given.map((fragment) => `(${fragment.sql})`).join(' and '),
    params: given.flatMap((fragment) => fragment.params),
  };
}

/** Rows strictly after the keys in list order (before, when reversed), also where columns sort in different directions. */
function beyond(order: readonly SortColumn[], keys: readonly string[], reversed: boolean): SqlFragment {
  const alternatives = order.map((sort, index) => {
    const equal = order.slice(0, index).map((earlier) => `${earlier.column} = ?::${earlier.type}`);
    const comparison = (sort.descending ?? false) === reversed ? '>' : '<';
    return {
      sql: [...equal, `${sort.column} ${comparison} ?::${sort.type}`].join(' and '),
      params: keys.slice(0, index + 1),
    };
  });
  return {
    sql: alternatives.map((alternative) => `(${alternative.sql})`).join(' or '),
    params: alternatives.flatMap((alternative) => alternative.params),
  };
}

// Shared by all pages of one call, so that nested totals are one statement too.
function totalsOf(em: EntityManager, list: KeysetList<unknown>): () => Promise<ReadonlyMap<string, number>> {
  let counted: Promise<ReadonlyMap<string, number>> | undefined;
  return () => {
    counted ??= count(em, list);
    return counted;
  };
}

async function count(em: EntityManager, list: KeysetList<unknown>): Promise<ReadonlyMap<string, number>> {
  const where = joined([list.where, parentCondition(list)]);
  const parent = list.parent === undefined ? `''` : list.parent.column;
  const table = tableOf(list);
  const rows = await em.execute<{ parent: string; total: number }[]>(
    `select ${parent} as parent, count(*)::int as total from ${table.sql} where ${where.sql} group by 1`,
    [...table.params, ...where.params],
  );
  return new Map(rows.map((row) => [row.parent, row.total]));
}
