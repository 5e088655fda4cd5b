import { Migration } from '@mikro-orm/migrations';

/** Protection policies, streams between datasets, and the lineage they leave. */
export class StreamsMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table protection_policy (
        id text primary key,
        scope text not null check (scope in ('GLOBAL', 'NAMESPACE', 'ENTITY', 'FIELD')),
        scope_name text not null default '',
        semantic_type text not null,
        action text not null check (action in ('REMOVE', 'ENCRYPT', 'REDACT', 'NONE')),
        created_at timestamptz not null,
        updated_at timestamptz not null,
        unique (scope, scope_name, semantic_type)
      );
      create table stream (
        id text primary key,
        kind text not null check (kind in ('PROTECTION', 'LANDING')),
        entity_id text not null references entity (id),
        source_dataset_id text not null references dataset (id),
        target_dataset_id text not null references dataset (id),
        state text not null check (state in ('RUNNING', 'PAUSED')),
        created_at timestamptz not null,
        unique (source_dataset_id, target_dataset_id)
      );
      create table stream_position (
        stream_id text not null references stream (id),
        partition integer not null,
        next_offset bigint not null,
        updated_at timestamptz not null,
        primary key (stream_id, partition)
      );
      create table lineage_edge (
        id text primary key,
        source_dataset_id text not null references dataset (id),
        target_dataset_id text not null references dataset (id),
        job text not null,
        valid_from timestamptz not null,
        valid_to timestamptz,
        check (valid_to is null or valid_to > valid_from)
      );
      create unique index on lineage_edge (source_dataset_id, target_dataset_id, job) where valid_to is null;
      create index on lineage_edge (target_dataset_id, source_dataset_id);
    `);
  }
}
