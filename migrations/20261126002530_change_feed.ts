import { Migration } from '@mikro-orm/migrations';

/** Which links of the audit log are in the change feed, as what. The sealer tells with each batch that there are new ones. */
export class ChangeFeedMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table change (seq bigint primary key, type text not null);
      create index on change (type, seq);
      create trigger change_append_only before update or delete or truncate on change
        for each statement execute function refuse_audit_change();
    `);
  }
}
