import { randomUUID } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { DayRange } from '../../../domain/governance/date-range.ts';
import type { EngineKeptDays, EngineSelector } from '../../../services/lake/ports.ts';
import { dayByCalendar, dayByClock } from './row-age.ts';
import { byColumn, keyIn, wholeIn, wholeOf } from './selector-text.ts';

/** Selectors of one subject column with the days that are kept of them; a selector may have several ranges. */
interface RangedTable {
  readonly name: string;
  /** Null for selectors of whole accounts. */
  readonly column: string | null;
}

/** Beyond all days that there are. */
const farthest = 2n ** 40n;
const [first, past] = [
  ({ from }: DayRange) => (from === null ? -farthest : BigInt(from)),
  ({ until }: DayRange) => (until === null ? farthest : BigInt(until)),
];

/** What stays of a selection because of its date, loaded into a connection; gives the SQL that says so of a scanned row. */
export class KeptDays {
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
  ): Promise<KeptDays> {
    const ofSome = ranges.flatMap(({ selectors, days }) => (selectors ?? []).map((one) => ({ ...one, days })));
    const tables: RangedTable[] = [];
    for (const [column, selectors] of byColumn(ofSome)) {
      const table = { name: `lw_within_${tables.length}`, column };
      await loadTable(connection, table.name, selectors);
      tables.push(table);
    }
    const ofAll = ranges.flatMap(({ selectors, days }) => (selectors === null ? [days] : []));
    return new KeptDays({ date, account: accountColumn }, tables, ofAll);
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
    const day = dayByClock(this.dateColumn);
    const some = this.#tables.map(({ name }) => `(${name}.account IS NOT NULL AND ${isAmong(day, `${name}.days`)})`);
    const listed = this.#ofAll.map((days) => `{first: ${first(days)}, past: ${past(days)}}`);
    const all = listed.length === 0 ? [] : [isAmong(day, `[${listed.join(', ')}]`)];
    return `(${[...all, ...some].join(' OR ') || 'FALSE'})`;
  }

  /** The same question without joins, and by another computation of the day. */
  scannedHit(): string {
    const day = dayByCalendar(this.dateColumn);
    const some = this.#tables.map(({ name, column }) => {
      const whole = wholeIn(this.#accountColumn, column);
      return `EXISTS (SELECT 1 FROM ${name}_days kept, (SELECT ${day} AS day) own WHERE kept.whole = ${whole}
        AND (own.day IS NULL OR (kept.first <= own.day AND own.day < kept.past)))`;
    });
    const ranges = this.#ofAll.map((days) => `(${first(days)} <= ${dayName} AND ${dayName} < ${past(days)})`);
    const all = ranges.length === 0 ? [] : [onceOf(day, `${dayName} IS NULL OR ${ranges.join(' OR ')}`)];
    return `(${[...all, ...some].join(' OR ') || 'FALSE'})`;
  }
}

/** Parameters of lambdas. Columns go before them, so they have names that no file could have been given. */
const [dayName, rangeName] = ['day', 'range'].map((what) => `lw_${what}_${randomUUID().replaceAll('-', '')}`);

/** Asks a question about `dayName`, in SQL. The day is read once, however often the question names it. */
const onceOf = (day: string, question: string): string => `list_transform([${day}], lambda ${dayName}: ${question})[1]`;

/** True or false, in SQL: a day lies in one of a list of ranges, or is none. */
function isAmong(day: string, ranges: string): string {
  const lies = `${rangeName}.first <= ${dayName} AND ${dayName} < ${rangeName}.past`;
  return onceOf(day, `${dayName} IS NULL OR len(list_filter(${ranges}, lambda ${rangeName}: ${lies})) > 0`);
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
    `CREATE TEMP TABLE ${name} AS SELECT account, value, list({first: first, past: past}) AS days
     FROM ${name}_days GROUP BY account, value`,
  );
}
