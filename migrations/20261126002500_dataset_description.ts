import { Migration } from '@mikro-orm/migrations';

/** What people, lineage events and imports say about datasets and their fields: documentation, owners, tags, properties. */
export class DatasetDescriptionMigration extends Migration {
  override up(): void {
    this.addSql(descriptions);
    this.addSql(vocabulary);
    this.addSql(search);
    this.addSql(imports);
  }
}

const descriptions = `
  -- Path '' is the dataset itself. Said_by is 'people', 'events', or 'import:' and the name of the source.
  create table dataset_description (
    dataset_id text not null references dataset (id) on delete cascade,
    path text not null,
    part text not null check (part in ('documentation', 'owners', 'tags', 'properties', 'terms', 'domain')),
    said_by text not null,
    -- Null where it was taken back: what was said before that, and comes late, must not come back.
    value jsonb,
    -- Of the canonical value: decides between two of the same time.
    digest text collate "C" not null,
    said_at timestamptz not null,
    actor_id text,
    primary key (dataset_id, path, part, said_by)
  );
  -- What is in force of each part: the word of people, else what was said last.
  create view dataset_told as
    select distinct on (dataset_id, path, part) dataset_id, path, part, value, said_by, said_at
    from dataset_description where value is not null
    order by dataset_id, path, part, said_by = 'people' desc, said_at desc, said_by;

  -- Each change with what was there before, oldest first by id.
  create table dataset_description_change (
    id integer generated always as identity primary key,
    dataset_id text not null references dataset (id) on delete cascade,
    path text not null,
    part text not null,
    said_by text not null,
    actor_id text,
    before jsonb,
    after jsonb,
    at timestamptz not null default now()
  );
  create index on dataset_description_change (dataset_id, id);
  create function dataset_description_changes() returns trigger language plpgsql as $$
  declare
    before jsonb := case when tg_op = 'UPDATE' then old.value end;
  begin
    if before is distinct from new.value then
      insert into dataset_description_change (dataset_id, path, part, said_by, actor_id, before, after)
        values (new.dataset_id, new.path, new.part, new.said_by, new.actor_id, before, new.value);
      insert into search_stale (kind, target) values ('DATASET', new.dataset_id);
    end if;
    return null;
  end $$;
  create trigger dataset_description_changes after insert or update on dataset_description
    for each row execute function dataset_description_changes();
`;

const vocabulary = `
  -- Terms of the glossary and domains; descriptions name them.
  create table vocabulary (
    id text primary key,
    kind text not null check (kind in ('TERM', 'DOMAIN')),
    name text not null,
    description text not null,
    owners text[] not null default '{}',
    parent_id text references vocabulary (id),
    revision integer not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (kind, name)
  );
  create index on vocabulary (parent_id);
  create index on dataset_description using gin (value) where part in ('terms', 'domain');
`;

// As before, with what was said of the dataset and its fields beside what its entities bring.
const search = `
  create or replace function search_refresh_datasets(given text[]) returns void language plpgsql
    set plan_cache_mode = force_generic_plan as $$
  begin
    insert into search_entry
      (id, kind, namespace, keys, names, tags, classifications, semantic_types, document)
    select dataset.id, 'DATASET', dataset.namespace,
      array[search_key(dataset.name), search_key(substring(dataset.name from '[^./]*$'))], search_words(dataset.name),
      search_short(array(select distinct unnest(held.tags || told.tags) order by 1 limit 1000)), held.classifications, held.semantic_types,
      search_document(search_words(dataset.name), search_words(dataset.namespace), told.documentation,
        search_list(held.names || held.tags || told.tags || told.owners || told.words || held.classifications || held.semantic_types))
    from dataset
    cross join lateral (
      select array(select entity.namespace || '.' || entity.name from mapping join entity on entity.id = mapping.entity_id
          where mapping.dataset_id = dataset.id order by mapping.id limit 100) as names,
        array(select distinct tag from mapping join search_entry on search_entry.id = mapping.entity_id, unnest(tags) tag
          where mapping.dataset_id = dataset.id order by 1 limit 1000) as tags,
        array(select distinct item from mapping join search_entry on search_entry.id = mapping.entity_id,
          unnest(classifications) item where mapping.dataset_id = dataset.id order by 1) as classifications,
        array(select distinct item from mapping join search_entry on search_entry.id = mapping.entity_id,
          unnest(semantic_types) item where mapping.dataset_id = dataset.id order by 1) as semantic_types
    ) held
    cross join lateral (
      select (select value #>> '{}' from dataset_told where dataset_id = dataset.id and path = '' and part = 'documentation') as documentation,
        array(select jsonb_array_elements_text(value) from dataset_told where dataset_id = dataset.id and part = 'tags'
          order by path limit 1000) as tags,
        array(select jsonb_array_elements_text(value) from dataset_told where dataset_id = dataset.id and path = '' and part = 'owners') as owners,
        array(select jsonb_array_elements_text(value) from dataset_told where dataset_id = dataset.id and part = 'terms'
          union all select value #>> '{}' from dataset_told where dataset_id = dataset.id and part = 'domain') as words
    ) told
    where dataset.id = any(given)
    on conflict (id) do update set namespace = excluded.namespace, keys = excluded.keys, names = excluded.names,
      tags = excluded.tags, classifications = excluded.classifications, semantic_types = excluded.semantic_types,
      document = excluded.document;
  end $$;
`;

const imports = `
  -- Datasets that a source named in its last whole import: those that it names no longer were dropped there.
  create table catalog_import_member (
    source text not null,
    dataset_id text not null references dataset (id) on delete cascade,
    primary key (source, dataset_id)
  );
`;
