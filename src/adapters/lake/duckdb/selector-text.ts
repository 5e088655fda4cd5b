import type { EngineSelector } from '../../../services/lake/ports.ts';
import { scanned, sqlName } from './sql-text.ts';

/** The text of a key column of a scanned row, in SQL. */
export const keyIn = (column: string): string => `CAST(${scanned}.${sqlName(column)} AS VARCHAR)`;

/** A selector as one text. The length in front keeps account `1` with subject `23` apart from account `12` with subject `3`. */
export const wholeOf = ({ account, subject }: EngineSelector): string =>
  `${Buffer.byteLength(account)}:${account}${subject?.value ?? ''}`;

/** The same of the keys of a scanned row, in SQL; `column` null for the account alone. */
export function wholeIn(accountColumn: string, column: string | null): string {
  const account = keyIn(accountColumn);
  const subject = column === null ? '' : ` || ${keyIn(column)}`;
  return `CAST(strlen(${account}) AS VARCHAR) || ':' || ${account}${subject}`;
}

/** By the column that names persons; null for selectors of whole accounts. */
export const byColumn = <T extends EngineSelector>(selectors: readonly T[]): ReadonlyMap<string | null, readonly T[]> =>
  Map.groupBy(selectors, ({ subject }) => subject?.column ?? null);

/** True or false, in SQL: both hold. The second, which may read dates from texts, is asked only where the first is true. */
export const whereFirst = (first: string, second: string): string =>
  `(CASE WHEN ${first} THEN ${second} ELSE FALSE END)`;
