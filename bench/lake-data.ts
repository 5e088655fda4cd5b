import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';

/** About the bytes of one row on the disk (snappy). */
const bytesPerRow = 78;

export interface GeneratedFile {
  /** Relative to the table. */
  readonly path: string;
  readonly local: string;
  readonly bytes: number;
  readonly rows: number;
}

/**
 * Writes a table of messages, one file a day: 1,000 accounts, and persons by telephone number, of whom each has about ten
 * rows over all days. The texts do not compress.
 */
export async function generateTable(
  connection: DuckDBConnection,
  root: string,
  { megabytes, days }: { readonly megabytes: number; readonly days: number },
): Promise<readonly GeneratedFile[]> {
  const rows = Math.ceil((megabytes * 1e6) / bytesPerRow / days);
  const persons = Math.ceil((rows * days) / 10);
  const files: GeneratedFile[] = [];
  for (let day = 0; day < days; day += 1) {
    const date = new Date(Date.UTC(2018, 0, 1 + day)).toISOString().slice(0, 10);
    const path = `${date.replaceAll('-', '/')}/messages.parquet`;
    const local = join(root, path);
    await mkdir(dirname(local), { recursive: true });
    await connection.run(`COPY (
      SELECT 'SM${day}-' || i AS sid, 'AC' || person % 1000 AS account_sid, '${date}T10:00:00Z' AS date_created,
             '+1' || (2000000000 + person) AS "to", ('{"text":"' || md5(i || '${date}') || md5(i || 'x') || '"}')::JSON AS tags
      FROM (SELECT i, hash(i, ${day}) % ${persons} AS person FROM range(${rows}) r(i)))
      TO '${local}' (FORMAT parquet, COMPRESSION snappy)`);
    files.push({ path, local, bytes: (await stat(local)).size, rows });
  }
  return files;
}

/** Persons of the generated table, spread over it, as selectors. */
export function personsOf(count: number, all: number) {
  const step = Math.max(1, Math.floor(all / count));
  return Array.from({ length: Math.min(count, all) }, (_, n) => {
    const person = n * step;
    return { accountId: `AC${person % 1000}`, subject: { field: 'to', value: `+1${2_000_000_000 + person}` } };
  });
}
