import { Migration } from '@mikro-orm/migrations';

/** How long lake tables keep their rows. */
export class LakeRetentionMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table lake_retention (
        table_id text primary key references lake_table (id),
        dataset_id text not null unique references dataset (id),
        date_field text not null,
        days integer not null check (days between 1 and 36500),
        action text not null check (action in ('DELETE')),
        auto_approve boolean not null,
        set_by text not null,
        set_at timestamptz not null,
        requested_on date
      );
      create index on operation (created_at) where kind = 'RETENTION';
    `);
  }
}
