import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import avsc from 'avsc';
import type { Row } from './transform.ts';

export const sourceFormats = ['ndjson', 'csv', 'parquet', 'avro'] as const;
export type SourceFormat = (typeof sourceFormats)[number];

/** Writes rows to a file below the lake, by other writers than ours. */
export async function writeSource(
  root: string,
  path: string,
  format: SourceFormat,
  rows: readonly Row[],
): Promise<void> {
  const local = join(root, 'lake', path);
  await mkdir(dirname(local), { recursive: true });
  const lines = rows.map((row) => JSON.stringify(row)).join('\n');
  if (format === 'ndjson') await writeFile(local, path.endsWith('.gz') ? gzipSync(lines) : lines);
  if (format === 'csv') await writeFile(local, csvOf(rows));
  if (format === 'parquet') {
    const plain = join(root, `${path.replaceAll('/', '-')}.lines`);
    await writeFile(plain, lines);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(`COPY (SELECT * FROM read_json('${plain}', format = 'newline_delimited', columns = {message_id: 'VARCHAR',
      account_sid: 'VARCHAR', date_created: 'TIMESTAMP', date_updated: 'VARCHAR', "to": 'VARCHAR', segments: 'INTEGER'})) TO '${local}' (FORMAT parquet)`);
    connection.closeSync();
  }
  if (format === 'avro') await writeFile(local, await avroOf(rows));
}

const text = (name: string) => ({ name, type: ['null', 'string'] });
const record = {
  type: 'record',
  name: 'Row',
  fields: [
    ...['message_id', 'account_sid', 'date_created', 'date_updated', 'to'].map(text),
    { name: 'segments', type: 'long' },
  ],
} as const;

function csvOf(rows: readonly Row[]): string {
  const names = record.fields.map(({ name }) => name);
  const cell = (value: unknown): string => `"${String(value).replaceAll('"', '""')}"`;
  return [names.join(','), ...rows.map((row) => names.map((name) => cell(row[name])).join(','))].join('\n');
}

function avroOf(rows: readonly Row[]): Promise<Buffer> {
  const type = avsc.Type.forSchema(structuredClone(record) as unknown as avsc.Schema, { wrapUnions: false });
  const encoder = new avsc.streams.BlockEncoder(type, { codec: 'deflate' });
  const parts: Buffer[] = [];
  return new Promise((resolve, reject) => {
    encoder
      .on('data', (part: Buffer) => parts.push(part))
      .on('error', reject)
      .on('end', () => resolve(Buffer.concat(parts)));
    for (const row of rows) encoder.write(row);
    encoder.end();
  });
}
