import type { DuckDBConnection } from '@duckdb/node-api';
import { isKeyType } from '../../../domain/lake/key-column.ts';
import type { AgeLimit } from '../../../domain/lake/retention.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { EngineSelection, EngineSelector } from '../../../services/lake/ports.ts';
import { KeptDayTables } from './kept-day-tables.ts';
import type { FileSchema } from './parquet-facts.ts';
import { askedFor, checkDateColumn, daysLeft, olderByDay, olderByInstant, retained, undated } from './row-age.ts';
import { byColumn, keyIn, whereFirst } from './selector-text.ts';

/** Selectors of one side and one subject column, in a temporary table of distinct rows. */
interface SelectionTable {
  readonly name: string;
  readonly side: 'act' | 'keep';
  /** Null for selectors of whole accounts. */
  readonly column: string | null;
}

/** SQL that says whether a row falls under the selectors of a table. */
type RowTest = (table: SelectionTable) => string;

const joined: RowTest = (table) => `${table.name}.account IS NOT NULL`;

/** A selection loaded into a connection; gives the SQL that says whether a scanned row falls under it. */
export class SelectionTables {
  readonly #selection: EngineSelection;
  readonly #tables: readonly SelectionTable[];
  readonly #within: KeptDayTables | null;

  private constructor(selection: EngineSelection, tables: readonly SelectionTable[], within: KeptDayTables | null) {
    this.#selection = selection;
    this.#tables = tables;
    this.#within = within;
  }

  static async load(connection: DuckDBConnection, selection: EngineSelection): Promise<SelectionTables> {
    const tables: SelectionTable[] = [];
    for (const side of ['act', 'keep'] as const) {
      for (const [column, selectors] of byColumn(selection[side])) {
        const table = { name: `lw_${side}_${tables.length}`, side, column };
        await loadTable(connection, table.name, selectors);
        tables.push(table);
      }
    }
    const { keepWithin, accountColumn } = selection;
    const within = keepWithin === undefined ? null : await KeptDayTables.load(connection, accountColumn, keepWithin);
    return new SelectionTables(selection, tables, within);
  }

  checkKeys(schema: FileSchema): void {
    checkKeyColumns(schema, this.keyColumns());
    for (const column of this.#dateColumns()) checkDateColumn(schema, column);
  }

  /** Columns by whose types files are told apart. */
  readColumns(): readonly string[] {
    return [...this.keyColumns(), ...this.#dateColumns()];
  }

  /** What stays of a selection by dates, in SQL under `joins()`: conditions of rows, and days. Null for one without dates. */
  left(): Readonly<Record<'held' | 'undated' | 'retained' | 'daysLeft' | 'within' | 'withinUndated', string>> | null {
    const { olderThan, everyone } = this.#selection;
    if (olderThan === undefined && this.#within === null) return null;
    const kept = this.#side('keep', joined);
    const within = this.#within?.joinedHit() ?? 'FALSE';
    const asked = everyone === true ? 'TRUE' : this.#side('act', joined);
    const dated = (sql: (age: AgeLimit) => string, otherwise = 'FALSE') =>
      olderThan === undefined ? otherwise : sql(olderThan);
    const free = `(${asked}) AND NOT (${kept})`;
    const stays = whereFirst(free, `${dated(askedFor, 'TRUE')} AND ${within}`);
    return {
      held: whereFirst(`(${asked}) AND (${kept})`, dated(olderByInstant)),
      undated: whereFirst(asked, dated(undated)),
      retained: whereFirst(free, `NOT ${within} AND ${dated(retained)}`),
      daysLeft: dated(daysLeft, 'NULL'),
      within: stays,
      withinUndated: this.#within === null ? 'FALSE' : whereFirst(stays, undated({ column: this.#within.dateColumn })),
    };
  }

  keyColumns(): readonly string[] {
    const subjects = this.#tables.flatMap((table) => table.column ?? []);
    return [...new Set([this.#selection.accountColumn, ...subjects, ...(this.#within?.keyColumns() ?? [])])];
  }

  #dateColumns(): readonly string[] {
    const columns = [this.#selection.olderThan?.column, this.#within?.dateColumn];
    return [...new Set(columns.filter((column) => column !== undefined))];
  }

  /** LEFT JOINs to the distinct selectors. A NULL key joins nothing, so its row stays and is not selected. */
  joins(): string {
    const joins = this.#tables.map(({ name, column }) => {
      const subject = column === null ? '' : ` AND ${name}.value = ${keyIn(column)}`;
      return `LEFT JOIN ${name} ON ${name}.account = ${keyIn(this.#selection.accountColumn)}${subject}`;
    });
    return [...joins, this.#within?.joins() ?? ''].join('\n');
  }

  /** True or false, never NULL, for a row under `joins()`. */
  joinedHit(): string {
    return this.#hit(joined, olderByInstant, this.#within?.joinedHit());
  }

  /**
   * The same question without joins, as an independent second opinion: the keys of the row, put together as one text, are looked
   * up in the list of put together selectors. How long the account is keeps account `1` with subject `23` apart from account
   * `12` with subject `3`.
   */
  scannedHit(): string {
    const account = keyIn(this.#selection.accountColumn);
    const found: RowTest = ({ name, column }) => {
      const text = column === null ? account : `${account} || ${keyIn(column)}`;
      return `coalesce((strlen(${account}), ${text}) IN (SELECT account_bytes, text FROM ${name}), FALSE)`;
    };
    return this.#hit(found, olderByDay, this.#within?.scannedHit());
  }

  #hit(test: RowTest, older: typeof olderByDay, within = 'FALSE'): string {
    const { everyone, olderThan } = this.#selection;
    const act = everyone === true ? 'TRUE' : this.#side('act', test);
    const named = `(${act}) AND NOT (${this.#side('keep', test)})`;
    if (olderThan === undefined && this.#within === null) return `(${named})`;
    return whereFirst(named, `${olderThan === undefined ? 'TRUE' : older(olderThan)} AND NOT ${within}`);
  }

  #side(wanted: SelectionTable['side'], test: RowTest): string {
    return (
      this.#tables
        .filter((table) => table.side === wanted)
        .map(test)
        .join(' OR ') || 'FALSE'
    );
  }
}

/** LAKE_TABLE_REFUSED if a key column is not in the file under that exact name, or has a type unfit for keys. */
export function checkKeyColumns(schema: FileSchema, names: readonly string[]): void {
  for (const name of names) {
    const column = schema.columns.find((candidate) => candidate.name === name);
    if (column?.type && isKeyType(column.type)) continue;
    const reason =
      column === undefined
        ? `it has no key column ${name}`
        : `its key column ${name} has the type ${column.type ?? 'nested'}, which cannot be compared as text`;
    throw new LinewardError(
      'LAKE_TABLE_REFUSED',
      `The lake file ${schema.path} cannot be searched: ${reason}. Keys are text, whole numbers, dates, booleans or UUIDs.`,
      { details: { path: schema.path, reason, column: name } },
    );
  }
}

/** Hundreds of thousands of selectors: as little of each as can be crosses to DuckDB, which does the rest. */
async function loadTable(connection: DuckDBConnection, name: string, selectors: readonly EngineSelector[]) {
  const given = `${name}_given`;
  await connection.run(`CREATE TEMP TABLE ${given} (account VARCHAR, value VARCHAR)`);
  const appender = await connection.createAppender(given);
  for (const { account, subject } of selectors) {
    appender.appendVarchar(account);
    appender.appendVarchar(subject?.value ?? '');
    appender.endRow();
  }
  appender.closeSync();
  await connection.run(
    `CREATE TEMP TABLE ${name} AS
     SELECT DISTINCT account, value, strlen(account) AS account_bytes, account || value AS text FROM ${given}`,
  );
  await connection.run(`DROP TABLE ${given}`);
}
