import type { LakeColumn } from '../../../domain/lake/lake-column.ts';
import { unknownDatePartition } from '../../../domain/lake/table-location.ts';
import { grainFolders, type MergePlan, type OrderTerm } from '../../../domain/transform/transform-plan.ts';
import type { PartitionGrain } from '../../../domain/transform/transformer-spec.ts';
import { sqlName, sqlText } from '../duckdb/sql-text.ts';
import { utcOf } from './date-sql.ts';
import { numberPattern } from './expression-sql.ts';

/** Number of the file that a row lies in; of a new row -1 less the number of its mark. */
export const fileColumn = 'lineward_file';
/** Folder below the table. */
export const folderColumn = 'lineward_folder';

/** Number of what the file says is protected that a row is from; 0 for nothing. */
export const markColumn = 'lineward_mark';

export const columnList = ({ columns }: Pick<MergePlan, 'columns'>, alias = ''): string =>
  columns.map(({ name }) => `${alias}${sqlName(name)}`).join(', ');

/** The columns of the table, and the folder of each row. */
export const placedList = (plan: Pick<MergePlan, 'columns'>, alias = ''): string =>
  `${columnList(plan, alias)}, ${alias}${folderColumn}`;

export const keyList = ({ key }: MergePlan): string => key.map(sqlName).join(', ');

/** The folder that a row belongs in, by its date; see `partitionOf` of landings. */
export function folderOf(partition: MergePlan['partition']): string {
  return partition === null ? `''` : folderAt(utcOf(`CAST(${sqlName(partition.column)} AS VARCHAR)`), partition.grain);
}

/** The folder of an instant. */
export function folderAt(instant: string, grain: PartitionGrain): string {
  const known = `CASE WHEN year(${instant}) BETWEEN 0 AND 9999 THEN strftime(${instant}, ${sqlText(grainFolders[grain])}) END`;
  return `coalesce(${known}, ${sqlText(unknownDatePartition)})`;
}

/**
 * Of all rows of a key in `relation` (which has a file column) the one that stays. Rows that compare equal are told apart by
 * their values, the greater text first, column by column: never by where or when they came, so that neither the order of
 * messages nor the bounds of batches show. A row that is there already comes before an equal new one, and is no change then.
 */
export function survivors(plan: MergePlan, relation: string): string {
  const types = typesOf(plan);
  const combined = new Map(plan.combine.map((one) => [one.column, one.with]));
  const window = `PARTITION BY ${keyList(plan)}`;
  const columns = plan.columns.map(({ name, type }) => {
    const how = combined.get(name);
    return how === undefined
      ? sqlName(name)
      : `CAST(${how}(${sqlName(name)}) OVER (${window}) AS ${type}) AS ${sqlName(name)}`;
  });
  const changed = [...combined.keys()].map((name) => {
    const total = `CAST(${combined.get(name)}(${sqlName(name)}) OVER (${window}) AS ${types.get(name)})`;
    return `${sqlName(name)} IS DISTINCT FROM ${total}`;
  });
  return `SELECT ${columns.join(', ')}, ${folderColumn}, ${fileColumn}, ${changed.length === 0 ? 'FALSE' : changed.join(' OR ')} AS lineward_combined
    FROM ${relation} QUALIFY row_number() OVER (${window} ORDER BY ${wholeOrder(plan)}) = 1`;
}

const typesOf = ({ columns }: MergePlan): ReadonlyMap<string, LakeColumn['type']> =>
  new Map(columns.map(({ name, type }) => [name, type]));

/** By what the document compares alone, as ORDER BY takes it; rows may be equal by that. */
export function statedOrder(plan: MergePlan): string {
  const types = typesOf(plan);
  return plan.order.map((term) => orderSql(term, types.get(term.column) ?? 'VARCHAR')).join(', ');
}

/** By what the document compares, and by all values behind that, so that only rows that are the same are equal. */
export function wholeOrder(plan: MergePlan): string {
  const combined = new Set(plan.combine.map(({ column }) => column));
  const decided = new Set(plan.order.filter(isWhole(typesOf(plan))).map(({ column }) => column));
  const others = plan.columns.filter(
    ({ name }) => !plan.key.includes(name) && !combined.has(name) && !decided.has(name),
  );
  const ties = others.map(({ name, type }) => `${comparable(name, type)} DESC NULLS LAST`);
  return [statedOrder(plan), ...ties, `${fileColumn} DESC`].filter((part) => part !== '').join(', ');
}

/** True for a term in which only equal values are equal, so that they need no telling apart. */
const isWhole =
  (types: ReadonlyMap<string, LakeColumn['type']>) =>
  ({ column, compare }: OrderTerm): boolean =>
    compare === 'STRINGS' && types.get(column) === 'VARCHAR';

/** Spellings of one JSON value are one value only to those who parse it; texts are compared as they stand. */
const comparable = (name: string, type: LakeColumn['type']): string =>
  type === 'JSON' ? `CAST(${sqlName(name)} AS VARCHAR)` : sqlName(name);

function orderSql({ column, compare, keeps }: OrderTerm, type: LakeColumn['type']): string {
  const direction = `${keeps === 'GREATER' ? 'DESC' : 'ASC'} NULLS LAST`;
  return `${comparedSql(sqlName(column), compare, type)} ${direction}`;
}

function comparedSql(name: string, compare: OrderTerm['compare'], type: LakeColumn['type']): string {
  const text = type === 'JSON' ? `(${name} ->> '$')` : `CAST(${name} AS VARCHAR)`;
  if (compare === 'STRINGS') return type === 'VARCHAR' ? name : text;
  if (compare === 'DATES') return utcOf(text);
  if (compare !== 'NUMBERS') return `list_position([${compare.values.map(sqlText).join(', ')}], ${text})`;
  const isNumber = type === 'INTEGER' || type === 'BIGINT' || type === 'DOUBLE';
  if (isNumber) return name;
  return `CASE WHEN regexp_full_match(${text}, ${sqlText(numberPattern)}) THEN TRY_CAST(${text} AS DOUBLE) END`;
}
