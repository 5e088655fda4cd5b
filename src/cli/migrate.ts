import { openDatabase } from '../adapters/postgres/orm.ts';
import { processEnv } from '../config/env.ts';
import { LinewardError } from '../errors/lineward-error.ts';

/** Runs pending migrations of the database of DATABASE_URL. */
export async function migrate(): Promise<string> {
  const url = processEnv().DATABASE_URL?.reveal();
  if (url === undefined)
    throw new LinewardError('BAD_INPUT', 'set DATABASE_URL; the embedded database migrates when the service starts');
  const database = await openDatabase(url);
  try {
    const done = await database.migrate();
    return done.length === 0 ? 'nothing to do' : `done: ${done.join(', ')}`;
  } finally {
    await database.close();
  }
}
