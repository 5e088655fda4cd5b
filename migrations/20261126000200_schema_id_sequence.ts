import { Migration } from '@mikro-orm/migrations';

/** Ids of the default context come from a sequence, so that registrations do not wait for each other's commit. */
export class SchemaIdSequenceMigration extends Migration {
  override up(): void {
    this.addSql(`
      create sequence default_schema_id as integer;
      select setval('default_schema_id', greatest(last_id, 1), last_id > 0) from registry_context where name = '.';

      create function last_schema_id(given text) returns integer language sql volatile as $$
        select case when given = '.' then (select case when is_called then last_value else 0 end from default_schema_id)::integer
          else coalesce((select last_id from registry_context where name = given), 0) end
      $$;
      -- An id that is brought lies below all that are drawn later. Two of this kind take turns; an id that was drawn meanwhile
      -- violates the key of the schema, and is drawn again.
      create function draw_default_schema_id(wanted integer) returns integer language plpgsql volatile as $$
      begin
        if wanted is null then
          return nextval('default_schema_id');
        end if;
        perform pg_advisory_xact_lock(hashtextextended('lineward.default_schema_id', 0));
        if wanted > last_schema_id('.') then
          perform setval('default_schema_id', wanted);
        end if;
        return wanted;
      end $$;
    `);
  }
}
