import { Migration } from '@mikro-orm/migrations';

/** Lets changes of descriptions tell what was in force at a moment: of two who said something, the later counts. */
export class DescriptionAsOfMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table dataset_description_change add column said_at timestamptz;
      update dataset_description_change set said_at = at;
      alter table dataset_description_change alter column said_at set not null;

      create or replace function dataset_description_changes() returns trigger language plpgsql as $$
      declare
        before jsonb := case when tg_op = 'UPDATE' then old.value end;
      begin
        if before is distinct from new.value then
          insert into dataset_description_change (dataset_id, path, part, said_by, actor_id, before, after, said_at)
            values (new.dataset_id, new.path, new.part, new.said_by, new.actor_id, before, new.value, new.said_at);
          insert into search_stale (kind, target) values ('DATASET', new.dataset_id);
        end if;
        return null;
      end $$;
    `);
  }
}
