import { Migration } from '@mikro-orm/migrations';

/**
 * Registrations in the default context share no row: each of them locked that of the context, which is never deleted, to prove
 * that it is there. And an entity that is written with its latest version is not written a second time.
 */
export class RegistrationLocksMigration extends Migration {
  override up(): void {
    for (const table of ['registry_subject', 'schema']) {
      this.addSql(`
        alter table ${table} add column other_context text collate "C"
          generated always as (nullif(context, '.')) stored references registry_context (name);
        alter table ${table} drop constraint ${table}_context_fkey;
      `);
    }
    this.addSql(`
      create function refuse_default_context_change() returns trigger language plpgsql as $$
      begin
        raise exception 'the default context is never taken away';
      end $$;
      create trigger registry_context_default before delete on registry_context for each row
        when (old.name = '.') execute function refuse_default_context_change();
      create trigger registry_context_default_name before update of name on registry_context for each row
        when (old.name = '.') execute function refuse_default_context_change();

      create or replace function entity_takes_latest_version() returns trigger language plpgsql as $$
      begin
        update entity set latest_version_id = new.id
        where id = new.entity_id and latest_version_id is distinct from new.id and not exists
          (select 1 from entity_version later where later.id = entity.latest_version_id and later.number > new.number);
        return null;
      end $$;
    `);
  }
}
