import { Migration } from '@mikro-orm/migrations';

/**
 * Search entries are brought up to date when they are read. Whoever changes a source leaves a mark in the same transaction, which
 * costs a row; before, every commit rebuilt its entries.
 */
export class SearchOnReadMigration extends Migration {
  override up(): void {
    this.addSql(marks);
    this.addSql(words);
    this.addSql(refresh);
    this.addSql(triggers);
    this.addSql(`
      drop function search_on_version, search_on_entity, search_on_alias, search_on_mapping, search_on_dataset,
        search_refresh_around, search_lock_entity, search_lock cascade;
    `);
  }
}

const marks = `
  create table search_stale (
    id bigint generated always as identity primary key,
    -- FIELDS: of an entity that has a new version, and the entity itself. ENTITY and DATASET: what the target is.
    kind text not null check (kind in ('FIELDS', 'ENTITY', 'DATASET')),
    target text not null
  );
`;

// The same words as before, in half the time: the body of a function in SQL that reads a row is planned at every call.
const words = `
  create or replace function search_words(given text) returns text language plpgsql immutable parallel safe as $$
  declare
    cut text := left(given, 1000);
  begin
    return search_parts(cut) || ' '
      || lower(regexp_replace(regexp_replace(search_plain(cut), '[_-]+', '', 'g'), '[^[:alnum:]]+', ' ', 'g'))
      || ' ' || search_key(cut);
  end $$;
`;

// One at a time: who comes second waits until the entries of the first are committed, and then sees which marks are left. The
// marks are taken first and the sources read after, each in its own snapshot: a mark that is seen brings its change with it, and
// a change that commits meanwhile has a mark which was not taken.
const refresh = `
  create function search_refresh_stale(last bigint, most integer) returns integer language plpgsql as $$
  declare
    with_fields text[];
    entities text[];
    datasets text[];
    taken integer;
  begin
    perform pg_advisory_xact_lock(hashtextextended('lineward.search', 0));
    with mark as (
      delete from search_stale where id in (select id from search_stale where id <= last order by id limit most)
      returning kind, target
    )
    select array(select distinct target from mark where kind = 'FIELDS'),
      array(select distinct target from mark where kind in ('FIELDS', 'ENTITY')),
      array(select distinct target from mark where kind = 'DATASET'), (select count(*) from mark)
    into with_fields, entities, datasets, taken;
    if taken = 0 then
      return 0;
    end if;
    perform search_refresh_fields(with_fields);
    perform search_refresh_entities(entities);
    datasets := array(select unnest(datasets) union select dataset_id from mapping where entity_id = any(entities));
    delete from search_entry where id = any(datasets) and not exists (select from dataset where dataset.id = search_entry.id);
    perform search_refresh_datasets(datasets);
    return taken;
  end $$;
`;

const triggers = `
  create function search_mark_entity() returns trigger language plpgsql as $$
  begin
    insert into search_stale (kind, target) values ('ENTITY', new.id);
    return null;
  end $$;
  create function search_mark_version() returns trigger language plpgsql as $$
  begin
    insert into search_stale (kind, target) values ('FIELDS', new.entity_id);
    return null;
  end $$;
  create function search_mark_alias() returns trigger language plpgsql as $$
  begin
    insert into search_stale (kind, target) values ('ENTITY', coalesce(new.entity_id, old.entity_id));
    return null;
  end $$;
  create function search_mark_mapping() returns trigger language plpgsql as $$
  begin
    insert into search_stale (kind, target) values
      ('ENTITY', coalesce(new.entity_id, old.entity_id)), ('DATASET', coalesce(new.dataset_id, old.dataset_id));
    return null;
  end $$;
  create function search_mark_dataset() returns trigger language plpgsql as $$
  begin
    insert into search_stale (kind, target) values ('DATASET', coalesce(new.id, old.id));
    return null;
  end $$;

  create trigger search_mark_version after insert on entity_version for each row execute function search_mark_version();
  create trigger search_mark_entity after update on entity for each row
    when ((old.documentation, old.owners, old.tags, old.catalog_namespace)
      is distinct from (new.documentation, new.owners, new.tags, new.catalog_namespace))
    execute function search_mark_entity();
  create trigger search_mark_alias after insert or delete on entity_alias for each row execute function search_mark_alias();
  create trigger search_mark_mapping after insert or delete on mapping for each row execute function search_mark_mapping();
  create trigger search_mark_dataset after insert or delete on dataset for each row execute function search_mark_dataset();
`;
