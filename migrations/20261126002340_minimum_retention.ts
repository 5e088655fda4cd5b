import { Migration } from '@mikro-orm/migrations';

/** How long regulations want the records of a dataset to be kept. */
export class MinimumRetentionMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table minimum_retention (
        id text primary key,
        dataset_id text not null references dataset (id),
        name text not null,
        days integer not null check (days between 1 and 36500),
        mode text not null check (mode in ('COMPLIANCE', 'GOVERNANCE')),
        date_field text,
        valid_until timestamptz,
        set_by text not null,
        set_at timestamptz not null,
        unique (dataset_id, name)
      );
    `);
  }
}
