import { randomUUID } from 'node:crypto';
import { queryRow } from '../duckdb/duckdb-session.ts';
import { scanned, sqlName } from '../duckdb/sql-text.ts';
import type { SelectedRows } from '../file-format.ts';
import type { RecordFile, RecordFormat } from './record-format.ts';

/** Column of a relation of records with a 64-bit hash of each as a whole. */
export const hashColumn = 'lw$hash';
/** And one with its place in the file: a join, which looks keys up, does not keep the order of rows. */
export const placeColumn = 'lw$place';

/** Column with a hash of all of a record but the valued columns. */
export const othersColumn = 'lw$others';
/** Column with the value of a valued column, as text that is equal for equal values; NULL where there is none. */
export const valueColumn = (index: number): string => `lw$value${index}`;

/** Records of a file in their order, with what SQL thinks of each: a table of the connection, of a few bytes per record. */
export class JudgedRecords {
  readonly #rows: SelectedRows;
  readonly #table: string;
  readonly rows: number;
  readonly matches: number;

  private constructor(rows: SelectedRows, table: string, counted: { readonly rows: number; readonly matches: number }) {
    this.#rows = rows;
    this.#table = table;
    this.rows = counted.rows;
    this.matches = counted.matches;
  }

  /** Reads a file once, by the parser that does not write, and judges by lookup. */
  static async using<T>(
    rows: SelectedRows,
    format: RecordFormat,
    file: RecordFile,
    work: (judged: JudgedRecords) => Promise<T>,
  ): Promise<T> {
    const { connection, tables } = rows;
    const table = `lw_judged_${randomUUID().replaceAll('-', '')}`;
    try {
      await format.relation(rows, file, async (relation) => {
        await connection.run(
          `CREATE TEMP TABLE ${table} AS
           SELECT ${scanned}.${sqlName(placeColumn)} AS place, ${scanned}.${sqlName(hashColumn)} AS hashed,
             ${tables.scannedHit()} AS hit FROM ${relation}`,
        );
      });
      const counted = await queryRow(
        connection,
        `SELECT count(*) AS total, count(*) FILTER (WHERE hit) AS matches FROM ${table}`,
      );
      const counts = { rows: Number(counted.total), matches: Number(counted.matches) };
      return await work(new JudgedRecords(rows, table, counts));
    } finally {
      await connection.run(`DROP TABLE IF EXISTS ${table}`);
    }
  }

  /** Places at which a copy does not hold the record that is to stay there of this file. */
  async misplacedIn(copy: JudgedRecords): Promise<number> {
    const inOrder = (table: string) => `SELECT hashed, row_number() OVER (ORDER BY place) AS nth FROM ${table}`;
    const row = await queryRow(
      this.#rows.connection,
      `SELECT count(*) FILTER (WHERE one.hashed IS DISTINCT FROM other.hashed) AS misplaced
       FROM (${inOrder(this.#table)} WHERE NOT hit) one FULL JOIN (${inOrder(copy.#table)}) other ON one.nth = other.nth`,
    );
    return Number(row.misplaced);
  }
}
