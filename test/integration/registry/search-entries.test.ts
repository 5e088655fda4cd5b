import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/adapters/postgres/orm.ts';
import { newId } from '../../../src/domain/id.ts';
import { SemanticTypeReadModel } from '../../../src/services/privacy/semantic-type.read-model.ts';
import { CatalogSearchReadModel } from '../../../src/services/registry/catalog-search.read-model.ts';
import { CompatibilityService } from '../../../src/services/registry/compatibility.service.ts';
import { EntityDescriptionService } from '../../../src/services/registry/entity-description.service.ts';
import { RegistryReadModel } from '../../../src/services/registry/registry.read-model.ts';
import { SchemaStore } from '../../../src/services/registry/schema-store.ts';
import { SearchEntries } from '../../../src/services/registry/search-entries.ts';
import { SubjectService } from '../../../src/services/registry/subject.service.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let database: TestDatabase;
let other: Database;
let here: ReturnType<typeof replica>;
let there: ReturnType<typeof replica>;

const page = { first: 100 };

/** The services of one process over the database that all of them share. */
function replica({ em }: Pick<Database, 'em'>) {
  const schemaStore = new SchemaStore({ em });
  const compatibility = new CompatibilityService({ em, schemaStore });
  const semanticTypes = new SemanticTypeReadModel({ em });
  const searchEntries = new SearchEntries({ em });
  const search = new CatalogSearchReadModel({ em, searchEntries });
  const registry = new RegistryReadModel({ em, searchEntries });
  const subjects = new SubjectService({ em, schemaStore, compatibility, semanticTypes });
  return {
    em,
    searchEntries,
    registry,
    descriptions: new EntityDescriptionService({ em }),
    register: (name: string, fields: readonly string[] = ['id']) =>
      subjects.register(
        tester,
        { context: '.', name: `${name}-${fields.join('-')}` },
        {
          format: 'AVRO',
          text: JSON.stringify({
            type: 'record',
            name,
            namespace: 'Shop',
            fields: fields.map((field) => ({ name: field, type: 'string', default: '' })),
          }),
          ...{ references: [], metadata: null, ruleSet: null, normalize: false, id: null, version: null },
        },
      ),
    entityId: async (name: string) => (await registry.entityNamed('Shop', name))?.id ?? '',
    found: async (query: string, filter = {}) =>
      (await search.search(page, query, filter)).items.filter(({ match }) => match !== 'SIMILAR_NAME'),
  };
}

beforeAll(async () => {
  database = await testDatabase();
  other = await openDatabase(database.url);
  here = replica(database);
  there = replica(other);
});
afterAll(async () => {
  await other?.close();
  await database?.close();
});

const kindsOf = (hits: readonly { readonly kind: string }[]): readonly string[] => hits.map(({ kind }) => kind).sort();
const marks = async () =>
  (
    await here.em
      .fork()
      .execute<{ kind: string; target: string }[]>('select kind, target from search_stale order by id')
  ).map(({ kind, target }) => `${kind} ${target}`);
const entries = () => here.em.fork().execute('select * from search_entry order by id');

async function mapped(entityId: string, name: string): Promise<string> {
  const em = here.em.fork();
  const id = newId();
  await em.execute(`insert into dataset (id, namespace, name, created_at) values (?, 'place', ?, now())`, [id, name]);
  await em.execute(
    `insert into mapping (id, entity_id, dataset_id, role, account_field, created_at) values (?, ?, ?, 'TOPIC', 'id', now())`,
    [newId(), entityId, id],
  );
  return id;
}

/** Fields of a dataset, one with a label and a text, as lineage events and people tell them. */
async function grown(datasetId: string): Promise<void> {
  const em = here.em.fork();
  const [field, other] = [newId(), newId()];
  await em.execute('insert into dataset_field (id, dataset_id, path) values (?, ?, ?), (?, ?, ?)', [
    ...[field, datasetId, 'grass.height'],
    ...[other, datasetId, 'dew'],
  ]);
  await em.execute(
    `insert into dataset_field_label (field_id, classifications, set_by, set_at) values (?, '{PII}', 'tester', now())`,
    [field],
  );
  await em.execute(
    `insert into dataset_description (dataset_id, path, part, said_by, value, digest, said_at)
     values (?, 'dew', 'documentation', 'people', '"In the morning"', '', now())`,
    [datasetId],
  );
}

describe('a reader in another process', () => {
  it('finds by a search what was registered, renamed, tagged and mapped, and does not find what was taken away', async () => {
    await here.register('Kangaroo', ['pouch_size']);
    expect(kindsOf(await there.found('kangaroo'))).toEqual(['ENTITY']);
    expect(kindsOf(await there.found('pouch size'))).toEqual(['FIELD']);
    const entityId = await here.entityId('Kangaroo');
    await here.descriptions.addEntityAliases(tester, { entityId, aliases: ['Animals.Skippy'] });
    expect(kindsOf(await there.found('skippy'))).toEqual(['ENTITY']);
    await here.descriptions.describeEntity(tester, { entityId, tags: ['marsupial'] });
    expect(kindsOf(await there.found('', { tag: 'marsupial' }))).toEqual(['ENTITY']);
    const datasetId = await mapped(entityId, 'outback');
    expect(kindsOf(await there.found('', { tag: 'marsupial' }))).toEqual(['DATASET', 'ENTITY']);
    const em = here.em.fork();
    await em.execute('delete from mapping where dataset_id = ?', [datasetId]);
    expect(kindsOf(await there.found('', { tag: 'marsupial' }))).toEqual(['ENTITY']);
    await em.execute('delete from dataset where id = ?', [datasetId]);
    expect(await there.found('outback')).toEqual([]);
    await here.descriptions.removeEntityAlias(tester, { entityId, alias: 'Animals.Skippy' });
    expect(await there.found('skippy')).toEqual([]);
    await here.register('Kangaroo', ['tail_length']);
    expect(await there.found('pouch size')).toEqual([]);
    expect(kindsOf(await there.found('tail length'))).toEqual(['FIELD']);
  });

  it('filters entities by the labels that they have now', async () => {
    await here.register('Wombat');
    await here.descriptions.describeEntity(tester, { entityId: await here.entityId('Wombat'), tags: ['burrows'] });
    const { items } = await there.registry.entities(page, {
      or: [{ not: { tag: { startsWith: 'b' } } }, { tag: { eq: 'burrows' } }],
    });
    expect(items.map(({ name }) => name)).toContain('Wombat');
  });
});

describe('a dataset', () => {
  const em = () => here.em.fork();
  const given = async (name: string, namedOnly = false): Promise<string> => {
    const id = newId();
    await em().execute(
      `insert into dataset (id, namespace, name, created_at, named_only) values (?, 'place', ?, now(), ?)`,
      [id, name, namedOnly],
    );
    return id;
  };
  const describing = (datasetId: string, path: string, part: string, value: object) =>
    em().execute(
      `insert into dataset_description (dataset_id, path, part, said_by, value, digest, said_at)
       values (?, ?, ?, 'people', ?::jsonb, '', now())`,
      [datasetId, path, part, JSON.stringify(value)],
    );

  it('that only columns speak of is not found, whatever is said of its fields, until something else speaks of it', async () => {
    const id = await given('poltergeist', true);
    await grown(id);
    expect(await there.found('poltergeist')).toEqual([]);
    await em().execute('update dataset set named_only = false where id = ?', [id]);
    expect(kindsOf(await there.found('poltergeist'))).toEqual(['DATASET']);
    await em().execute('update dataset set named_only = true where id = ?', [id]);
    expect(await there.found('poltergeist')).toEqual([]);
  });

  it('is found by its new name when it was renamed, and so is its entity', async () => {
    await here.register('Numbat');
    const id = await mapped(await here.entityId('Numbat'), 'termites');
    expect(kindsOf(await there.found('termites'))).toEqual(['DATASET', 'ENTITY']);
    await em().execute(`update dataset set name = 'antlers' where id = ?`, [id]);
    expect(await there.found('termites')).toEqual([]);
    expect(kindsOf(await there.found('antlers'))).toEqual(['DATASET', 'ENTITY']);
  });

  it('is found by what is said of itself, whatever its many fields say', async () => {
    const id = await given('wide');
    await em().execute(
      `insert into dataset_description (dataset_id, path, part, said_by, value, digest, said_at)
       select ?, 'column' || n, part, 'people', jsonb_build_array('crowd', part || n), '', now()
       from generate_series(1, 1200) n, unnest(array['tags', 'terms']) part`,
      [id],
    );
    await describing(id, '', 'properties', { cadence: 'fortnightly' });
    await describing(id, '', 'owners', ['team:echidnas']);
    await describing(id, '', 'tags', ['bespoke']);
    for (const query of ['cadence fortnightly', 'echidnas']) expect(await there.found(query)).toHaveLength(1);
    expect(await there.found('', { tag: 'bespoke' })).toHaveLength(1);
  });

  it('of many fields is taken at once with all its marks, and the next ones by the round behind it', async () => {
    await here.searchEntries.refresh();
    const ids = [await given('plain-of-grass'), await given('plain-of-sand')];
    for (const id of [...ids, ...ids])
      await em().execute(
        `insert into dataset_field (id, dataset_id, path) select ? || n, ?, ? || n from generate_series(1, 5000) n`,
        [newId(), id, newId()],
      );
    const round = async () =>
      (await em().execute('select search_refresh_stale(9223372036854775807, 1000) as taken'))[0]?.taken;
    expect([await round(), await round(), await round()]).toEqual([4, 2, 0]);
    const counts = await em().execute(
      `select count(*)::integer from search_entry where dataset_id = any(array[?, ?]) group by dataset_id`,
      ids,
    );
    expect(counts).toEqual([{ count: 10_001 }, { count: 10_001 }]);
    await em().execute('delete from dataset_field where dataset_id = any(array[?, ?])', ids);
    await em().execute('delete from dataset where id = any(array[?, ?])', ids);
    await here.searchEntries.refresh();
  }, 60_000);
});

describe('a mark', () => {
  it('comes and goes with the transaction of the change', async () => {
    await here.searchEntries.refresh();
    const em = here.em.fork();
    const abandoned = em.transactional(async (tx) => {
      await tx.execute(`update entity set tags = '{lost}' where name = 'Kangaroo'`);
      expect(await tx.execute('select kind from search_stale')).toHaveLength(1);
      throw new Error('killed before the commit');
    });
    await expect(abandoned).rejects.toThrow('killed');
    expect(await marks()).toEqual([]);
    expect(await there.found('', { tag: 'lost' })).toEqual([]);
  });

  it('stays when who refreshes is killed, and the entries are as they were', async () => {
    await here.register('Platypus', ['bill_width']);
    const before = { marks: await marks(), entries: await entries() };
    expect(before.marks).toHaveLength(1);
    const killed = here.em.fork().transactional(async (tx) => {
      expect(await tx.execute('select search_refresh_stale(9223372036854775807, 1000) as taken')).toEqual([
        { taken: 1 },
      ]);
      expect(await tx.execute('select 1 from search_stale')).toEqual([]);
      throw new Error('killed before the commit');
    });
    await expect(killed).rejects.toThrow('killed');
    expect({ marks: await marks(), entries: await entries() }).toEqual(before);
    expect(kindsOf(await there.found('bill width'))).toEqual(['FIELD']);
    expect(await marks()).toEqual([]);
  });

  it('is waited for by a search while another one refreshes it', async () => {
    await here.register('Echidna', ['quill_count']);
    let second: Promise<readonly unknown[]> = Promise.resolve([]);
    await here.em.fork().transactional(async (tx) => {
      await tx.execute('select search_refresh_stale(9223372036854775807, 1000)');
      second = there.found('quill count');
      const early = await Promise.race([second, new Promise((resolve) => setTimeout(resolve, 200, 'waiting'))]);
      expect(early).toBe('waiting');
    });
    expect(await second).toHaveLength(1);
  });

  it('that comes while marks are taken is left for the next, when its change was not seen', async () => {
    await here.searchEntries.refresh();
    await here.register('Quokka');
    await here.em.fork().transactional(async (tx) => {
      await tx.execute('select search_refresh_stale(9223372036854775807, 1000)');
      await there.descriptions.describeEntity(tester, { entityId: await there.entityId('Quokka'), tags: ['smiles'] });
    });
    expect(await marks()).toEqual([`ENTITY ${await here.entityId('Quokka')}`]);
    expect(kindsOf(await here.found('', { tag: 'smiles' }))).toEqual(['ENTITY']);
  });
});

describe('writers and searches at once', () => {
  it('lose nothing: afterwards every entry is as if all were built anew', async () => {
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let turn = 0; turn < 12; turn += 1) {
        const at = turn % 2 === 0 ? here : there;
        const name = `Herd${(writer * 5 + turn) % 9}`;
        await at.register(name, ['id', `grazing_${writer}_${turn}`]);
        const entityId = await at.entityId(name);
        await at.descriptions.describeEntity(tester, { entityId, tags: [`w${writer}`, `t${turn}`] });
        if (turn % 4 === 0) await grown(await mapped(entityId, `meadow-${writer}-${turn}`));
      }
    });
    let writing = true;
    const searchers = [here, there, here, there].map(async (at, index) => {
      while (writing) await at.found('', { tag: `w${index}` });
    });
    await Promise.all(writers);
    writing = false;
    await Promise.all(searchers);
    await here.searchEntries.refresh();
    expect(await marks()).toEqual([]);
    const kept = await entries();
    const em = here.em.fork();
    await em.execute('delete from search_entry');
    await em.execute('select search_refresh_fields(array(select id from entity))');
    await em.execute('select search_refresh_entities(array(select id from entity))');
    await em.execute('select search_refresh_datasets(array(select id from dataset))');
    await em.execute('select search_refresh_dataset_fields(array(select id from dataset))');
    expect(await entries()).toEqual(kept);
    expect(kept.length).toBeGreaterThan(9 * 3);
  });
});
