import type { DuckDBConnection } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { reading } from './duckdb-failure.ts';
import { queryRow, queryRows } from './duckdb-session.ts';
import type { FileSchema } from './parquet-facts.ts';
import { parquetFiles, scanned, sqlName } from './sql-text.ts';

/** A column whose values are replaced. */
export interface ReplacedColumn {
  readonly name: string;
  /** True for lists, maps and structs, whose text is JSON. */
  readonly isNested: boolean;
  /** DuckDB's type, by which its text becomes a value again. */
  readonly type: string;
  /** Name of the column that holds its texts in the table of answers. */
  readonly answers: string;
}

/** The columns, with how their values become text and values again. LAKE_TABLE_REFUSED for one that is not in the file. */
export async function replacedColumns(
  connection: DuckDBConnection,
  schema: FileSchema,
  names: readonly string[],
): Promise<readonly ReplacedColumn[]> {
  const described = await queryRows(
    connection,
    `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${parquetFiles([schema.path])})`,
  );
  const types = new Map(described.map((row) => [String(row.column_name), String(row.column_type)]));
  const columns: ReplacedColumn[] = [];
  for (const name of names) {
    const known = schema.columns.find((candidate) => candidate.name === name);
    if (known === undefined) throw refused(schema.path, name, `it has no column ${name}`);
    const answers = `c${columns.length}`;
    columns.push({ name, isNested: known.type === null, type: types.get(name) ?? 'VARCHAR', answers });
  }
  return columns;
}

/** A column of the scanned file, in SQL. */
export const placeOf = (name: string): string => `${scanned}.${sqlName(name)}`;

/** The text of a value of the scanned file, in SQL. */
export const textOf = ({ name, isNested }: Pick<ReplacedColumn, 'name' | 'isNested'>): string =>
  `CAST(${isNested ? `to_json(${placeOf(name)})` : placeOf(name)} AS VARCHAR)`;

/** The value that a text stands for, in SQL. */
export const valueIn = ({ type, isNested }: ReplacedColumn, text: string): string =>
  type === 'VARCHAR' ? text : `CAST(${isNested ? `CAST(${text} AS JSON)` : text} AS ${type})`;

/** @throws LinewardError LAKE_TABLE_REFUSED when an answer is no value of its column: DuckDB would call the file damaged. */
export async function expectFitting(
  connection: DuckDBConnection,
  {
    path,
    columns,
    table,
  }: { readonly path: string; readonly columns: readonly ReplacedColumn[]; readonly table: string },
): Promise<void> {
  for (const column of columns) {
    if (column.type === 'VARCHAR') continue;
    const fits = `count(*) FILTER (WHERE ${valueIn(column, column.answers)} IS NOT NULL)`;
    await connection.run(`SELECT ${fits} FROM ${table}`).catch((error: unknown) => {
      // Anything else is told by the copy, which does the same with all columns.
      if (!(error instanceof Error) || !/^(?:Conversion|Invalid Input) Error/u.test(error.message)) return;
      throw refused(path, column.name, `what its column ${column.name} is to hold does not fit the type of the column`);
    });
  }
}

/** @throws LinewardError LAKE_TABLE_REFUSED for a column of which some value, changed or not, would not come back as it is. */
export async function expectExact(
  connection: DuckDBConnection,
  path: string,
  columns: readonly ReplacedColumn[],
): Promise<void> {
  for (const column of columns)
    if (!(await reading(path, () => comesBack(connection, path, column))))
      throw refused(path, column.name, `values of its column ${column.name} do not come back exactly from their text`);
}

async function comesBack(connection: DuckDBConnection, path: string, column: ReplacedColumn): Promise<boolean> {
  if (column.type === 'VARCHAR' || column.type === 'JSON') return true;
  const { others } = await queryRow(
    connection,
    `SELECT count(*) FILTER (WHERE ${valueIn(column, textOf(column))} IS DISTINCT FROM ${placeOf(column.name)}) AS others
     FROM ${parquetFiles([path])} ${scanned}`,
  );
  return Number(others) === 0;
}

function refused(path: string, column: string, reason: string): LinewardError {
  return new LinewardError('LAKE_TABLE_REFUSED', `The lake file ${path} cannot be rewritten: ${reason}.`, {
    details: { path, reason, column },
  });
}
