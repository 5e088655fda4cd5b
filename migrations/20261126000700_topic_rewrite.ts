import { Migration } from '@mikro-orm/migrations';

/** Topics that are rewritten into a new generation, and the names that they had before. */
export class TopicRewriteMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table topic_alias (
        namespace text not null,
        name text not null,
        dataset_id text not null references dataset (id),
        created_at timestamptz not null,
        primary key (namespace, name)
      );
      create index on topic_alias (dataset_id);

      create table topic_rewrite (
        id text primary key,
        operation_id text not null references operation (id),
        begun_by text not null references operation_target (id),
        worked_by text not null references operation_target (id),
        dataset_id text not null references dataset (id),
        source text not null,
        generation text not null,
        phase text not null check (phase in ('COPYING', 'SWITCHING', 'SWITCHED', 'COMPARED', 'PURGED', 'ABANDONED')),
        config jsonb not null,
        snapshot jsonb not null,
        copied jsonb not null default '{}',
        generation_ends jsonb not null default '{}',
        groups jsonb not null default '[]',
        late bigint not null default 0,
        comparison jsonb,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        unique (dataset_id, generation)
      );
      create index on topic_rewrite (worked_by);
    `);
  }
}
