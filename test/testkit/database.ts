import { randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Client } from 'pg';
import { openDatabase } from '../../src/adapters/postgres/orm.ts';

export const templateDatabase = 'lineward_template';

export function urlOfDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

export interface TestDatabase {
  readonly em: EntityManager;
  readonly url: string;
  close(): Promise<void>;
}

/** A URL of a new database with all migrations run. */
async function testDatabaseUrl(): Promise<string> {
  const serverUrl = process.env.LINEWARD_TEST_DATABASE;
  if (serverUrl === undefined)
    throw new Error('the integration project sets LINEWARD_TEST_DATABASE in its global setup');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`create database ${name} template ${templateDatabase}`);
  await client.end();
  return urlOfDatabase(serverUrl, name);
}

/** A fresh migrated database of its own for one test file. */
export async function testDatabase(): Promise<TestDatabase> {
  const url = await testDatabaseUrl();
  const database = await openDatabase(url);
  return { em: database.em, url, close: () => database.close() };
}
