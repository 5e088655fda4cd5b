import { Migration } from '@mikro-orm/migrations';

/**
 * Indexes begin with the column that finds few rows. A plan that is kept from the time when a table was empty may take any index
 * whose first column fits: those that began with the context then read all schemas of it, more with each registration.
 */
export class SelectiveIndexColumnsMigration extends Migration {
  override up(): void {
    this.addSql(`
      drop index schema_context_text_identity_idx;
      create index on schema (text_identity, context);
      alter table schema drop constraint schema_context_identity_key;
      alter table schema add unique (identity, context);
      drop index subject_version_context_schema_id_idx;
      create index on subject_version (schema_id, context);
    `);
  }
}
