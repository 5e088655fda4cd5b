import type { DuckDBConnection } from '@duckdb/node-api';
import { isKeyType } from '../../../domain/lake/key-column.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { EngineSelection, EngineSelector } from '../../../services/lake/ports.ts';
import type { FileSchema } from './parquet-facts.ts';
import { checkDateColumn, daysLeft, olderByDay, olderByInstant, retained, undated } from './row-age.ts';
import { scanned, sqlName } from './sql-text.ts';

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

  private constructor(selection: EngineSelection, tables: readonly SelectionTable[]) {
    this.#selection = selection;
    this.#tables = tables;
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
    return new SelectionTables(selection, tables);
  }

  checkKeys(schema: FileSchema): void {
    checkKeyColumns(schema, this.keyColumns());
    const { olderThan } = this.#selection;
    if (olderThan !== undefined) checkDateColumn(schema, olderThan.column);
  }

  /** Columns by whose types files are told apart. */
  readColumns(): readonly string[] {
    const { olderThan } = this.#selection;
    return [...this.keyColumns(), ...(olderThan === undefined ? [] : [olderThan.column])];
  }

  /** What a selection by age leaves, in SQL under `joins()`: conditions of rows, and days. Null for a selection that has no age. */
  left(): Readonly<Record<'held' | 'undated' | 'retained' | 'daysLeft', string>> | null {
    const { olderThan, everyone } = this.#selection;
    if (olderThan === undefined) return null;
    const kept = this.#side('keep', joined);
    const asked = everyone === true ? 'TRUE' : this.#side('act', joined);
    return {
      held: `((${asked}) AND ${olderByInstant(olderThan)} AND (${kept}))`,
      undated: `((${asked}) AND ${undated(olderThan)})`,
      retained: `((${asked}) AND NOT (${kept}) AND ${retained(olderThan)})`,
      daysLeft: daysLeft(olderThan),
    };
  }

  keyColumns(): readonly string[] {
    const subjects = this.#tables.flatMap((table) => table.column ?? []);
    return [...new Set([this.#selection.accountColumn, ...subjects])];
  }

  /** LEFT JOINs to the distinct selectors. A NULL key joins nothing, so its row stays and is not selected. */
  joins(): string {
    return this.#tables
      .map(({ name, column }) => {
        const subject = column === null ? '' : ` AND ${name}.value = ${this.#key(column)}`;
        return `LEFT JOIN ${name} ON ${name}.account = ${this.#key(this.#selection.accountColumn)}${subject}`;
      })
      .join('\n');
  }

  /** True or false, never NULL, for a row under `joins()`. */
  joinedHit(): string {
    return this.#hit(joined, olderByInstant);
  }

  /**
   * The same question without joins, as an independent second opinion: the keys of the row, put together as one text,
   * are looked up in the list of put together selectors.
   */
  scannedHit(): string {
    const account = this.#key(this.#selection.accountColumn);
    return this.#hit(({ name, column }) => {
      const subject = column === null ? '' : ` || ${this.#key(column)}`;
      const whole = `CAST(strlen(${account}) AS VARCHAR) || ':' || ${account}${subject}`;
      return `coalesce((${whole}) IN (SELECT whole FROM ${name}), FALSE)`;
    }, olderByDay);
  }

  #hit(test: RowTest, older: typeof olderByDay): string {
    const { everyone, olderThan } = this.#selection;
    const act = everyone === true ? 'TRUE' : this.#side('act', test);
    const age = olderThan === undefined ? '' : ` AND ${older(olderThan)}`;
    return `((${act})${age} AND NOT (${this.#side('keep', test)}))`;
  }

  #side(wanted: SelectionTable['side'], test: RowTest): string {
    return (
      this.#tables
        .filter((table) => table.side === wanted)
        .map(test)
        .join(' OR ') || 'FALSE'
    );
  }

  #key(column: string): string {
    return `CAST(${scanned}.${sqlName(column)} AS VARCHAR)`;
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

function byColumn(selectors: readonly EngineSelector[]): Map<string | null, EngineSelector[]> {
  const groups = new Map<string | null, EngineSelector[]>();
  for (const selector of selectors) {
    const column = selector.subject?.column ?? null;
    const group = groups.get(column);
    if (group === undefined) groups.set(column, [selector]);
    else group.push(selector);
  }
  return groups;
}

async function loadTable(connection: DuckDBConnection, name: string, selectors: readonly EngineSelector[]) {
  await connection.run(`CREATE TEMP TABLE ${name} (account VARCHAR, value VARCHAR, whole VARCHAR)`);
  const appender = await connection.createAppender(name);
  const seen = new Set<string>();
  for (const { account, subject } of selectors) {
    const value = subject?.value ?? '';
    // The length in front keeps account `1` with subject `23` apart from account `12` with subject `3`.
    const whole = `${Buffer.byteLength(account)}:${account}${value}`;
    if (seen.has(whole)) continue;
    seen.add(whole);
    for (const text of [account, value, whole]) appender.appendVarchar(text);
    appender.endRow();
  }
  appender.closeSync();
}
