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
  /** As the owner, a superuser. */
  readonly url: string;
  /** As the role that the service works with. */
  readonly applicationUrl: string;
  close(): Promise<void>;
}

/** The name of a new database with all migrations run. */
async function testDatabaseName(serverUrl: string): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`create database ${name} template ${templateDatabase}`);
  await client.end();
  return name;
}

/** A fresh migrated database of its own for one test file. */
export async function testDatabase(): Promise<TestDatabase> {
  const { LINEWARD_TEST_DATABASE: owner, LINEWARD_TEST_APPLICATION: application } = process.env;
  if (owner === undefined || application === undefined)
    throw new Error('the integration project sets LINEWARD_TEST_DATABASE and _APPLICATION in its global setup');
  const name = await testDatabaseName(owner);
  const url = urlOfDatabase(owner, name);
  const database = await openDatabase(url);
  return { em: database.em, url, applicationUrl: urlOfDatabase(application, name), close: () => database.close() };
}
