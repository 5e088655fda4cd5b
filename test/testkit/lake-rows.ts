import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Data } from './app.ts';

/** All rows of a lake table as JSON, read by a plain query over its files, in the order of a column. */
export async function lakeRows(lakeRoot: string, table: string, order: string): Promise<readonly Data[]> {
  const root = join(lakeRoot, table);
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const files = names.filter((name) => name.endsWith('.parquet') && !/(^|\/)_/.test(name));
  if (files.length === 0) return [];
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    const list = files.map((name) => `'${join(root, name)}'`).join(', ');
    const answer = await connection.runAndReadAll(
      `select * from read_parquet([${list}], union_by_name = true) order by ${order}`,
    );
    return answer.getRowObjectsJson();
  } finally {
    connection.closeSync();
  }
}
