import { Migration } from '@mikro-orm/migrations';

/** Runs of transformers at times that recur, and runs over some days. */
export class TransformScheduleMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table transformer add column schedule jsonb, add column due_at timestamptz;
      create index on transformer (due_at) where due_at is not null;
      alter table transform_run drop constraint transform_run_mode_check;
      alter table transform_run add constraint transform_run_mode_check check (mode in ('INCREMENTAL', 'BATCH', 'BACKFILL'));
      alter table transform_run add column days jsonb;
    `);
  }
}
