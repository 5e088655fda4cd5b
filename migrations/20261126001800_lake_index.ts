import { Migration } from '@mikro-orm/migrations';

/** How far the subject index of each table has come. */
export class LakeIndexMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table lake_file
        add column standing text not null default 'EXPECTED' check (standing in ('EXPECTED', 'FOUND', 'MISSING')),
        add column segment_bytes bigint,
        add column index_fault text,
        add column index_fault_version text;
      -- Segments have another layout.
      update lake_file set indexed_version = null;
      create table lake_index (
        id text primary key references lake_table (id),
        attempt integer not null,
        listed_at timestamptz,
        as_of timestamptz,
        fault text,
        failed_at timestamptz
      );
      insert into lake_index (id, attempt) select id, 0 from lake_table;
    `);
  }
}
