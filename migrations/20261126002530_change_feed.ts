import { Migration } from '@mikro-orm/migrations';

/**
 * Which links of the audit log are in the change feed, as what: an index into the log, which alone is proof. The sealer tells with
 * each batch that there are new ones.
 */
export class ChangeFeedMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table change (seq bigint primary key, type text not null);
      create index on change (type, seq);
    `);
  }
}
