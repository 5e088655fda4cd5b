import { Migration } from '@mikro-orm/migrations';

/** Rules on top of what roles give, with all that they were. A change is told to all processes, which keep them in mind. */
export class AccessPolicyMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table access_policy (
        id text primary key,
        name text not null,
        version integer not null,
        rule jsonb not null,
        reason text not null,
        created_by text not null,
        created_at timestamptz not null,
        retired_by text,
        retired_at timestamptz,
        check ((retired_at is null) = (retired_by is null))
      );
      create unique index on access_policy (lower(name)) where retired_at is null;
      create table access_policy_version (
        policy_id text not null references access_policy (id),
        number integer not null,
        rule jsonb not null,
        reason text not null,
        created_by text not null,
        created_at timestamptz not null,
        primary key (policy_id, number)
      );
    `);
    this.addSql(`
      create function notify_access_policy() returns trigger language plpgsql as $$
      begin
        perform pg_notify('access_policy_changed', '');
        return null;
      end $$;
      create trigger access_policy_changed after insert or update or delete on access_policy
        for each statement execute function notify_access_policy();
    `);
  }
}
