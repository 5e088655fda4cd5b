import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareQueueTables } from '../../../src/adapters/bullmq/connection.ts';
import { grantFaults } from '../../../src/adapters/postgres/application-grants.ts';
import { migrateAsOwner, prepareDatabase } from '../../../src/adapters/postgres/prepare-database.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let database: TestDatabase;
let owner: Client;
let application: Client;
const made: string[] = [];

/** A client of a new role, which may do what the statements grant it; `$` stands for its name. */
async function asRole(...statements: readonly string[]): Promise<{ role: string; url: string; client: Client }> {
  const role = `some "role" ${randomBytes(4).toString('hex')}`;
  const name = escapeIdentifier(role);
  made.push(name);
  await owner.query(`create role ${name} login password 'secret'`);
  for (const statement of statements) await owner.query(statement.replaceAll('$', name));
  const url = Object.assign(new URL(database.url), { username: encodeURIComponent(role), password: 'secret' }).href;
  return { role, url, client: await connected(url) };
}

const clients: Client[] = [];
async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  clients.push(client);
  await client.connect();
  return client;
}

const roleOf = async (client: Client): Promise<string> => {
  const { rows } = await client.query<{ role: string }>('select current_user::text as role');
  return rows[0]?.role ?? '';
};

/** Every table with row-level security. */
async function guardedTables(): Promise<readonly string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `select relname as name from pg_class where relrowsecurity and relnamespace = 'public'::regnamespace order by 1`,
  );
  return rows.map(({ name }) => name);
}

beforeAll(async () => {
  database = await testDatabase();
  owner = await connected(database.url);
  application = await connected(database.applicationUrl);
});
afterAll(async () => {
  for (const role of made) await owner?.query(`drop owned by ${role}; drop role ${role}`);
  for (const client of clients) await client.end();
  await database?.close();
});

describe('the role of the application', () => {
  it('has of each table what the service needs and no more', async () => {
    expect(await grantFaults(owner, await roleOf(application))).toEqual([]);
    const { rows } = await owner.query<{ name: string; granted: string }>(
      `select n.nspname || '.' || relname as name,
         array_to_string(array(select p from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
           where has_table_privilege('lineward_app', c.oid, p)), ' ') as granted
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname in ('public', 'bullmq') and relkind in ('r', 'p') order by 1`,
    );
    expect(rows.length).toBeGreaterThan(80);
    expect(rows.filter(({ granted }) => granted !== 'SELECT INSERT UPDATE DELETE')).toEqual([
      ...['audit_checkpoint', 'audit_event', 'audit_seal', 'certificate'].map((name) => ({
        name: `public.${name}`,
        granted: 'SELECT INSERT',
      })),
      { name: 'public.schema_migration', granted: 'SELECT' },
    ]);
  });

  it.each([
    `update audit_event set outcome = 'ok'`,
    'delete from audit_event',
    'truncate audit_event',
    `update audit_seal set record = ''`,
    'delete from audit_seal',
    `update audit_checkpoint set body = ''`,
    'truncate audit_checkpoint',
    `update certificate set body = ''`,
    'delete from schema_migration',
  ])('may not: %s', async (statement) => {
    await expect(application.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it.each([
    'alter table audit_event disable trigger all',
    'drop trigger audit_event_append_only on audit_event',
    'drop table audit_seal',
    'alter table api_token disable row level security',
    'set session_replication_role = replica',
    'create table mine (id text)',
    `create role mine superuser`,
  ])('may not: %s', async (statement) => {
    await expect(application.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('is granted a table that a later migration makes, and its policy', async () => {
    await owner.query('create table later (id bigint generated always as identity, subject_value text)');
    await owner.query(`alter table later enable row level security; insert into later (subject_value) values ('x')`);
    expect((await application.query('select * from later')).rows).toEqual([]);
    const pending = await owner.query(
      `delete from schema_migration where name like '%row_level_security' returning name`,
    );
    expect(pending.rowCount).toBe(1);
    await owner.query(`insert into schema_migration (name) values ('${pending.rows[0]?.name}')`);
    await prepareDatabase(
      { url: database.applicationUrl, ownerUrl: database.url, isOwnerAllowed: false },
      prepareQueueTables,
    );
    await application.query(`insert into later (subject_value) values ('y')`);
    expect((await application.query('select id, subject_value from later order by id')).rows).toEqual([
      { id: '1', subject_value: 'x' },
      { id: '2', subject_value: 'y' },
    ]);
    await owner.query('drop table later');
  });

  it('is granted once where several processes start at the same time', async () => {
    const { role, url } = await asRole();
    const access = { url, ownerUrl: database.url, isOwnerAllowed: false };
    await Promise.all([1, 2, 3].map(() => prepareDatabase(access, prepareQueueTables)));
    expect(await grantFaults(owner, role)).toEqual([]);
  });

  it('loses what somebody gave it beside', async () => {
    const { role, url } = await asRole();
    await migrateAsOwner({ url, ownerUrl: database.url }, prepareQueueTables);
    await owner.query(`grant update, truncate on audit_event to ${escapeIdentifier(role)}`);
    const access = { url, isOwnerAllowed: false };
    await expect(prepareDatabase({ ...access, ownerUrl: null }, prepareQueueTables)).rejects.toMatchObject({
      code: 'DATABASE_NOT_READY',
      message: expect.stringContaining('public.audit_event: UPDATE is too much'),
    });
    await prepareDatabase({ ...access, ownerUrl: database.url }, prepareQueueTables);
    expect(await grantFaults(owner, role)).toEqual([]);
  });
});

describe('the start refuses', () => {
  const start = (url: string) => prepareDatabase({ url, ownerUrl: null, isOwnerAllowed: false }, prepareQueueTables);

  it.each([
    ['alter role $ superuser', 'is a superuser'],
    ['alter role $ bypassrls', 'may bypass row-level security'],
    ['alter role $ createrole', 'may create roles'],
    ['grant pg_execute_server_program to $', 'may write files or run programs of the server'],
    ['grant create on schema public to $', 'may create objects in the schema'],
    ['create table "of $" (id text); alter table "of $" owner to $', 'owns tables or their schema'],
  ])('a role after: %s', async (statement, fault) => {
    const { url, client } = await asRole(statement.replace(/"of \$"/g, 'of_somebody'));
    const refusal = { code: 'DATABASE_ROLE_REFUSED', message: expect.stringContaining(fault) };
    await expect(start(url)).rejects.toMatchObject(refusal);
    await client.end();
  });

  it('a role that may become one of those', async () => {
    const { role } = await asRole('alter role $ bypassrls');
    const { url } = await asRole(`grant ${escapeIdentifier(role)} to $`);
    await expect(start(url)).rejects.toMatchObject({ details: { faults: ['may bypass row-level security'] } });
  });

  it('a role that does not exist, without a word of its password', async () => {
    const url = Object.assign(new URL(database.url), { username: 'nobody', password: 'hunter2' }).href;
    const refused = await migrateAsOwner({ url, ownerUrl: database.url }, prepareQueueTables).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(JSON.stringify([refused, String(refused)])).not.toContain('hunter2');
  });

  it('a role that nobody granted anything, and says what to do', async () => {
    const { url } = await asRole();
    await expect(start(url)).rejects.toMatchObject({
      code: 'DATABASE_NOT_READY',
      message: expect.stringContaining('lineward migrate'),
    });
  });

  it('a database that lacks a migration, before anything reads it', async () => {
    await owner.query('update schema_migration set name = name || $1 where name like $2', ['x', '%row_level_security']);
    await expect(start(database.applicationUrl)).rejects.toMatchObject({
      code: 'DATABASE_NOT_READY',
      message: expect.stringContaining('row_level_security'),
    });
    await owner.query('update schema_migration set name = left(name, -1) where name like $1', ['%row_level_securityx']);
    await start(database.applicationUrl);
  });
});

describe('row-level security', () => {
  it('shows rows of persons and secrets to the application and to nobody else with a mere grant', async () => {
    const { client } = await asRole(
      'grant select on all tables in schema public to $',
      'grant insert on api_token to $',
    );
    const token = `insert into api_token (id, name, digest, roles, created_by, created_at) values ($1, $1, $1, '{viewer}', 'a', now())`;
    await application.query(token, ['of the application']);
    expect((await application.query('select id from api_token')).rows).toEqual([{ id: 'of the application' }]);
    expect((await client.query('select id from api_token')).rows).toEqual([]);
    await expect(client.query(token, ['of a stranger'])).rejects.toMatchObject({ code: '42501' });
    // What is no secret stays readable: somebody's report over the catalog goes on working.
    expect((await client.query('select name from schema_migration')).rows.length).toBeGreaterThan(50);
  });

  it('holds even for who may read all data', async () => {
    await application.query(
      `insert into audit_event (id, at, actor_id, actor_kind, action, resource_type, resource_id, outcome, details, request_id)
       values ('e1', now(), 'a', 'local', 'x', 'X', 'x', 'SUCCESS', '{}', null)`,
    );
    const { client } = await asRole('grant pg_read_all_data to $');
    expect((await application.query('select id from audit_event')).rows).toEqual([{ id: 'e1' }]);
    expect((await client.query('select id from audit_event')).rows).toEqual([]);
  });

  it('is on for every table whose columns tell of persons or secrets', async () => {
    const { rows } = await owner.query<{ name: string }>(
      `select distinct table_name as name from information_schema.columns
       where table_schema = 'public' and table_name in (select tablename from pg_tables where schemaname = 'public')
         and column_name ~ '^(account_id|subject_value|subjects|digest|wrapped|sealed|secret|password|token)$'`,
    );
    const guarded = await guardedTables();
    const open = rows.map(({ name }) => name).filter((name) => !guarded.includes(name));
    expect(open.sort()).toEqual(withoutPersons);
    expect(rows.length).toBeGreaterThan(8);
  });
});

/** Their digest is one of a document about schemas and jobs. */
const withoutPersons: readonly string[] = ['dataset_description', 'lineage_event'];
