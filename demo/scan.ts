import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { KafkajsGateway } from '../src/adapters/kafka/kafkajs-gateway.ts';

/** Rows per account in the lake, read by a plain DuckDB query over the files as they lie there. */
export async function rowsByAccount(lakeRoot: string, table: string): Promise<ReadonlyMap<string, number>> {
  const root = join(lakeRoot, table);
  const files = (await readdir(root, { recursive: true }).catch(() => [])).filter(
    (name) => name.endsWith('.parquet') && !/(^|\/)_/.test(name),
  );
  if (files.length === 0) return new Map();
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const list = files.map((name) => `'${join(root, name).replaceAll("'", "''")}'`).join(', ');
    const answer = await connection.runAndReadAll(
      `select account_sid, count(*)::integer from read_parquet([${list}], union_by_name = true) group by 1 order by 1`,
    );
    return new Map(answer.getRows().map(([account, rows]) => [String(account), Number(rows)]));
  } finally {
    connection.closeSync();
  }
}

/** One row of the lake, for looking at. */
export async function anyRow(lakeRoot: string, table: string): Promise<Readonly<Record<string, unknown>>> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const pattern = join(lakeRoot, table, '[0-9u]*/**/*.parquet').replaceAll("'", "''");
    const answer = await connection.runAndReadAll(
      `select * from read_parquet('${pattern}', union_by_name = true) order by sid limit 1`,
    );
    return answer.getRowObjectsJson()[0] ?? {};
  } finally {
    connection.closeSync();
  }
}

/** Live records per account in a compacted topic: the newest value of each key, tombstones being absence. */
export async function topicView(brokers: string, topic: string): Promise<ReadonlyMap<string, number>> {
  const kafka = new KafkajsGateway({ brokers: brokers.split(','), clientId: 'lineward-demo-scan' });
  try {
    const newest = new Map<string, string>();
    await kafka.scan(topic, ({ key, value }) => {
      const name = key?.toString('utf8') ?? '';
      if (value === null) newest.delete(name);
      else newest.set(name, (JSON.parse(value.toString('utf8')) as { account_sid: string }).account_sid);
    });
    return new Map(
      [...Map.groupBy(newest.values(), (account) => account)].map(([account, members]) => [account, members.length]),
    );
  } finally {
    await kafka.close();
  }
}
