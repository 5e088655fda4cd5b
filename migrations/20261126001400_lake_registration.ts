import { Migration } from '@mikro-orm/migrations';

/** Lake tables that others wrote, and how far their registration has come. */
export class LakeRegistrationMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table lake_table
        add column origin text not null default 'LANDED' check (origin in ('LANDED', 'REGISTERED')),
        add column partitioning text not null default 'YMD' check (partitioning in ('HIVE', 'YMD', 'NONE')),
        alter column date_field drop not null;
      create table lake_registration (
        id text primary key,
        entity_id text not null references entity (id),
        location text not null,
        account_field text not null,
        subject_fields text[] not null,
        date_field text,
        partitioning text check (partitioning in ('HIVE', 'YMD', 'NONE')),
        dry_run boolean not null,
        accept_unreadable boolean not null,
        status text not null check (status in ('PROFILING', 'PROFILED', 'REGISTERED', 'REFUSED')),
        code text,
        reason text,
        files_done bigint not null default 0,
        files_total bigint not null default 0,
        profile jsonb,
        dataset_id text references dataset (id),
        requested_by text not null,
        attempt integer not null default 0,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        finished_at timestamptz
      );
      create index on lake_registration (id) where status = 'PROFILING';
    `);
  }
}
