import type { EntityManager } from '@mikro-orm/postgresql';
import type { MappingRole } from '../../domain/operations/target.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import { readFullName } from '../../domain/registry/full-name.ts';
import { defaultContext } from '../../domain/registry/subject-name.ts';
import type { Dataset, Mapping } from '../../entities/dataset.entity.ts';
import type { Entity } from '../../entities/entity.entity.ts';
import type { EntityField, EntityVersion } from '../../entities/entity-version.entity.ts';
import { keysetPage, keysetPages } from '../keyset-page.ts';
import { textArray } from '../sql.ts';
import { type UnmappedAssociation, unmappedAssociations } from './associated-places.ts';
import {
  asksSearchEntries,
  type EntityConditions,
  entityCondition,
  type FieldConditions,
  fieldCondition,
  fieldListings,
} from './catalog-filter.ts';
import { datasetRow, entityRow, fieldRow, mappingRow, versionRow } from './registry-rows.ts';
import type { SearchEntries } from './search-entries.ts';

const byName = [
  { column: 'namespace', type: 'text' },
  { column: 'name', type: 'text' },
  { column: 'id', type: 'text' },
] as const;

/** Questions about entities, versions, fields, datasets and mappings; one statement each, however many parents. */
export class RegistryReadModel {
  readonly #em: EntityManager;
  readonly #entries: SearchEntries;

  constructor(deps: { readonly em: EntityManager; readonly searchEntries: SearchEntries }) {
    this.#em = deps.em;
    this.#entries = deps.searchEntries;
  }

  /** @throws LinewardError LIMIT_EXCEEDED for a filter that is too large. */
  async entities(request: PageRequest, filter?: EntityConditions): Promise<Page<Entity>> {
    const where = entityCondition(filter);
    if (asksSearchEntries(filter)) await this.#entries.refresh();
    return keysetPage(this.#em.fork(), {
      table: 'entity',
      where,
      order: byName,
      request,
      parse: (row) => entityRow.parse(row),
    });
  }

  /**
   * Fields over all entities: of their latest versions, or of all. In the order of registration, and of the document.
   * @throws LinewardError LIMIT_EXCEEDED for a filter that is too large.
   */
  async fields(
    request: PageRequest,
    { filter, allVersions }: { readonly filter?: FieldConditions | undefined; readonly allVersions: boolean },
  ): Promise<Page<EntityField>> {
    return keysetPage(this.#em.fork(), {
      table: allVersions ? fieldListings.allVersions : fieldListings.latestVersions,
      where: fieldCondition(filter),
      order: [{ column: 'id', type: 'text' }],
      request,
      parse: (row) => fieldRow.parse(row),
    });
  }

  datasets(request: PageRequest): Promise<Page<Dataset>> {
    return keysetPage(this.#em.fork(), {
      table: 'dataset',
      where: { sql: 'not named_only', params: [] },
      order: byName,
      request,
      parse: (row) => datasetRow.parse(row),
    });
  }

  /** The entity of `namespace.name`, or of an alias; a name beats an alias. */
  async entityNamed(namespace: string, name: string): Promise<Entity | null> {
    const rows = await this.#em.fork().execute(
      `select entity.*, 1 as rank from entity where namespace = ? and name = ?
       union all
       select entity.*, 2 as rank from entity join entity_alias on entity_alias.entity_id = entity.id where alias = ?
       order by rank limit 1`,
      [namespace, name, `${namespace}.${name}`],
    );
    return rows.map((row) => entityRow.parse(row))[0] ?? null;
  }

  /** The entity of the text `namespace.name`, or of an alias. */
  async entityOfFullName(fullName: string): Promise<Entity | null> {
    // The database refuses to look for a text with U+0000.
    if (fullName.includes('\0')) return null;
    const { namespace, name } = readFullName(fullName);
    return this.entityNamed(namespace, name);
  }

  async entitiesById(ids: readonly string[]): Promise<readonly Entity[]> {
    const rows = await this.#em.fork().execute('select * from entity where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => entityRow.parse(row));
  }

  async versionsById(ids: readonly string[]): Promise<readonly EntityVersion[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from entity_version where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => versionRow.parse(row));
  }

  async datasetsById(ids: readonly string[]): Promise<readonly Dataset[]> {
    const rows = await this.#em.fork().execute('select * from dataset where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => datasetRow.parse(row));
  }

  async mappingsById(ids: readonly string[]): Promise<readonly Mapping[]> {
    const rows = await this.#em.fork().execute('select * from mapping where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => mappingRow.parse(row));
  }

  async fieldsById(ids: readonly string[]): Promise<readonly EntityField[]> {
    const rows = await this.#em
      .fork()
      .execute('select * from entity_field where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => fieldRow.parse(row));
  }

  async datasetNamed(namespace: string, name: string): Promise<Dataset | null> {
    const rows = await this.#em
      .fork()
      .execute('select * from dataset where namespace = ? and name = ?', [namespace, name]);
    return rows.map((row) => datasetRow.parse(row))[0] ?? null;
  }

  async aliasesOf(entityIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const rows = await this.#em
      .fork()
      .execute<{ entity_id: string; alias: string }[]>(
        'select entity_id, alias from entity_alias where entity_id = any(?::text[]) order by alias',
        [textArray(entityIds)],
      );
    const grouped = Map.groupBy(rows, (row) => row.entity_id);
    return new Map([...grouped].map(([id, members]) => [id, members.map((member) => member.alias)]));
  }

  versionsOf(entityIds: readonly string[], request: PageRequest): Promise<(entityId: string) => Page<EntityVersion>> {
    return keysetPages(this.#em.fork(), {
      table: 'entity_version',
      parent: { column: 'entity_id', ids: entityIds },
      order: [{ column: 'number', type: 'integer', descending: true }],
      request,
      parse: (row) => versionRow.parse(row),
    });
  }

  fieldsOf(versionIds: readonly string[], request: PageRequest): Promise<(versionId: string) => Page<EntityField>> {
    return keysetPages(this.#em.fork(), {
      table: 'entity_field',
      parent: { column: 'version_id', ids: versionIds },
      order: [{ column: 'ordinal', type: 'integer' }],
      request,
      parse: (row) => fieldRow.parse(row),
    });
  }

  mappingsOf(
    parent: 'entity_id' | 'dataset_id',
    ids: readonly string[],
    request: PageRequest,
  ): Promise<(id: string) => Page<Mapping>> {
    return keysetPages(this.#em.fork(), {
      table: 'mapping',
      parent: { column: parent, ids },
      order: [{ column: 'id', type: 'text' }],
      request,
      parse: (row) => mappingRow.parse(row),
    });
  }

  async versionNumbered(entityId: string, number: number): Promise<EntityVersion | null> {
    const rows = await this.#em
      .fork()
      .execute('select * from entity_version where entity_id = ? and number = ?', [entityId, number]);
    return rows.map((row) => versionRow.parse(row))[0] ?? null;
  }

  async latestVersionOnly(entityId: string): Promise<EntityVersion | null> {
    const rows = await this.#em
      .fork()
      .execute('select * from entity_version where entity_id = ? order by number desc limit 1', [entityId]);
    return rows.map((row) => versionRow.parse(row))[0] ?? null;
  }

  /** Newest version of an entity with all its fields; that of a schema where one is given. */
  async latestVersion(
    entityId: string,
    schemaId: number | null = null,
  ): Promise<{ version: EntityVersion; fields: readonly EntityField[] } | null> {
    const version =
      schemaId === null ? await this.latestVersionOnly(entityId) : await this.versionOfSchema(entityId, schemaId);
    if (version === null) return null;
    const fields = await this.#em
      .fork()
      .execute('select * from entity_field where version_id = ? order by ordinal', [version.id]);
    return { version, fields: fields.map((row) => fieldRow.parse(row)) };
  }

  /** Newest version of an entity that has a schema of the default context; null when it has none. */
  async versionOfSchema(entityId: string, schemaId: number): Promise<EntityVersion | null> {
    const rows = await this.#em
      .fork()
      .execute('select * from entity_version where entity_id = ? and schema_id = ? order by number desc limit 1', [
        entityId,
        schemaId,
      ]);
    return rows.map((row) => versionRow.parse(row))[0] ?? null;
  }

  /** Id of the schema of an entity's version with a text and references, by their `textIdentity`; null when it has none. */
  async schemaOfText(entityId: string, identity: string): Promise<number | null> {
    const rows = await this.#em.fork().execute<{ id: number }[]>(
      `select schema.id from schema join entity_version on entity_version.schema_id = schema.id
       where context = ? and text_identity = ? and entity_id = ? order by number desc limit 1`,
      [defaultContext, identity, entityId],
    );
    return rows[0]?.id ?? null;
  }

  /** The mapping of a dataset in a role; the oldest when several entities share the dataset. */
  async mappingOf(dataset: { namespace: string; name: string }, role: MappingRole): Promise<Mapping | null> {
    const rows = await this.#em.fork().execute(
      `select mapping.* from mapping join dataset on dataset.id = mapping.dataset_id
       where dataset.namespace = ? and dataset.name = ? and mapping.role = ? order by mapping.id limit 1`,
      [dataset.namespace, dataset.name, role],
    );
    return rows.map((row) => mappingRow.parse(row))[0] ?? null;
  }

  /** All mappings of an entity with their datasets, for planning. */
  async placesOf(entityIds: readonly string[]): Promise<readonly { mapping: Mapping; dataset: Dataset }[]> {
    const em = this.#em.fork();
    const mappings = (
      await em.execute('select * from mapping where entity_id = any(?::text[]) order by id', [textArray(entityIds)])
    ).map((row) => mappingRow.parse(row));
    const datasets = await this.datasetsById(mappings.map((mapping) => mapping.datasetId));
    const byId = new Map(datasets.map((dataset) => [dataset.id, dataset]));
    return mappings.flatMap((mapping) => {
      const dataset = byId.get(mapping.datasetId);
      return dataset === undefined ? [] : [{ mapping, dataset }];
    });
  }

  /** Associated places of these entities that no mapping tells how to search; with `all` also those of no entity. */
  unmappedAssociations(
    entityIds: readonly string[],
    which: { readonly all: boolean },
  ): Promise<readonly UnmappedAssociation[]> {
    return unmappedAssociations(this.#em.fork(), entityIds, which);
  }

  /** Ids of every entity; an erasure without an entity filter reaches all of them. */
  async allEntityIds(): Promise<readonly string[]> {
    const rows = await this.#em.fork().execute<{ id: string }[]>('select id from entity order by id');
    return rows.map((row) => row.id);
  }
}
