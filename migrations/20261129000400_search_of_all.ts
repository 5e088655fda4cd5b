import { Migration } from '@mikro-orm/migrations';

/**
 * Searches find fields of datasets, jobs, terms of the glossary and domains too, and datasets by their properties and by the labels
 * of their fields. Entries of what is there already are made by the first search, or by the sweep before it.
 */
export class SearchOfAllMigration extends Migration {
  override up(): void {
    for (const part of [tables, indexes, datasets, datasetFields, others, refresh, triggers, backfill])
      this.addSql(part);
  }
}

const tables = `
  alter table search_entry drop constraint search_entry_kind_check,
    add constraint search_entry_kind_check
      check (kind in ('ENTITY', 'FIELD', 'DATASET', 'DATASET_FIELD', 'JOB', 'TERM', 'DOMAIN')),
    -- Of a dataset and of a field of one.
    add column dataset_id text;
  update search_entry set dataset_id = id where kind = 'DATASET';
  create index on search_entry (dataset_id);
  -- DATASET_FIELDS: of a dataset whose fields, or what is said of them, have changed, and the dataset itself.
  alter table search_stale drop constraint search_stale_kind_check,
    add constraint search_stale_kind_check
      check (kind in ('FIELDS', 'ENTITY', 'DATASET', 'DATASET_FIELDS', 'JOB', 'VOCABULARY'));
`;

// What was written last waits in a list that every search goes through: 4 MB of it, the default, cost 30 ms a search.
const indexes = ['keys', 'names', 'document', 'tags_classifications', 'tags_classifications_semantic_types']
  .map((columns) => `alter index search_entry_${columns}_idx set (gin_pending_list_limit = 64);`)
  .join('\n');

// As before, with the properties of the dataset and the labels of its fields, and without datasets that only columns speak of.
// Each kind of word has its own room, or what many fields say would push out what is said of the dataset.
const datasets = `
  create or replace function search_refresh_datasets(given text[]) returns void language plpgsql
    set plan_cache_mode = force_generic_plan as $$
  begin
    insert into search_entry
      (id, kind, dataset_id, namespace, keys, names, tags, classifications, semantic_types, document)
    select dataset.id, 'DATASET', dataset.id, dataset.namespace,
      array[search_key(dataset.name), search_key(substring(dataset.name from '[^./]*$'))], search_words(dataset.name),
      search_short(array(select distinct unnest(held.tags || told.tags) order by 1 limit 1000)), held.classifications, held.semantic_types,
      search_document(search_words(dataset.name), search_words(dataset.namespace), told.documentation,
        concat_ws(' ', search_list(held.names), search_list(told.owners), search_list(told.words), search_list(held.tags || told.tags),
          search_list(held.classifications || held.semantic_types)))
    from dataset
    cross join lateral (
      select array(select entity.namespace || '.' || entity.name from mapping join entity on entity.id = mapping.entity_id
          where mapping.dataset_id = dataset.id order by mapping.id limit 100) as names,
        array(select distinct tag from mapping join search_entry on search_entry.id = mapping.entity_id, unnest(tags) tag
          where mapping.dataset_id = dataset.id order by 1 limit 1000) as tags,
        array(select item from mapping join search_entry on search_entry.id = mapping.entity_id, unnest(classifications) item
            where mapping.dataset_id = dataset.id
          union select item from dataset_field join dataset_field_label on field_id = dataset_field.id, unnest(classifications) item
            where dataset_field.dataset_id = dataset.id order by 1) as classifications,
        array(select item from mapping join search_entry on search_entry.id = mapping.entity_id, unnest(semantic_types) item
            where mapping.dataset_id = dataset.id
          union select semantic_type from dataset_field join dataset_field_label on field_id = dataset_field.id
            where dataset_field.dataset_id = dataset.id and semantic_type is not null order by 1) as semantic_types
    ) held
    cross join lateral (
      select (select value #>> '{}' from dataset_told where dataset_id = dataset.id and path = '' and part = 'documentation') as documentation,
        array(select distinct jsonb_array_elements_text(value) from dataset_told where dataset_id = dataset.id and part = 'tags'
          order by 1 limit 1000) as tags,
        array(select jsonb_array_elements_text(value) from dataset_told where dataset_id = dataset.id and path = '' and part = 'owners') as owners,
        array(select value #>> '{}' from dataset_told where dataset_id = dataset.id and part = 'domain')
          || array(select property.key || ' ' || property.value
            from dataset_told, jsonb_each_text(dataset_told.value) property
            where dataset_id = dataset.id and path = '' and part = 'properties')
          || array(select distinct jsonb_array_elements_text(value) from dataset_told
            where dataset_id = dataset.id and part = 'terms' order by 1) as words
    ) told
    where dataset.id = any(given) and not dataset.named_only
    on conflict (id) do update set namespace = excluded.namespace, keys = excluded.keys, names = excluded.names,
      tags = excluded.tags, classifications = excluded.classifications, semantic_types = excluded.semantic_types,
      document = excluded.document;
  end $$;
`;

// A dataset that only columns speak of is none of the catalog, and so are its fields.
const datasetFields = `
  create function search_refresh_dataset_fields(given text[]) returns void language plpgsql
    set plan_cache_mode = force_generic_plan as $$
  begin
    delete from search_entry where kind = 'DATASET_FIELD' and dataset_id = any(given);
    insert into search_entry
      (id, kind, dataset_id, namespace, keys, names, tags, classifications, semantic_types, document)
    select field.id, 'DATASET_FIELD', dataset.id, dataset.namespace,
      array[search_key(field.path), search_key(substring(field.path from '[^.]*$'))], search_words(field.path),
      search_short(told.tags), coalesce(label.classifications, '{}'), array_remove(array[label.semantic_type], null),
      search_document(search_words(field.path),
        search_list(told.tags || label.classifications || array_remove(array[label.semantic_type], null)),
        told.documentation, search_list(told.words))
    from dataset
    join dataset_field field on field.dataset_id = dataset.id and field.path <> ''
    left join dataset_field_label label on label.field_id = field.id
    cross join lateral (
      select (select value #>> '{}' from dataset_told
          where dataset_id = dataset.id and path = field.path and part = 'documentation') as documentation,
        array(select jsonb_array_elements_text(value) from dataset_told
          where dataset_id = dataset.id and path = field.path and part = 'tags') as tags,
        array(select jsonb_array_elements_text(value) from dataset_told
          where dataset_id = dataset.id and path = field.path and part = 'terms') as words
    ) told
    where dataset.id = any(given) and not dataset.named_only;
  end $$;
`;

const others = `
  create function search_refresh_jobs(given text[]) returns void language plpgsql as $$
  begin
    insert into search_entry (id, kind, namespace, keys, names, document)
    select id, 'JOB', namespace, array[search_key(name), search_key(substring(name from '[^./]*$'))], search_words(name),
      search_document(search_words(name), search_words(namespace), null, '')
    from lineage_job where id = any(given)
    on conflict (id) do nothing;
  end $$;
  create function search_refresh_vocabulary(given text[]) returns void language plpgsql as $$
  begin
    delete from search_entry where id = any(given);
    insert into search_entry (id, kind, namespace, keys, names, document)
    select id, kind, '', array[search_key(name)], search_words(name),
      search_document(search_words(name), '', description, search_list(owners))
    from vocabulary where id = any(given);
  end $$;
`;

// A round takes marks until they are of so many fields together that it would hold up other searches and run into a timeout; what
// is marked again behind them goes with them.
const roundFieldsMax = 10_000;
const refresh = `
  create or replace function search_refresh_stale(last bigint, most integer) returns integer language plpgsql as $$
  declare
    entity_fields text[];
    entities text[];
    dataset_fields text[];
    datasets text[];
    jobs text[];
    words text[];
    taken integer;
  begin
    perform pg_advisory_xact_lock(hashtextextended('lineward.search', 0));
    with next as (
      select min(id) as id, kind, target
      from (select * from search_stale where id <= last order by id limit most) oldest group by kind, target
    ), weighed as (
      select next.*, case kind
        when 'DATASET_FIELDS' then (select count(*) from dataset_field where dataset_id = target)
        when 'FIELDS' then (select count(*) from entity join entity_field on version_id = latest_version_id where entity.id = target)
        else 0 end as fields
      from next
    ), chosen as (
      select kind, target from (select weighed.*, sum(fields) over (order by id) - fields as before from weighed) summed
      where before < ${roundFieldsMax}
    ), mark as (
      delete from search_stale where id <= last and (kind, target) in (table chosen) returning kind, target
    )
    select array(select distinct target from mark where kind = 'FIELDS'),
      array(select distinct target from mark where kind in ('FIELDS', 'ENTITY')),
      array(select distinct target from mark where kind = 'DATASET_FIELDS'),
      array(select distinct target from mark where kind in ('DATASET', 'DATASET_FIELDS')),
      array(select distinct target from mark where kind = 'JOB'),
      array(select distinct target from mark where kind = 'VOCABULARY'), (select count(*) from mark)
    into entity_fields, entities, dataset_fields, datasets, jobs, words, taken;
    if taken = 0 then
      return 0;
    end if;
    perform search_refresh_fields(entity_fields);
    perform search_refresh_entities(entities);
    datasets := array(select unnest(datasets) union select dataset_id from mapping where entity_id = any(entities));
    delete from search_entry where dataset_id = any(datasets)
      and not exists (select from dataset where dataset.id = search_entry.dataset_id and not named_only);
    perform search_refresh_datasets(datasets);
    perform search_refresh_dataset_fields(dataset_fields);
    perform search_refresh_jobs(jobs);
    perform search_refresh_vocabulary(words);
    return taken;
  end $$;
`;

const triggers = `
  create function search_mark_rows() returns trigger language plpgsql as $$
  begin
    execute format('insert into search_stale (kind, target) select distinct %L, %I from touched', tg_argv[0], tg_argv[1]);
    return null;
  end $$;
  create trigger search_mark_dataset_field after insert on dataset_field
    referencing new table as touched for each statement execute function search_mark_rows('DATASET_FIELDS', 'dataset_id');
  create trigger search_mark_job after insert on lineage_job
    referencing new table as touched for each statement execute function search_mark_rows('JOB', 'id');
${onVocabulary('insert', 'new')}
${onVocabulary('update', 'new')}
${onVocabulary('delete', 'old')}

  create function search_mark_label() returns trigger language plpgsql as $$
  begin
    insert into search_stale (kind, target)
      select 'DATASET_FIELDS', dataset_id from dataset_field where id = coalesce(new.field_id, old.field_id);
    return null;
  end $$;
  create trigger search_mark_label after insert or update or delete on dataset_field_label
    for each row execute function search_mark_label();

  drop trigger search_mark_named_dataset on dataset;
  create function search_mark_known_dataset() returns trigger language plpgsql as $$
  begin
    insert into search_stale (kind, target) values ('DATASET_FIELDS', new.id);
    return null;
  end $$;
  create trigger search_mark_known_dataset after update of named_only on dataset for each row
    when (old.named_only is distinct from new.named_only) execute function search_mark_known_dataset();
  -- Entities are found by the names of their datasets, too.
  create function search_mark_renamed_dataset() returns trigger language plpgsql as $$
  begin
    insert into search_stale (kind, target)
      select 'DATASET', new.id union all select 'ENTITY', entity_id from mapping where dataset_id = new.id;
    return null;
  end $$;
  create trigger search_mark_renamed_dataset after update of name on dataset for each row
    when (old.name is distinct from new.name) execute function search_mark_renamed_dataset();

  create or replace function dataset_description_changes() returns trigger language plpgsql as $$
  declare
    before jsonb := case when tg_op = 'UPDATE' then old.value end;
  begin
    if before is distinct from new.value then
      insert into dataset_description_change (dataset_id, path, part, said_by, actor_id, before, after, said_at)
        values (new.dataset_id, new.path, new.part, new.said_by, new.actor_id, before, new.value, new.said_at);
      insert into search_stale (kind, target)
        values (case when new.path = '' then 'DATASET' else 'DATASET_FIELDS' end, new.dataset_id);
    end if;
    return null;
  end $$;
`;

function onVocabulary(event: string, rows: string): string {
  return `  create trigger search_mark_vocabulary_${event} after ${event} on vocabulary
    referencing ${rows} table as touched for each statement execute function search_mark_rows('VOCABULARY', 'id');`;
}

const backfill = `
  insert into search_stale (kind, target) select 'DATASET_FIELDS', id from dataset where not named_only;
  insert into search_stale (kind, target) select 'JOB', id from lineage_job;
  insert into search_stale (kind, target) select 'VOCABULARY', id from vocabulary;
`;
