import { Migration } from '@mikro-orm/migrations';

/** What people changed of entities, their versions, labels of fields, terms and domains, with what was there before. */
export class ValueChangeMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table value_change (
        id integer generated always as identity primary key,
        resource_type text not null,
        resource_id text not null,
        part text not null,
        before jsonb,
        after jsonb,
        actor_id text not null,
        -- Not when the transaction began: it may have waited for the one that made the change before this.
        at timestamptz not null default statement_timestamp()
      );
      create index on value_change (resource_type, resource_id, id);
    `);
  }
}
