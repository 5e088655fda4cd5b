import { Migration } from '@mikro-orm/migrations';

/** Entities, their versions and fields; datasets, and which of them hold which entity. */
export class CatalogMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table entity (
        id text primary key,
        namespace text not null,
        name text not null,
        catalog_namespace text not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        unique (namespace, name)
      );
      create table entity_alias (
        alias text primary key,
        entity_id text not null references entity (id)
      );
      create index on entity_alias (entity_id);

      create sequence schema_id_seq as integer;
      create table entity_version (
        id text primary key,
        entity_id text not null references entity (id),
        number integer not null check (number > 0),
        schema_id integer not null unique default nextval('schema_id_seq'),
        document text not null,
        label text not null,
        fingerprint text not null,
        created_by text not null,
        created_at timestamptz not null,
        unique (entity_id, number),
        unique (entity_id, fingerprint)
      );
      create table entity_field (
        id text primary key,
        version_id text not null references entity_version (id),
        ordinal integer not null,
        path text not null,
        type text not null,
        nullable boolean not null,
        required boolean not null,
        semantic_type text,
        classifications text[] not null default '{}',
        doc text,
        unique (version_id, path)
      );
      create index on entity_field (version_id, ordinal);
      create index on entity_field (semantic_type) where semantic_type is not null;

      create table dataset (
        id text primary key,
        namespace text not null,
        name text not null,
        created_at timestamptz not null,
        unique (namespace, name)
      );
      create table mapping (
        id text primary key,
        entity_id text not null references entity (id),
        dataset_id text not null references dataset (id),
        role text not null check (role in ('TOPIC', 'LAKE_TABLE', 'WAREHOUSE_TABLE', 'SEARCH_INDEX')),
        account_field text not null,
        subject_fields text[] not null default '{}',
        created_at timestamptz not null,
        unique (entity_id, dataset_id)
      );
      create index on mapping (dataset_id);
    `);
  }
}
