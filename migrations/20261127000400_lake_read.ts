import { Migration } from '@mikro-orm/migrations';

/**
 * Grants to read lake tables: whose each is, and the files, columns and days that it names. They live for minutes, and any
 * process may answer the rows of one that another gave.
 */
export class LakeReadMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table lake_read (
        id text primary key,
        actor_id text not null,
        table_id text not null references lake_table (id) on delete cascade,
        plan jsonb not null,
        created_at timestamptz not null,
        expires_at timestamptz not null
      );
      create index lake_read_expires_at on lake_read (expires_at);
      create index lake_read_table_id on lake_read (table_id);
    `);
  }
}
