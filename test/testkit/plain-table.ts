import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { bucketPrefix, type TestBucket } from './s3.ts';

/** Runs statements in a DuckDB of its own, as any other writer of a lake would. */
export async function plainDuckdb(...statements: readonly string[]): Promise<readonly unknown[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    let rows: readonly unknown[] = [];
    for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowObjectsJS();
    return rows;
  } finally {
    connection.closeSync();
  }
}

/** Clicks of three accounts over some days, as SQL; `n` rows from number `first`. Row 0 has no day. */
export const clicks = (n: number, first = 0): string =>
  `SELECT i AS id, 'AC' || (i % 3) AS account, 'p' || (i % 5) AS person,
     CASE WHEN i = 0 THEN NULL ELSE strftime(DATE '2018-06-01' + CAST(i % 4 AS INTEGER), '%Y-%m-%d') || 'T10:00:00Z' END AS day,
     'note ' || i AS note
   FROM range(${first}, ${first + n}) t(i)`;

export const clickFields = [
  { name: 'id', type: 'long' },
  { name: 'account', type: 'string' },
  { name: 'person', type: 'string' },
  { name: 'day', type: ['null', 'string'] },
  { name: 'note', type: 'string', twilio_type: 'customertext' },
  { name: 'device', type: ['null', 'string'], default: null },
];

/** Writes clicks under a directory as plain DuckDB does: `_year=…/_month=…/_day=…`, or a file in the folder of each day. */
export async function writeClicks(directory: string, style: 'HIVE' | 'YMD', rows = clicks(60)): Promise<void> {
  await mkdir(directory, { recursive: true });
  const dated = `SELECT *, strftime(coalesce(CAST(day AS TIMESTAMP), TIMESTAMP '1970-01-01'), '%Y/%m/%d') AS folder FROM (${rows})`;
  if (style === 'HIVE') {
    await plainDuckdb(
      `COPY (SELECT * EXCLUDE folder, folder[1:4] AS _year, folder[6:7] AS _month, folder[9:10] AS _day FROM (${dated}))
       TO '${directory}' (FORMAT parquet, PARTITION_BY (_year, _month, _day), OVERWRITE_OR_IGNORE, FILENAME_PATTERN 'part_{uuid}')`,
    );
    return;
  }
  const folders = (await plainDuckdb(`SELECT DISTINCT folder FROM (${dated})`)) as { folder: string }[];
  for (const { folder } of folders) {
    await mkdir(join(directory, folder), { recursive: true });
    const some = `SELECT * EXCLUDE folder FROM (${dated}) WHERE folder = '${folder}'`;
    await plainDuckdb(`COPY (${some}) TO '${join(directory, folder)}/part-0.parquet' (FORMAT parquet)`);
  }
}

/** Puts all files below a local directory into a bucket, under a path of the lake. */
export async function upload({ client, bucket }: TestBucket, directory: string, path: string): Promise<void> {
  for (const name of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const local = join(name.parentPath, name.name);
    const Key = `${bucketPrefix}/${path}${local.slice(directory.length)}`;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: await readFile(local) }));
  }
}
