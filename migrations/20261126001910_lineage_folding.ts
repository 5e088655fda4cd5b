import { Migration } from '@mikro-orm/migrations';

/** What grows with each run takes little room once it is old, and nothing of it is lost. See ADR 0027. */
export class LineageFoldingMigration extends Migration {
  override up(): void {
    this.addSql(statements);
    this.addSql(runs);
  }
}

const statements = `
  -- Old statements of one job about one dataset: the times at which it said the same.
  create table column_repeat (
    stated_by text not null,
    dataset_id text not null references dataset (id),
    set_id text not null references column_set (id),
    last_at timestamptz not null,
    times timestamptz[] not null
  );
  create index on column_repeat (stated_by, dataset_id, last_at);

  create index dataset_state_dropped on dataset_state (dataset_id) where dropped_at is not null;
`;

const runs = `
  -- What runs read and wrote, once for each different set; its id is a digest of the members.
  create table lineage_io_set (id text primary key);
  create table lineage_io_set_member (
    set_id text not null references lineage_io_set (id),
    side text not null check (side in ('INPUT', 'OUTPUT')),
    dataset_id text not null references dataset (id),
    primary key (set_id, side, dataset_id)
  );
  -- With a set, a run has no rows in lineage_run_io.
  alter table lineage_run
    add column io_set_id text references lineage_io_set (id),
    add column state text check (state in ('RUNNING', 'COMPLETED', 'ABORTED', 'FAILED')),
    add column state_at timestamptz;
  create index on lineage_run (job_id, started_at);
  create index lineage_run_unfolded on lineage_run (job_id, started_at) where io_set_id is null;
`;
