import { Migration } from '@mikro-orm/migrations';

/** Operations about one version of a key, and versions whose holder lives on. */
export class KeyVersionDestructionMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table operation_subject add column key_version integer check (key_version > 0);
      alter table account_key add column destroyed_singly boolean not null default false;
    `);
  }
}
