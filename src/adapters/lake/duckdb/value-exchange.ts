import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { ColumnTexts } from '../../../services/lake/ports.ts';
import { reading } from './duckdb-failure.ts';
import { isMarked, numberedRows, rowNumber } from './marked-rows.ts';
import { type ReplacedColumn, textOf } from './replaced-columns.ts';
import { told, untold } from './sql-text.ts';

/** Rows that cross to the service and back at a time. */
const rowsPerBatch = 8_192;
/** And about how many characters: both processes hold a batch as a whole, more than once. */
const charsPerBatch = 8_388_608;

export interface ValueWork {
  readonly source: string;
  readonly columns: readonly ReplacedColumn[];
  readonly keyColumns: readonly string[];
  /** Gets a row for each row of the file, in order: `c0`, `c1` … are the texts of the columns. */
  readonly table: string;
  /** Asks the service for the new texts of the replaced columns. */
  exchange(batch: ColumnTexts): Promise<ColumnTexts>;
}

/** Streams the rows of a file to the service and keeps what it answers, a row for each row of the file, in order. */
export class ValueExchange {
  readonly #connection: DuckDBConnection;
  readonly #filler: DuckDBConnection;
  readonly #work: ValueWork;
  readonly #read: readonly string[];
  readonly #changed = new Set<ReplacedColumn>();
  #found = 0;

  constructor(connection: DuckDBConnection, filler: DuckDBConnection, work: ValueWork) {
    this.#connection = connection;
    this.#filler = filler;
    this.#work = work;
    const replaced = work.columns.map(({ name }) => name);
    this.#read = [...replaced, ...work.keyColumns.filter((name) => !replaced.includes(name))];
  }

  /** Answers the columns, too, in which something was replaced. */
  async run(): Promise<{
    readonly rows: number;
    readonly found: number;
    readonly changed: readonly ReplacedColumn[];
  }> {
    const { source, columns } = this.#work;
    const texts = this.#read.map((name, index) => told(textOf(columns[index] ?? { name, isNested: false })));
    const stream = await reading(source, () =>
      this.#connection.stream(`SELECT ${rowNumber}, ${isMarked}, ${texts.join(', ')} FROM ${numberedRows(source)}`),
    );
    const appender = await this.#filler.createAppender(this.#work.table);
    let rows = 0;
    let pending: (readonly unknown[])[] = [];
    let chars = 0;
    for (;;) {
      const chunk = await reading(source, () => stream.fetchChunk());
      const read = chunk === null ? [] : chunk.getRows();
      if (read.length > 0 && Number(read[0]?.[0]) !== rows)
        throw new LinewardError('LAKE_ENGINE_FAILED', 'The lake engine read rows out of order; try again.', {
          details: { path: source, reason: 'rows came out of order' },
        });
      rows += read.length;
      for (const row of read) {
        pending.push(row);
        chars += charsOf(row);
        if (pending.length < rowsPerBatch && chars < charsPerBatch) continue;
        await this.#replace(appender, pending);
        [pending, chars] = [[], 0];
      }
      if (read.length === 0) break;
    }
    await this.#replace(appender, pending);
    appender.closeSync();
    return { rows, found: this.#found, changed: columns.filter((column) => this.#changed.has(column)) };
  }

  /** Rows outside the selection never leave the engine. */
  async #replace(appender: DuckDBAppender, rows: readonly (readonly unknown[])[]): Promise<void> {
    const { columns, exchange } = this.#work;
    const marked = rows.filter((row) => row[1] === true);
    const given = this.#read.map((_, index) => marked.map((row) => untold(row[index + 2])));
    const named = Object.fromEntries(this.#read.map((name, index) => [name, given[index] ?? []]));
    const answer = marked.length === 0 ? {} : await exchange(named);
    const replaced = columns.map(({ name }) => answer[name] ?? []);
    if (replaced.some((texts) => texts.length !== marked.length))
      throw new LinewardError('INTERNAL', 'A transformation answered another number of values than it was given.');
    let place = -1;
    for (const row of rows) {
      const isHit = row[1] === true;
      if (isHit) place += 1;
      let isChanged = false;
      for (const [index, column] of columns.entries()) {
        const before = untold(row[index + 2]);
        const after = isHit ? (replaced[index]?.[place] ?? null) : before;
        if (after !== before) {
          isChanged = true;
          this.#changed.add(column);
        }
        if (after === null) appender.appendNull();
        else appender.appendVarchar(after);
      }
      if (isChanged) this.#found += 1;
      appender.endRow();
    }
  }
}

const charsOf = (row: readonly unknown[]): number =>
  row.reduce((sum: number, value) => sum + (typeof value === 'string' ? value.length : 0), 0);
