import type { Client } from 'pg';
import { LinewardError } from '../../errors/lineward-error.ts';
import { applicationSchemas } from './application-grants.ts';

interface RoleFacts {
  readonly role: string;
  readonly isSuperuser: boolean;
  readonly bypassesRows: boolean;
  readonly makesRoles: boolean;
  readonly reachesServer: boolean;
  readonly owns: boolean;
  readonly makesObjects: boolean;
}

// Of every role that it may become: membership is as good as the right itself.
const facts = `
  select current_user::text as role, bool_or(r.rolsuper) as "isSuperuser", bool_or(r.rolbypassrls) as "bypassesRows",
    bool_or(r.rolcreaterole) as "makesRoles",
    bool_or(r.rolname in ('pg_execute_server_program', 'pg_write_server_files')) as "reachesServer",
    exists (select from pg_namespace n where n.nspname = any ($1) and pg_has_role(current_user, n.nspowner, 'MEMBER'))
      or exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any ($1) and pg_has_role(current_user, c.relowner, 'MEMBER')) as owns,
    exists (select from pg_namespace n where n.nspname = any ($1)
      and has_schema_privilege(current_user, n.oid, 'CREATE')) as "makesObjects"
  from pg_roles r where pg_has_role(current_user, r.oid, 'MEMBER')`;

function tooMuch(found: RoleFacts): readonly string[] {
  const all: readonly [boolean, string][] = [
    [found.isSuperuser, 'is a superuser'],
    [found.bypassesRows, 'may bypass row-level security'],
    [found.makesRoles, 'may create roles'],
    [found.reachesServer, 'may write files or run programs of the server'],
    [found.owns, 'owns tables or their schema'],
    [found.makesObjects, 'may create objects in the schema'],
  ];
  return all.filter(([is]) => is).map(([, text]) => text);
}

const makeRole = `create role lineward_app login password '…'; revoke create on schema public from public;`;

/**
 * Refuses a role by which whoever takes over the process could change what the audit log says.
 * @throws LinewardError DATABASE_ROLE_REFUSED with what it may, and how to make one that may not.
 */
export async function refusePowerfulRole(client: Client): Promise<void> {
  const { rows } = await client.query<RoleFacts>(facts, [applicationSchemas]);
  const [found] = rows;
  const faults = found === undefined ? [] : tooMuch(found);
  if (found === undefined || faults.length === 0) return;
  throw new LinewardError(
    'DATABASE_ROLE_REFUSED',
    `The role "${found.role}" of DATABASE_URL ${faults.join(', ')}, so that whoever takes over the service could change the audit log. ` +
      `As the owner of the database run: ${makeRole} Then let DATABASE_URL be of that role and DATABASE_MIGRATION_URL of the owner, ` +
      'which grants the rest at the next start. For development alone, DATABASE_OWNER_ALLOWED=true takes the role as it is.',
    { path: ['DATABASE_URL'], details: { faults } },
  );
}
