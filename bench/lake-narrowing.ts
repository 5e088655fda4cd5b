import type { DuckDBConnection } from '@duckdb/node-api';
import { type BenchCase, plainCase } from './harness.ts';
import type { GeneratedFile } from './lake-data.ts';
import { loadSubjects, type Subjects } from './lake-references.ts';

/** Accounts that the group index keeps together. */
const groups = 50;

/** Files that an index of each kind leaves to be read, by what it knows of the subjects. */
const kinds: Readonly<Record<string, string>> = {
  'account index': 'SELECT DISTINCT file FROM lake SEMI JOIN asked ON asked.account = lake.account',
  'group index': `SELECT DISTINCT file FROM lake
    WHERE hash(account) % ${groups} IN (SELECT hash(account) % ${groups} FROM asked)`,
  'day index': `SELECT DISTINCT file FROM days JOIN (SELECT min(day) AS first, max(day) AS last
    FROM lake JOIN asked ON asked.account = lake.account AND asked.value = lake.value GROUP BY lake.value) span
    ON days.day BETWEEN span.first AND span.last`,
  'exact index':
    'SELECT DISTINCT file FROM lake SEMI JOIN asked ON asked.account = lake.account AND asked.value = lake.value',
};

/**
 * What the indexes of other designs would leave of a lake, beside the exact one: those that know in which files an account is,
 * in which a group of accounts, and from which day to which a subject was seen.
 */
export async function narrowingCases(
  connection: DuckDBConnection,
  files: readonly GeneratedFile[],
  { act, counts }: { readonly act: Subjects; readonly counts: readonly number[] },
): Promise<readonly BenchCase[]> {
  const list = files.map(({ local }) => `'${local}'`).join(', ');
  await connection.run(`CREATE OR REPLACE VIEW lake AS SELECT filename AS file, date_created AS day, account_sid AS account,
    "to" AS value FROM read_parquet([${list}], filename = true)`);
  await connection.run('CREATE OR REPLACE TABLE days AS SELECT DISTINCT file, day FROM lake');
  const rowsOf = new Map(files.map(({ local, rows }) => [local, rows]));
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const cases: BenchCase[] = [];
  for (const count of counts) {
    await loadSubjects(connection, 'asked', act.slice(0, count));
    for (const [kind, sql] of Object.entries(kinds)) {
      const left = (await connection.runAndReadAll(sql)).getRows().map(([file]) => String(file));
      const read = left.reduce((sum, file) => sum + (rowsOf.get(file) ?? 0), 0);
      const name = `${kind}: rows to read for ${count} subject(s)`;
      cases.push(plainCase(name, (100 * read) / rows, `% of ${(rows / 1e6).toPrecision(3)} M in ${files.length} days`));
    }
  }
  return cases;
}
