import { z } from 'zod';
import { secretUrl } from './secret-url.ts';

const postgresSchemes = ['postgres://', 'postgresql://'];

/** Settings of the database, and of whom the process is there. */
export const databaseSettings = {
  DATABASE_URL: secretUrl(
    postgresSchemes,
    'PostgreSQL 14 or later, as a role that owns nothing there. Unset: an embedded PostgreSQL 18 in the data directory.',
  ),
  DATABASE_MIGRATION_URL: secretUrl(
    postgresSchemes,
    'The same database as the owner of the tables: migrates, and grants what the role of `DATABASE_URL` needs. Unset: `lineward migrate` has to be run with it before each start of a new version.',
  ),
  DATABASE_OWNER_ALLOWED: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe(
      '`true`, for development alone: one role does all, that of `DATABASE_URL`. Whoever takes over the process may then change the audit log.',
    ),
};

type Given = Readonly<Record<string, string | undefined>>;

export function databaseProblems({ DATABASE_URL, DATABASE_MIGRATION_URL, DATABASE_OWNER_ALLOWED }: Given) {
  if (DATABASE_MIGRATION_URL === undefined) return [];
  if (DATABASE_URL === undefined) return ['DATABASE_URL: is required with DATABASE_MIGRATION_URL'];
  return DATABASE_OWNER_ALLOWED === 'true'
    ? ['DATABASE_OWNER_ALLOWED: is for one role that does all; with DATABASE_MIGRATION_URL there are two']
    : [];
}

/** How to get at a database, with passwords: it is made where it is used, and no part of what is known of the settings. */
interface DatabasePlace {
  readonly url: string;
  /** Of the owner of the tables; null where another process migrates. */
  readonly ownerUrl: string | null;
  /** True where one role does all, and nobody minds. */
  readonly isOwnerAllowed: boolean;
}

/** Null for the embedded one. */
export function databaseOf({
  DATABASE_URL,
  DATABASE_MIGRATION_URL,
  DATABASE_OWNER_ALLOWED: isOwnerAllowed,
}: z.infer<z.ZodObject<typeof databaseSettings>>): DatabasePlace | null {
  if (DATABASE_URL === undefined) return null;
  const url = DATABASE_URL.reveal();
  const ownerUrl = DATABASE_MIGRATION_URL?.reveal() ?? (isOwnerAllowed ? url : null);
  return { url, ownerUrl, isOwnerAllowed };
}
