import { LinewardError } from '../../errors/lineward-error.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { answers, startEmbeddedPostgres } from './embedded-postgres.ts';

/** A PostgreSQL server to work on. */
export interface Postgres {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The server at `databaseUrl`, or an embedded one over the data directory, which then belongs to this process alone.
 * @throws LinewardError DATABASE_UNAVAILABLE, DATA_DIR_LOCKED.
 */
export async function openPostgres(databaseUrl: string | null, dataDir: string): Promise<Postgres> {
  if (databaseUrl !== null) {
    if (await answers(databaseUrl)) return { url: databaseUrl, close: async () => {} };
    throw new LinewardError(
      'DATABASE_UNAVAILABLE',
      'The database of DATABASE_URL does not accept a connection. Check address, name, user and password.',
      { path: ['DATABASE_URL'] },
    );
  }
  const unlock = await lockDataDir(dataDir);
  try {
    const server = await startEmbeddedPostgres(dataDir);
    const close = async (): Promise<void> => {
      await server.stop();
      await unlock();
    };
    return { url: server.url, close };
  } catch (error) {
    await unlock();
    throw error;
  }
}
