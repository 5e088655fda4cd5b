import { prepareQueueTables } from '../adapters/bullmq/connection.ts';
import { migrateAsOwner } from '../adapters/postgres/prepare-database.ts';
import { databaseOf } from '../config/database-settings.ts';
import { processEnv } from '../config/env.ts';
import { LinewardError } from '../errors/lineward-error.ts';

/** Runs pending migrations as the owner, and grants the role of DATABASE_URL what the service needs. */
export async function migrate(): Promise<string> {
  const env = processEnv();
  const database = databaseOf(env);
  if (database === null)
    throw new LinewardError('BAD_INPUT', 'set DATABASE_URL; the embedded database migrates when the service starts');
  const { url, ownerUrl } = database;
  if (ownerUrl === null) {
    const message =
      'set DATABASE_MIGRATION_URL to the owner of the tables, beside DATABASE_URL of the role that the service works with';
    throw new LinewardError('BAD_INPUT', message, { path: ['DATABASE_MIGRATION_URL'] });
  }
  const done = await migrateAsOwner({ url, ownerUrl }, env.REDIS_URL === undefined ? prepareQueueTables : null);
  return done.length === 0 ? 'nothing to do' : `done: ${done.join(', ')}`;
}
