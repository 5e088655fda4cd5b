import { Migration } from '@mikro-orm/migrations';

/**
 * Rows that are about persons, secrets or what is kept from owners of data show themselves to nobody who is not granted a
 * policy. Policies are made with the grants, since they name the role of the application. Owners are not forced: a migration
 * that changed none of these rows would look as if it had worked.
 */
export class RowLevelSecurityMigration extends Migration {
  override up(): void {
    for (const table of tables) this.addSql(`alter table ${table} enable row level security`);
  }
}

const tables = [
  ...['operation', 'operation_subject', 'erasure_intake', 'erasure_deferral', 'lake_content_mark'],
  ...['legal_hold', 'topic_hold_look', 'account_key', 'api_token', 'webhook'],
  ...['audit_event', 'audit_pending', 'audit_seal', 'crypto_usage', 'certificate', 'lake_read'],
];
