import { randomUUID } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { DayRange } from '../../../domain/governance/date-range.ts';
import type { EngineKeptDays, EngineSelector } from '../../../services/lake/ports.ts';
import { dayByCalendar, microsByClock } from './row-age.ts';
import { byColumn, keyIn, whereFirst, wholeIn, wholeOf } from './selector-text.ts';

/** Selectors of one subject column with the days that are kept of them; a selector may have several ranges. */
interface RangedTable {
  readonly name: string;
  /** Null for selectors of whole accounts. */
  readonly column: string | null;
}

/** Beyond all days that ISO 8601 has without a sign. */
const farthest = 10_000_000n;
const dayMicros = 86_400_000_000n;
const [first, past] = [
  ({ from }: DayRange) => (from === null ? -farthest : BigInt(from)),
  ({ until }: DayRange) => (until === null ? farthest : BigInt(until)),
];

/** What stays of a selection because of its date, loaded into a connection; gives the SQL that says so of a scanned row. */
export class KeptDayTables {
  readonly dateColumn: string;
  readonly #accountColumn: string;
  readonly #tables: readonly RangedTable[];
  /** Days of which everybody's rows stay. */
  readonly #ofAll: readonly DayRange[];

  private constructor(
    columns: { readonly date: string; readonly account: string },
    tables: readonly RangedTable[],
    ofAll: readonly DayRange[],
  ) {
    this.dateColumn = columns.date;
    this.#accountColumn = columns.account;
    this.#tables = tables;
    this.#ofAll = ofAll;
  }

  static async load(
    connection: DuckDBConnection,
    accountColumn: string,
    { column: date, ranges }: EngineKeptDays,
  ): Promise<KeptDayTables> {
    const ofSome = ranges.flatMap(({ selectors, days }) => (selectors ?? []).map((one) => ({ ...one, days })));
    const tables: RangedTable[] = [];
    for (const [column, selectors] of byColumn(ofSome)) {
      const table = { name: `lw_within_${tables.length}`, column };
      await loadTable(connection, table.name, selectors);
      tables.push(table);
    }
    const ofAll = ranges.flatMap(({ selectors, days }) => (selectors === null ? [days] : []));
    return new KeptDayTables({ date, account: accountColumn }, tables, ofAll);
  }

  keyColumns(): readonly string[] {
    return this.#tables.flatMap(({ column }) => column ?? []);
  }

  /** LEFT JOINs to the distinct selectors, each with all of its days, so that no row comes twice. */
  joins(): string {
    return this.#tables
      .map(({ name, column }) => {
        const subject = column === null ? '' : ` AND ${name}.value = ${keyIn(column)}`;
        return `LEFT JOIN ${name} ON ${name}.account = ${keyIn(this.#accountColumn)}${subject}`;
      })
      .join('\n');
  }

  /** True or false, never NULL, for a row under `joins()`. */
  joinedHit(): string {
    const micros = microsByClock(this.dateColumn);
    const some = this.#tables.map(
      ({ name }) => `(${name}.account IS NOT NULL AND ${isAmong(micros, `${name}.spans`)})`,
    );
    const spans = this.#ofAll.map((days) => `{first: ${first(days) * dayMicros}, past: ${past(days) * dayMicros}}`);
    const all = spans.length === 0 ? [] : [isAmong(micros, `[${spans.join(', ')}]`)];
    return `(${[...all, ...some].join(' OR ') || 'FALSE'})`;
  }

  /**
   * The same question without joins, and by the calendar instead of the clock: selectors are looked up in a list, and their days
   * in a map, which is asked only for rows that are on the list.
   */
  scannedHit(): string {
    const day = dayByCalendar(this.dateColumn);
    const some = this.#tables.map(({ name, column }) => {
      const whole = wholeIn(this.#accountColumn, column);
      const days = `map_extract(getvariable('${name}'), ${whole})[1]`;
      return whereFirst(`coalesce((${whole}) IN (SELECT whole FROM ${name}_days), FALSE)`, isAmong(day, days));
    });
    const ranges = this.#ofAll.map((days) => `(${first(days)} <= ${timeName} AND ${timeName} < ${past(days)})`);
    const all = ranges.length === 0 ? [] : [onceOf(day, `${timeName} IS NULL OR ${ranges.join(' OR ')}`)];
    return `(${[...all, ...some].join(' OR ') || 'FALSE'})`;
  }
}

/** Parameters of lambdas. Columns go before them, so they have names that no file could have been given. */
const [timeName, spanName] = ['time', 'span'].map((what) => `lw_${what}_${randomUUID().replaceAll('-', '')}`);

/** Asks a question about `timeName`, in SQL. The time is read once, however often the question names it. */
const onceOf = (time: string, question: string): string =>
  `list_transform([${time}], lambda ${timeName}: ${question})[1]`;

/** True or false, in SQL: a time lies in one of a list of spans, or is none. */
function isAmong(time: string, spans: string): string {
  const lies = `${spanName}.first <= ${timeName} AND ${timeName} < ${spanName}.past`;
  return onceOf(time, `${timeName} IS NULL OR len(list_filter(${spans}, lambda ${spanName}: ${lies})) > 0`);
}

async function loadTable(
  connection: DuckDBConnection,
  name: string,
  selectors: readonly (EngineSelector & { readonly days: DayRange })[],
): Promise<void> {
  await connection.run(
    `CREATE TEMP TABLE ${name}_days (account VARCHAR, value VARCHAR, whole VARCHAR, first BIGINT, past BIGINT)`,
  );
  const appender = await connection.createAppender(`${name}_days`);
  for (const selector of selectors) {
    for (const text of [selector.account, selector.subject?.value ?? '', wholeOf(selector)])
      appender.appendVarchar(text);
    appender.appendBigInt(first(selector.days));
    appender.appendBigInt(past(selector.days));
    appender.endRow();
  }
  appender.closeSync();
  await connection.run(
    `CREATE TEMP TABLE ${name} AS
     SELECT account, value, list({first: first * ${dayMicros}, past: past * ${dayMicros}}) AS spans
     FROM ${name}_days GROUP BY account, value`,
  );
  await connection.run(
    `SET VARIABLE ${name} = (SELECT map(list(whole), list(days)) FROM (
       SELECT whole, list({first: first, past: past}) AS days FROM ${name}_days GROUP BY whole))`,
  );
}
