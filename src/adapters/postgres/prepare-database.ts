import { Client } from 'pg';
import { LinewardError } from '../../errors/lineward-error.ts';
import { grantFaults, grantToApplication } from './application-grants.ts';
import { refusePowerfulRole } from './application-role.ts';
import { migrationNames, openDatabase, underMigrationLock } from './orm.ts';

/** The database, and the two roles on it. */
export interface DatabaseAccess {
  /** As the application. */
  readonly url: string;
  /** As the owner of the tables; null where another process migrates. */
  readonly ownerUrl: string | null;
  /** True where the application may be the owner itself. */
  readonly isOwnerAllowed: boolean;
}

/** Makes the tables of the job queues, as their owner; null where these live elsewhere. */
type PrepareQueues = ((ownerUrl: string) => Promise<void>) | null;

async function asClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect().catch((cause: unknown) => {
    const message =
      'The database does not accept a connection. Check DATABASE_URL and DATABASE_MIGRATION_URL, and that the roles exist.';
    throw new LinewardError('DATABASE_UNAVAILABLE', message, { path: ['DATABASE_URL'], cause });
  });
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

async function pendingMigrations(client: Client): Promise<readonly string[]> {
  const { rows: tables } = await client.query<{ isReadable: boolean }>(
    `select has_table_privilege(oid, 'SELECT') as "isReadable" from pg_class where oid = to_regclass('public.schema_migration')`,
  );
  if (tables.length === 0) return migrationNames;
  // Who may not read the list lacks grants, and is told of those.
  if (tables[0]?.isReadable === false) return [];
  const { rows } = await client.query<{ name: string }>('select name from public.schema_migration');
  const done = new Set(rows.map(({ name }) => name));
  return migrationNames.filter((name) => !done.has(name));
}

async function roleOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ role: string }>('select current_user::text as role');
  return rows[0]?.role ?? '';
}

async function migrated(ownerUrl: string): Promise<readonly string[]> {
  const owner = await openDatabase(ownerUrl);
  try {
    return await owner.migrate();
  } finally {
    await owner.close();
  }
}

/**
 * Brings the database to this version as its owner, and lets the application do what it needs and no more.
 * Answers the names of what was migrated.
 */
export async function migrateAsOwner(
  { url, ownerUrl }: { readonly url: string | null; readonly ownerUrl: string },
  prepareQueues: PrepareQueues,
): Promise<readonly string[]> {
  const pending = await asClient(ownerUrl, pendingMigrations);
  const done = pending.length === 0 ? [] : await migrated(ownerUrl);
  await prepareQueues?.(ownerUrl);
  if (url === null || url === ownerUrl) return done;
  const role = await asClient(url, roleOf);
  // Two that grant the same at once would fail on each other's rows of the system catalog.
  await underMigrationLock(ownerUrl, (client) => grantToApplication(client, role));
  return done;
}

/** Refuses a database that nobody has migrated or granted for this version. */
async function refuseUnready(client: Client): Promise<void> {
  const pending = await pendingMigrations(client);
  const faults = pending.length > 0 ? pending : await grantFaults(client, await roleOf(client));
  if (faults.length === 0) return;
  const what = pending.length > 0 ? 'lacks migrations' : 'grants its role other than what is needed';
  throw new LinewardError(
    'DATABASE_NOT_READY',
    `The database of DATABASE_URL ${what} (${faults.slice(0, 5).join('; ')}${faults.length > 5 ? '; …' : ''}). ` +
      'Run `lineward migrate` with DATABASE_MIGRATION_URL of the owner beside DATABASE_URL, or start with both.',
    { path: ['DATABASE_URL'], details: { faults } },
  );
}

/**
 * Makes a database ready to be worked on, and makes sure that the role to work with may do no harm to what is proven.
 * @throws LinewardError DATABASE_ROLE_REFUSED, DATABASE_NOT_READY.
 */
export async function prepareDatabase(
  access: DatabaseAccess,
  prepareQueues: PrepareQueues,
): Promise<readonly string[]> {
  const { url, ownerUrl, isOwnerAllowed } = access;
  // Before anything is made: on a new server the one role of a newcomer is told of here.
  if (!isOwnerAllowed) await asClient(url, refusePowerfulRole);
  const done = ownerUrl === null ? [] : await migrateAsOwner({ url, ownerUrl }, prepareQueues);
  if (!isOwnerAllowed) await asClient(url, refuseUnready);
  return done;
}
