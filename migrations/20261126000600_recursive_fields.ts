import { Migration } from '@mikro-orm/migrations';

/**
 * What a plan must know of a field beside its own type: where records lie inside themselves, and what else its values may be.
 * Null where a version was registered before: its fields are read again from its schema.
 */
export class RecursiveFieldsMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table entity_field add column shape jsonb;
    `);
  }
}
