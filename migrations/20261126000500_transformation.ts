import { Migration } from '@mikro-orm/migrations';

/** Operations that change values of records instead of removing records. */
export class TransformationMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table operation add column dataset_ids text[];
      alter table operation_file add column facts jsonb;
    `);
  }
}
