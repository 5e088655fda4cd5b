import { Migration } from '@mikro-orm/migrations';

/** Tokens of people and programs. A change is told to all processes, which keep in mind whom they have seen. */
export class ApiTokenMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table api_token (
        id text primary key,
        name text not null,
        digest text not null unique,
        roles text[] not null check (cardinality(roles) > 0),
        created_by text not null,
        created_at timestamptz not null,
        expires_at timestamptz,
        revoked_by text,
        revoked_at timestamptz,
        check ((revoked_at is null) = (revoked_by is null))
      );
      create unique index on api_token (name) where revoked_at is null;
    `);
    this.addSql(`
      create function notify_api_token() returns trigger language plpgsql as $$
      begin
        perform pg_notify('api_token_changed', coalesce(new.digest, old.digest));
        return null;
      end $$;
      create trigger api_token_changed after update or delete on api_token
        for each row execute function notify_api_token();
    `);
  }
}
