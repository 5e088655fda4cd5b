import { Migration } from '@mikro-orm/migrations';

/** Operations that do not wait for others to go with. */
export class UrgentOperationMigration extends Migration {
  override up(): void {
    this.addSql('alter table operation add column urgent boolean not null default false;');
  }
}
