import { Migration } from '@mikro-orm/migrations';

/** Topics as they were found on the broker. */
export class TopicMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table topic (
        id text primary key,
        namespace text not null,
        name text not null,
        dataset_id text not null references dataset (id),
        topic_kind text not null check (topic_kind in ('DATA', 'PROTECTED', 'DEAD_LETTER', 'GENERATION', 'REPLACED')),
        partition_count integer not null,
        replica_count integer not null,
        record_count bigint,
        bytes bigint,
        cleanup_policy text,
        retention_ms text,
        discovered_at timestamptz not null,
        seen_at timestamptz not null,
        gone_at timestamptz,
        returned_at timestamptz,
        unique (namespace, name)
      );
      create index on topic (dataset_id);

      create table topic_discovery (
        namespace text primary key,
        finished_at timestamptz not null
      );
    `);
  }
}
