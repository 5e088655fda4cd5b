import { Migration } from '@mikro-orm/migrations';

/**
 * What people say about entities, which version is the newest, and the search over all of it. `search_entry` follows its
 * sources by triggers that run at commit, whoever writes and in whatever order; `search_lock` makes those take turns that could meet.
 */
export class EntityDescriptionMigration extends Migration {
  override up(): void {
    this.addSql(description);
    this.addSql(latestVersion);
    this.addSql(extension);
    this.addSql(entries);
    this.addSql(words);
    this.addSql(refreshFields);
    this.addSql(refreshEntities);
    this.addSql(refreshDatasets);
    this.addSql(triggers);
    this.addSql(`
      select search_refresh_fields(array(select id from entity));
      select search_refresh_entities(array(select id from entity));
      select search_refresh_datasets(array(select id from dataset));
    `);
  }
}

const description = `
  alter table entity
    add column documentation text,
    add column owners text[] not null default '{}',
    add column tags text[] not null default '{}',
    add column revision integer not null default 0,
    add column deprecated_at timestamptz,
    add column deprecated_by text,
    add column deprecation_reason text,
    add column replacement_id text references entity (id),
    add check ((deprecated_at is null) = (deprecated_by is null) and (deprecated_at is null) = (deprecation_reason is null)),
    add check (replacement_id is null or deprecated_at is not null);
  alter table entity_version
    add column deprecated_at timestamptz,
    add column deprecated_by text,
    add column deprecation_reason text,
    add column replacement_id text references entity_version (id),
    add check ((deprecated_at is null) = (deprecated_by is null) and (deprecated_at is null) = (deprecation_reason is null)),
    add check (replacement_id is null or deprecated_at is not null);
  create index on entity using gin (tags);
  create index on entity using gin (owners);
`;

const latestVersion = `
  alter table entity add column latest_version_id text unique references entity_version (id);
  update entity set latest_version_id =
    (select id from entity_version where entity_id = entity.id order by number desc limit 1);
  create function entity_takes_latest_version() returns trigger language plpgsql as $$
  begin
    update entity set latest_version_id = new.id where id = new.entity_id and not exists
      (select 1 from entity_version later where later.id = entity.latest_version_id and later.number > new.number);
    return null;
  end $$;
  create trigger entity_version_is_latest after insert on entity_version
    for each row execute function entity_takes_latest_version();
`;

const extension = `
  do $$
  begin
    create extension if not exists pg_trgm;
  exception when insufficient_privilege or feature_not_supported or undefined_file then
    raise exception 'Lineward needs the PostgreSQL extension pg_trgm and may not create it (%). Let an administrator of the database run: create extension pg_trgm', sqlerrm;
  end $$;
`;

// Texts are cut, because what an index holds has a largest size and what a schema holds has none.
const entries = `
  create table search_entry (
    id text primary key,
    kind text not null check (kind in ('ENTITY', 'FIELD', 'DATASET')),
    entity_id text,
    namespace text not null,
    keys text[] not null,
    names text not null,
    tags text[] not null default '{}',
    classifications text[] not null default '{}',
    semantic_types text[] not null default '{}',
    format text,
    document tsvector not null
  );
  create index on search_entry (entity_id);
  create index on search_entry using gin (keys);
  create index on search_entry using gin (names gin_trgm_ops);
  create index on search_entry using gin (document);
  create index on search_entry using gin (tags, classifications, semantic_types);
  create index on search_entry using gin (tags, classifications) where kind = 'ENTITY';
  create function search_similar(given text, most integer) returns table (id text, similarity real)
    language sql stable set pg_trgm.word_similarity_threshold = 0.45 as $$
    select id, word_similarity(given, names) as similarity from search_entry where given <% names
    order by similarity desc, id limit most
  $$;
`;

// \`MessageBody\`, \`message_body\` and \`message-body\` are the words message, body and messagebody.
const words = `
  create function search_plain(given text) returns text language sql immutable parallel safe as $$
    select case when given ~ '^[ -~]*$' then given
      else regexp_replace(normalize(given, NFKD), '[\\u0300-\\u036F]', '', 'g') end
  $$;
  create function search_key(given text) returns text language sql immutable parallel safe as $$
    select left(lower(regexp_replace(search_plain(left(given, 1000)), '[^[:alnum:]]+', '', 'g')), 200)
  $$;
  create function search_parts(given text) returns text language sql immutable parallel safe as $$
    select lower(regexp_replace(regexp_replace(regexp_replace(search_plain(given),
      '([[:lower:][:digit:]])([[:upper:]])', '\\1 \\2', 'g'),
      '([[:upper:]])([[:upper:]][[:lower:]])', '\\1 \\2', 'g'),
      '[^[:alnum:]]+', ' ', 'g'))
  $$;
  create function search_words(given text) returns text language sql immutable parallel safe as $$
    select search_parts(cut) || ' ' || lower(regexp_replace(regexp_replace(search_plain(cut), '[_-]+', '', 'g'), '[^[:alnum:]]+', ' ', 'g'))
      || ' ' || search_key(cut)
    from (select left(given, 1000) as cut) made
  $$;
  create function search_list(given text[]) returns text language sql immutable parallel safe as $$
    select left(coalesce(string_agg(search_words(item), ' '), ''), 20000) from unnest(given[1:200]) item
  $$;
  create function search_short(given text[]) returns text[] language sql immutable parallel safe as $$
    select coalesce(array_agg(distinct left(item, 200)), '{}') from unnest(given[1:1000]) item
  $$;
  create function search_prose(given text) returns tsvector language sql immutable parallel safe as $$
    select case when given is null then ''::tsvector else
      to_tsvector('simple', search_parts(left(given, 50000))) || to_tsvector('english', left(given, 50000)) end
  $$;
  create function search_document(names text, labels text, prose text, around text) returns tsvector
    language sql immutable parallel safe as $$
    select setweight(to_tsvector('simple', names), 'A') || setweight(to_tsvector('simple', labels), 'B')
      || setweight(search_prose(prose), 'C') || setweight(to_tsvector('simple', around), 'D')
  $$;
`;

// Each of these is always few rows by key: planning them anew took longer than doing them.
const refreshFields = `
  create function search_refresh_fields(given text[]) returns void language plpgsql
    set plan_cache_mode = force_generic_plan as $$
  begin
    delete from search_entry where kind = 'FIELD' and entity_id = any(given);
    insert into search_entry
      (id, kind, entity_id, namespace, keys, names, tags, classifications, semantic_types, format, document)
    select field.id, 'FIELD', entity.id, entity.namespace,
      array[search_key(field.path), search_key(substring(field.path from '[^.]*$'))], search_words(field.path),
      search_short(field.tags), search_short(field.classifications), array_remove(array[field.semantic_type], null),
      schema.format, search_document(search_words(field.path),
        search_list(field.tags || field.classifications || array_remove(array[field.semantic_type], null)),
        field.doc, '')
    from entity
    join entity_version on entity_version.id = entity.latest_version_id
    join entity_field field on field.version_id = entity_version.id
    left join schema on schema.context = '.' and schema.id = entity_version.schema_id
    where entity.id = any(given);
  end $$;
`;

const refreshEntities = `
  create function search_refresh_entities(given text[]) returns void language plpgsql
    set plan_cache_mode = force_generic_plan as $$
  begin
    insert into search_entry
      (id, kind, entity_id, namespace, keys, names, tags, classifications, semantic_types, format, document)
    select entity.id, 'ENTITY', entity.id, entity.namespace,
      array(select distinct search_key(alias) from unnest(naming.names) alias),
      search_list(naming.names), search_short(entity.tags || labels.tags), labels.classifications, labels.semantic_types,
      schema.format, search_document(search_list(naming.names), search_list(entity.tags || entity.owners),
        entity.documentation,
        search_list(labels.tags || labels.classifications || labels.semantic_types || places.names || entity.catalog_namespace))
    from entity
    cross join lateral (
      select array[entity.name, entity.namespace || '.' || entity.name]
        || array(select alias from entity_alias where entity_id = entity.id order by alias limit 200) as names
    ) naming
    cross join lateral (
      select array(select distinct left(tag, 200) from entity_field, unnest(tags) tag
          where version_id = entity.latest_version_id order by 1 limit 1000) as tags,
        array(select distinct item from entity_field, unnest(classifications) item
          where version_id = entity.latest_version_id order by 1) as classifications,
        array(select distinct semantic_type from entity_field
          where version_id = entity.latest_version_id and semantic_type is not null order by 1) as semantic_types
    ) labels
    cross join lateral (
      select array(select dataset.name from mapping join dataset on dataset.id = mapping.dataset_id
        where mapping.entity_id = entity.id order by mapping.id limit 100) as names
    ) places
    left join entity_version on entity_version.id = entity.latest_version_id
    left join schema on schema.context = '.' and schema.id = entity_version.schema_id
    where entity.id = any(given)
    on conflict (id) do update set namespace = excluded.namespace, keys = excluded.keys, names = excluded.names,
      tags = excluded.tags, classifications = excluded.classifications, semantic_types = excluded.semantic_types,
      format = excluded.format, document = excluded.document;
  end $$;
`;

const refreshDatasets = `
  create function search_refresh_datasets(given text[]) returns void language plpgsql
    set plan_cache_mode = force_generic_plan as $$
  begin
    insert into search_entry
      (id, kind, namespace, keys, names, tags, classifications, semantic_types, document)
    select dataset.id, 'DATASET', dataset.namespace,
      array[search_key(dataset.name), search_key(substring(dataset.name from '[^./]*$'))], search_words(dataset.name),
      search_short(held.tags), held.classifications, held.semantic_types,
      search_document(search_words(dataset.name), search_words(dataset.namespace), null,
        search_list(held.names || held.tags || held.classifications || held.semantic_types))
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
    where dataset.id = any(given)
    on conflict (id) do update set namespace = excluded.namespace, keys = excluded.keys, names = excluded.names,
      tags = excluded.tags, classifications = excluded.classifications, semantic_types = excluded.semantic_types,
      document = excluded.document;
  end $$;
`;

// Deferred: at commit all rows of a registration are there. Locks are taken in one order, entity first, so none waits in a ring.
const triggers = `
  create function search_lock() returns void language plpgsql as $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('lineward.search', 0));
  end $$;
  -- Writers of one entity take turns. Those whose change reaches datasets, where entities meet, take turns with all of them.
  create function search_lock_entity(given text, reaches boolean) returns void language plpgsql as $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('lineward.search.' || given, 0));
    if reaches or exists (select 1 from mapping where entity_id = given) then
      perform search_lock();
    end if;
  end $$;
  create function search_refresh_around(given text[]) returns void language plpgsql as $$
  begin
    perform search_refresh_entities(given);
    if exists (select 1 from mapping where entity_id = any(given)) then
      perform search_refresh_datasets(array(select dataset_id from mapping where entity_id = any(given)));
    end if;
  end $$;
  create function search_on_version() returns trigger language plpgsql as $$
  begin
    perform search_lock_entity(new.entity_id, false);
    perform search_refresh_fields(array[new.entity_id]);
    perform search_refresh_around(array[new.entity_id]);
    return null;
  end $$;
  create function search_on_entity() returns trigger language plpgsql as $$
  begin
    perform search_lock_entity(new.id, false);
    perform search_refresh_around(array[new.id]);
    return null;
  end $$;
  create function search_on_alias() returns trigger language plpgsql as $$
  begin
    perform search_lock_entity(coalesce(new.entity_id, old.entity_id), false);
    perform search_refresh_entities(array[coalesce(new.entity_id, old.entity_id)]);
    return null;
  end $$;
  create function search_on_mapping() returns trigger language plpgsql as $$
  begin
    perform search_lock_entity(coalesce(new.entity_id, old.entity_id), true);
    perform search_refresh_entities(array[coalesce(new.entity_id, old.entity_id)]);
    perform search_refresh_datasets(array[coalesce(new.dataset_id, old.dataset_id)]);
    return null;
  end $$;
  create function search_on_dataset() returns trigger language plpgsql as $$
  begin
    perform search_lock();
    if tg_op = 'DELETE' then
      delete from search_entry where id = old.id;
    else
      perform search_refresh_datasets(array[new.id]);
    end if;
    return null;
  end $$;

  create constraint trigger search_on_version after insert on entity_version
    deferrable initially deferred for each row execute function search_on_version();
  create constraint trigger search_on_entity after update on entity
    deferrable initially deferred for each row
    when ((old.documentation, old.owners, old.tags, old.catalog_namespace)
      is distinct from (new.documentation, new.owners, new.tags, new.catalog_namespace))
    execute function search_on_entity();
  create constraint trigger search_on_alias after insert or delete on entity_alias
    deferrable initially deferred for each row execute function search_on_alias();
  create constraint trigger search_on_mapping after insert or delete on mapping
    deferrable initially deferred for each row execute function search_on_mapping();
  create constraint trigger search_on_dataset after insert or delete on dataset
    deferrable initially deferred for each row execute function search_on_dataset();
`;
