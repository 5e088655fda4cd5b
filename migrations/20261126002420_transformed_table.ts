import { Migration } from '@mikro-orm/migrations';

/** Lake tables that transformers make. */
export class TransformedTableMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table lake_table drop constraint lake_table_origin_check;
      alter table lake_table add constraint lake_table_origin_check check (origin in ('LANDED', 'REGISTERED', 'TRANSFORMED'));
    `);
  }
}
