import { LinewardError } from '../../errors/lineward-error.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { answers, startEmbeddedPostgres } from './embedded-postgres.ts';
import type { DatabaseAccess } from './prepare-database.ts';

/** A PostgreSQL server to work on. */
export interface Postgres extends DatabaseAccess {
  close(): Promise<void>;
}

async function refuseUnreachable(url: string, setting: string): Promise<void> {
  if (await answers(url)) return;
  const message = `The database of ${setting} does not accept a connection. Check address, name, user and password.`;
  throw new LinewardError('DATABASE_UNAVAILABLE', message, { path: [setting] });
}

/**
 * The server at the given place, or an embedded one over the data directory, which then belongs to this process alone.
 * @throws LinewardError DATABASE_UNAVAILABLE, DATA_DIR_LOCKED.
 */
export async function openPostgres(place: DatabaseAccess | null, dataDir: string): Promise<Postgres> {
  if (place !== null) {
    await refuseUnreachable(place.url, 'DATABASE_URL');
    if (place.ownerUrl !== null) await refuseUnreachable(place.ownerUrl, 'DATABASE_MIGRATION_URL');
    return { ...place, close: async () => {} };
  }
  const unlock = await lockDataDir(dataDir);
  try {
    const server = await startEmbeddedPostgres(dataDir);
    const close = async (): Promise<void> => {
      await server.stop();
      await unlock();
    };
    return { url: server.applicationUrl, ownerUrl: server.url, isOwnerAllowed: false, close };
  } catch (error) {
    await unlock();
    throw error;
  }
}
