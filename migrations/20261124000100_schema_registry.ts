import { Migration } from '@mikro-orm/migrations';

/** Schemas and the subjects that number them, as Confluent's registry knows them; entity versions point to their schema. */
export class SchemaRegistryMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table registry_context (
        name text collate "C" primary key,
        last_id integer not null default 0,
        created_at timestamptz not null default now()
      );
      insert into registry_context (name) values ('.');

      -- The row of subject '' carries what holds for the whole context.
      create table registry_subject (
        context text collate "C" not null references registry_context (name),
        name text collate "C" not null,
        config jsonb,
        mode text,
        primary key (context, name)
      );

      create table schema (
        context text collate "C" not null references registry_context (name),
        id integer not null check (id > 0),
        guid text not null,
        format text not null check (format in ('AVRO', 'JSON', 'PROTOBUF')),
        text text not null,
        identity text not null,
        text_identity text not null,
        schema_references jsonb not null default '[]',
        metadata jsonb,
        rule_set jsonb,
        created_at timestamptz not null default now(),
        primary key (context, id),
        unique (context, identity)
      );
      create index on schema (guid);
      create index on schema (context, text_identity);

      create table subject_version (
        context text collate "C" not null,
        subject text collate "C" not null,
        version integer not null check (version > 0),
        schema_id integer not null,
        deleted_at timestamptz,
        created_at timestamptz not null default now(),
        primary key (context, subject, version),
        foreign key (context, subject) references registry_subject (context, name),
        foreign key (context, schema_id) references schema (context, id)
      );
      create index on subject_version (context, schema_id);

      create table schema_reference (
        context text collate "C" not null,
        schema_id integer not null,
        target_context text collate "C" not null,
        target_subject text collate "C" not null,
        target_version integer not null,
        primary key (context, schema_id, target_context, target_subject, target_version),
        foreign key (context, schema_id) references schema (context, id)
      );
      create index on schema_reference (target_context, target_subject, target_version);

      alter table entity_version alter column schema_id drop default;
      alter table entity_version drop constraint entity_version_schema_id_key;
      create index on entity_version (schema_id);
      drop sequence schema_id_seq;
      alter table entity_field add column tags text[] not null default '{}';
      create index on entity_field using gin (tags);
      create index on entity_field using gin (classifications);
    `);
  }
}
