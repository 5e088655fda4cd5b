import { Migration } from '@mikro-orm/migrations';

/** What OpenLineage events say, kept as they came, and the graph of datasets and columns that follows from all of them. See ADR 0024. */
export class LineageMigration extends Migration {
  override up(): void {
    this.addSql(events);
    this.addSql(datasets);
    this.addSql(edges);
    this.addSql(columns);
  }
}

const events = `
  -- Append-only. An event that comes again is the same row.
  create table lineage_event (
    id text primary key,
    digest text not null unique,
    kind text not null check (kind in ('RUN', 'JOB', 'DATASET')),
    event_time timestamptz not null,
    received_at timestamptz not null default now(),
    body text not null
  );
  create index on lineage_event (event_time, id);

  create table lineage_job (
    id text primary key,
    namespace text not null,
    name text not null,
    created_at timestamptz not null default now(),
    unique (namespace, name)
  );
  -- An event about a job without a run is a run of its own, named by its digest.
  create table lineage_run (
    run_id text not null,
    job_id text not null references lineage_job (id),
    started_at timestamptz not null,
    primary key (run_id, job_id)
  );
  create table lineage_run_io (
    run_id text not null,
    job_id text not null,
    side text not null check (side in ('INPUT', 'OUTPUT')),
    dataset_id text not null references dataset (id),
    primary key (run_id, job_id, side, dataset_id),
    foreign key (run_id, job_id) references lineage_run (run_id, job_id)
  );
  create table lineage_job_io (
    job_id text not null references lineage_job (id),
    side text not null check (side in ('INPUT', 'OUTPUT')),
    dataset_id text not null references dataset (id),
    valid_from timestamptz not null,
    primary key (dataset_id, side, job_id)
  );
`;

const datasets = `
  -- True for a name that only columns speak of: it is no dataset of the catalog until something else does.
  alter table dataset add column named_only boolean not null default false;
  drop trigger search_mark_dataset on dataset;
  create trigger search_mark_dataset after insert on dataset for each row
    when (not new.named_only) execute function search_mark_dataset();
  create trigger search_mark_named_dataset after update of named_only on dataset for each row
    when (old.named_only is distinct from new.named_only) execute function search_mark_dataset();
  create trigger search_mark_gone_dataset after delete on dataset for each row execute function search_mark_dataset();

  -- The newest of each thing that events said about a dataset.
  create table dataset_state (
    dataset_id text primary key references dataset (id),
    seen_at timestamptz,
    dropped_at timestamptz,
    schema_at timestamptz
  );
  create table dataset_symlink (
    dataset_id text not null references dataset (id),
    other_id text not null references dataset (id),
    primary key (dataset_id, other_id)
  );
  -- The path '' is the dataset as a whole. Named_at is the time of the newest schema that has the field; null where only edges name it.
  create table dataset_field (
    id text primary key,
    dataset_id text not null references dataset (id),
    path text not null,
    type text,
    named_at timestamptz,
    unique (dataset_id, path)
  );
  create table dataset_field_label (
    field_id text primary key references dataset_field (id),
    semantic_type text,
    classifications text[] not null,
    set_by text not null,
    set_at timestamptz not null
  );
`;

const edges = `
  alter table lineage_edge
    add column job_namespace text not null default 'lineward',
    add column recorded_at timestamptz not null default now();
  drop index lineage_edge_source_dataset_id_target_dataset_id_job_idx;
  create unique index lineage_edge_in_force on lineage_edge (source_dataset_id, target_dataset_id, job_namespace, job)
    where valid_to is null;
  create index on lineage_edge (source_dataset_id, target_dataset_id);

  insert into lineage_job (id, namespace, name)
    select gen_random_uuid()::text, 'lineward', job from (select distinct job from lineage_edge) known;
  insert into lineage_job_io (job_id, side, dataset_id, valid_from)
    select lineage_job.id, side, dataset_id, min(valid_from)
    from lineage_edge join lineage_job on lineage_job.name = job,
      lateral (values ('INPUT', source_dataset_id), ('OUTPUT', target_dataset_id)) io (side, dataset_id)
    group by 1, 2, 3;
`;

const columns = `
  -- Which columns a dataset is made of, once for each different set.
  create table column_set (id text primary key, dataset_id text not null references dataset (id));
  create table column_set_link (
    set_id text not null references column_set (id),
    source_field_id text not null references dataset_field (id),
    target_field_id text not null references dataset_field (id),
    kind text not null check (kind in ('DIRECT', 'INDIRECT')),
    subtype text not null,
    masking boolean not null,
    primary key (set_id, source_field_id, target_field_id, kind, subtype, masking)
  );
  -- Stated_by is the id of a job, or '' where an event is about the dataset alone.
  create table column_statement (
    stated_by text not null,
    dataset_id text not null references dataset (id),
    at timestamptz not null,
    set_id text not null references column_set (id),
    primary key (stated_by, dataset_id, at, set_id)
  );
  create table column_edge (
    id bigint generated always as identity primary key,
    source_field_id text not null references dataset_field (id),
    target_field_id text not null references dataset_field (id),
    dataset_id text not null references dataset (id),
    stated_by text not null,
    kind text not null check (kind in ('DIRECT', 'INDIRECT')),
    subtype text not null,
    masking boolean not null,
    valid_from timestamptz not null,
    valid_to timestamptz check (valid_to > valid_from),
    recorded_at timestamptz not null default now()
  );
  create index on column_edge (source_field_id);
  create index on column_edge (target_field_id);
  create index on column_edge (dataset_id, stated_by);
`;
