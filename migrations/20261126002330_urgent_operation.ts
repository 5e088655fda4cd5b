import { Migration } from '@mikro-orm/migrations';

/** Operations that do not wait for others to go with. */
export class UrgentOperationMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table operation add column urgent boolean not null default false;
      -- Asked for each file of a pass: who else waits for its place.
      create index on operation_target (dataset_id) where status in ('PENDING', 'EXECUTING');
    `);
  }
}
