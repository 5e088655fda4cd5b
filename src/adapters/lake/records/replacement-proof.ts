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
  readonly #columns: readonly string[];
  readonly #names: Readonly<Record<'expected' | 'before' | 'after', string>>;
  #appender: DuckDBAppender | null = null;

  constructor(rows: SelectedRows, format: RecordFormat, columns: readonly string[]) {
    this.#rows = rows;
    this.#format = format;
    this.#columns = columns;
    const id = randomUUID().replaceAll('-', '');
    this.#names = { expected: `lw_expected_${id}`, before: `lw_before_${id}`, after: `lw_after_${id}` };
  }

  async begin(): Promise<void> {
    const { connection } = this.#rows;
    const texts = this.#columns.map((_, index) => `, c${index} VARCHAR`);
    await connection.run(`CREATE TEMP TABLE ${this.#names.expected} (place BIGINT${texts.join('')})`);
    this.#appender = await connection.createAppender(this.#names.expected);
  }

  /** What the record at a place, from 1, was written with; null for a value that stayed. */
  expect(place: number, texts: readonly (string | null)[]): void {
    const appender = this.#appender;
    if (appender === null) return;
    appender.appendBigInt(BigInt(place));
    for (const text of texts) {
      if (text === null) appender.appendNull();
      else appender.appendVarchar(text);
    }
    appender.endRow();
  }

  /** @throws LinewardError LAKE_CHECK_FAILED with each broken rule. */
  async check(
    files: CopyPaths,
    metadata: Readonly<Record<string, string>>,
    counted: { readonly records: number; readonly hits: number },
  ): Promise<void> {
    this.#close();
    const { source, staged } = files;
    const faults = await reading(source, async () => {
      await this.#read('before', source, source);
      await this.#read('after', staged, source);
      const head = await this.#format.headFault(files, metadata);
      return [...(head === null ? [] : [head]), ...(await this.#faults(counted))];
    });
    if (faults.length > 0) throw inexact(source, faults);
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
    const values = this.#columns.map((_, index) => `, hash(${of(valueColumn(index))}) AS v${index}`);
    await this.#format.relation(this.#rows, { path, like, valued: this.#columns }, (relation) =>
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
