import { Migration } from '@mikro-orm/migrations';

/** Runs of transformers: how far each is, what it read and wrote, and what it did not take. */
export class TransformRunMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table transform_run (
        id text primary key,
        transformer_id text not null references transformer (id),
        version_id text not null references transformer_version (id),
        dataset_id text not null references dataset (id),
        number integer not null,
        mode text not null check (mode in ('INCREMENTAL', 'BATCH')),
        status text not null check (status in
          ('REQUESTED', 'READING', 'MERGING', 'PUBLISHING', 'SETTLING', 'COMPLETED', 'FAILED', 'CANCELLED')),
        plan jsonb,
        outputs jsonb,
        statistics jsonb not null default '{}',
        records_done bigint not null default 0,
        records_total bigint not null default 0,
        fencing_token bigint not null default 0,
        cancel_requested boolean not null default false,
        code text,
        reason text,
        untold text,
        requested_by text not null,
        attempt integer not null default 0,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        finished_at timestamptz,
        unique (transformer_id, number)
      );
      -- Of one table one run at a time.
      create unique index transform_run_open on transform_run (dataset_id) where finished_at is null;
      create index on transform_run (version_id);
      create table transform_position (
        version_id text not null references transformer_version (id),
        source integer not null,
        partition integer not null,
        topic text not null,
        next_offset bigint not null,
        primary key (version_id, source, partition)
      );
      create table transform_reject (
        run_id text not null references transform_run (id),
        source integer not null,
        code text not null,
        field text,
        rows bigint not null,
        places text[] not null
      );
      create index on transform_reject (run_id);
    `);
  }
}
