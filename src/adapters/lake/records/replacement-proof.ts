import { randomUUID } from 'node:crypto';
import type { DuckDBAppender } from '@duckdb/node-api';
import { reading } from '../duckdb/duckdb-failure.ts';
import { queryRow } from '../duckdb/duckdb-session.ts';
import { inexact } from '../duckdb/rewrite-check.ts';
import { scanned, sqlName } from '../duckdb/sql-text.ts';
import type { SelectedRows } from '../file-format.ts';
import type { CopyPaths, RecordFormat } from './record-format.ts';
import { hashColumn, othersColumn, placeColumn, valueColumn } from './record-proof.ts';

/**
 * Lays a copy with new values beside its source, both read by the parser that did not write: records without a new value are the
 * same, the others are under the selection by lookup, hold what was to be written, and are the same in all else.
 */
export class ReplacementProof {
  readonly #rows: SelectedRows;
  readonly #format: RecordFormat;
  /** Names of all columns that may be replaced. */
  readonly #asked: readonly string[];
  readonly #changed = new Set<number>();
  readonly #names: Readonly<Record<'written' | 'expected' | 'before' | 'after', string>>;
  #appender: DuckDBAppender | null = null;

  constructor(rows: SelectedRows, format: RecordFormat, columns: readonly string[]) {
    this.#rows = rows;
    this.#format = format;
    this.#asked = columns;
    const id = randomUUID().replaceAll('-', '');
    const named = (what: string): string => `lw_${what}_${id}`;
    this.#names = {
      written: named('written'),
      expected: named('expected'),
      before: named('before'),
      after: named('after'),
    };
  }

  async begin(): Promise<void> {
    const { connection } = this.#rows;
    await connection.run(`CREATE TEMP TABLE ${this.#names.written} (place BIGINT, col INTEGER, text VARCHAR)`);
    this.#appender = await connection.createAppender(this.#names.written);
  }

  /** What the record at a place, from 1, was written with; null for a value that stayed. */
  expect(place: number, texts: readonly (string | null)[]): void {
    for (const [column, text] of texts.entries()) {
      if (text === null) continue;
      this.#changed.add(column);
      this.#appender?.appendBigInt(BigInt(place));
      this.#appender?.appendInteger(column);
      this.#appender?.appendVarchar(text);
      this.#appender?.endRow();
    }
  }

  /** @throws LinewardError LAKE_CHECK_FAILED with each broken rule. */
  async check(
    files: CopyPaths,
    metadata: Readonly<Record<string, string>>,
    counted: { readonly records: number; readonly hits: number },
  ): Promise<void> {
    this.#close();
    const { source, staged } = files;
    await this.#lay();
    const faults = await reading(source, async () => {
      await this.#read('before', source, source);
      await this.#read('after', staged, source);
      const head = await this.#format.headFault(files, metadata);
      return [...(head === null ? [] : [head]), ...(await this.#faults(counted))];
    });
    if (faults.length > 0) throw inexact(source, faults);
  }

  /** Columns of which some value was replaced; all others are compared with the rest of their records. */
  get #columns(): readonly number[] {
    return [...this.#changed].sort((one, other) => one - other);
  }

  /** A row for each record with new values, a column for each column that has some. */
  async #lay(): Promise<void> {
    const { written, expected } = this.#names;
    const columns = this.#columns.map((column, index) => `max(text) FILTER (WHERE col = ${column}) AS c${index}`);
    await this.#rows.connection.run(
      `CREATE TEMP TABLE ${expected} AS SELECT ${['place', ...columns].join(', ')} FROM ${written} GROUP BY place`,
    );
  }

  async end(): Promise<void> {
    this.#close();
    for (const name of Object.values(this.#names)) await this.#rows.connection.run(`DROP TABLE IF EXISTS ${name}`);
  }

  #close(): void {
    this.#appender?.closeSync();
    this.#appender = null;
  }

  async #read(name: 'before' | 'after', path: string, like: string): Promise<void> {
    const { connection, tables } = this.#rows;
    const of = (column: string): string => `${scanned}.${sqlName(column)}`;
    // Values may be long, and are compared by a hash of 64 bits, as whole records are.
    const valued = this.#columns.map((column) => this.#asked[column] ?? '');
    const values = valued.map((_, index) => `, hash(${of(valueColumn(index))}) AS v${index}`);
    await this.#format.relation(this.#rows, { path, like, valued }, (relation) =>
      connection.run(
        `CREATE TEMP TABLE ${this.#names[name]} AS
         SELECT ${of(placeColumn)} AS place, ${of(hashColumn)} AS hashed, ${of(othersColumn)} AS others,
           ${tables.scannedHit()} AS hit${values.join('')} FROM ${relation}`,
      ),
    );
  }

  async #faults({ records, hits }: { readonly records: number; readonly hits: number }): Promise<readonly string[]> {
    const { expected, before, after } = this.#names;
    const differ = this.#columns.map((_, index) => {
      const due = `CASE WHEN e.c${index} IS NULL THEN b.v${index} ELSE hash(${this.#format.written(`e.c${index}`)}) END`;
      return `a.v${index} IS DISTINCT FROM ${due}`;
    });
    const count = (rule: string): string => `count(*) FILTER (WHERE ${rule})`;
    const seen = await queryRow(
      this.#rows.connection,
      `SELECT count(b.place) AS before, count(a.place) AS after, ${count('b.hit')} AS hits,
         ${count('e.place IS NULL AND b.hashed IS DISTINCT FROM a.hashed')} AS touched,
         ${count('e.place IS NOT NULL AND b.hit IS NOT TRUE')} AS unasked,
         ${count('e.place IS NOT NULL AND b.others IS DISTINCT FROM a.others')} AS misplaced,
         ${count(`e.place IS NOT NULL AND (${['FALSE', ...differ].join(' OR ')})`)} AS wrong
       FROM ${before} b FULL JOIN ${after} a ON a.place = b.place
       FULL JOIN ${expected} e ON e.place = coalesce(b.place, a.place)`,
    );
    const number = (name: string): number => Number(seen[name]);
    const faults: string[] = [];
    if (number('before') !== records)
      faults.push(`the source was read as ${records} and as ${number('before')} records`);
    if (number('after') !== records) faults.push(`${records} records became ${number('after')}`);
    if (number('hits') !== hits)
      faults.push(`the source has ${hits} matches by judgement and ${number('hits')} by lookup`);
    if (number('touched') > 0) faults.push(`${number('touched')} records that stay are other than they were`);
    if (number('unasked') > 0) faults.push(`${number('unasked')} records outside the selection were changed`);
    if (number('misplaced') > 0) faults.push(`${number('misplaced')} records differ in more than the replaced values`);
    if (number('wrong') > 0) faults.push(`${number('wrong')} records do not hold the values that were to be written`);
    return faults;
  }
}
