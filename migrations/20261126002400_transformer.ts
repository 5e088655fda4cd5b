import { Migration } from '@mikro-orm/migrations';

/** Transformers and their versions, which do not change. */
export class TransformerMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table transformer (
        id text primary key,
        name text not null unique,
        created_by text not null,
        created_at timestamptz not null,
        retired_by text,
        retired_at timestamptz
      );
      create table transformer_version (
        id text primary key,
        transformer_id text not null references transformer (id),
        number integer not null,
        document text not null,
        orders jsonb not null,
        table_id text not null references lake_table (id),
        dataset_id text not null references dataset (id),
        created_by text not null,
        created_at timestamptz not null,
        unique (transformer_id, number)
      );
      create index on transformer_version (table_id);
    `);
  }
}
