import { Migration } from '@mikro-orm/migrations';

/** Lake tables, their files, and the state of each file under an operation. */
export class LakeMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table lake_table (
        id text primary key,
        dataset_id text not null unique references dataset (id),
        location text not null unique,
        date_field text not null,
        columns jsonb not null,
        created_at timestamptz not null
      );
      create table lake_file (
        id text primary key,
        table_id text not null references lake_table (id),
        path text not null,
        bytes bigint not null,
        version text not null,
        rows bigint not null,
        indexed_version text,
        indexed_columns text[] not null default '{}',
        created_at timestamptz not null,
        updated_at timestamptz not null,
        unique (table_id, path)
      );
      create table operation_file (
        target_id text not null references operation_target (id),
        path text not null,
        state text not null check (state in ('PLANNED', 'STAGED', 'SWAPPED', 'VERIFIED', 'SKIPPED', 'OPEN')),
        source_bytes bigint not null,
        source_version text not null,
        selection_digest text not null,
        staged_sha256 text,
        rows_before bigint,
        rows_after bigint,
        found bigint,
        bytes_after bigint,
        version_after text,
        survivors_digest text,
        erased bigint not null default 0,
        code text,
        reason text,
        updated_at timestamptz not null,
        primary key (target_id, path)
      );
      create index on operation_file (path, source_version) where version_after is not null;
    `);
  }
}
