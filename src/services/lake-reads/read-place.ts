import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { commonType } from '../../domain/lake-reads/read-column.ts';
import type { LakeTableOrigin } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { readWhole } from '../access/reader.ts';
import type { LabelReadModel } from '../lineage/label.read-model.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import { type ClassifiedColumn, classificationsOf } from './clear-columns.ts';

export interface PlaceColumn extends ClassifiedColumn {
  readonly type: string;
  readonly semanticType: string | null;
}

/** A table that can be read, and what is known of its columns. */
export interface LakePlace {
  readonly tableId: string;
  readonly datasetId: string;
  readonly location: string;
  readonly origin: LakeTableOrigin;
  readonly dateField: string | null;
  readonly entity: { readonly id: string; readonly name: string; readonly version: number | null };
  /** Full names of all entities of the table, whichever it was asked for by: policies about any of them count. */
  readonly entities: readonly string[];
  readonly accountField: string;
  readonly columns: readonly PlaceColumn[];
}

const placeRow = z.object({
  table_id: z.string(),
  dataset_id: z.string(),
  location: z.string(),
  origin: z.enum(['LANDED', 'REGISTERED', 'TRANSFORMED']),
  date_field: z.string().nullable(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  groups: z.array(z.object({ columns: z.array(z.object({ name: z.string(), type: z.string() })) })).nullable(),
  entity_id: z.string(),
  entity: z.string(),
  account_field: z.string(),
  subject_fields: z.array(z.string()),
});

type PlaceRow = z.infer<typeof placeRow>;

const placesSql = `select t.id as table_id, t.dataset_id, t.location, t.origin, t.date_field, t.columns, m.entity_id,
    e.namespace || '.' || e.name as entity, m.account_field, m.subject_fields,
    (select r.profile->'groups' from lake_registration r where r.dataset_id = t.dataset_id and r.status = 'REGISTERED'
     order by r.finished_at desc limit 1) as groups
  from lake_table t join mapping m on m.dataset_id = t.dataset_id and m.role = 'LAKE_TABLE' join entity e on e.id = m.entity_id`;

/** Finds the tables that reads name, with what their columns are. */
export class LakePlaces {
  readonly #em: EntityManager;
  readonly #registry: RegistryReadModel;
  readonly #labels: Pick<LabelReadModel, 'labelsOf'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly registry: RegistryReadModel;
    readonly labels: Pick<LabelReadModel, 'labelsOf'>;
  }) {
    this.#em = deps.em;
    this.#registry = deps.registry;
    this.#labels = deps.labels;
  }

  /** @throws LinewardError BAD_INPUT, NOT_FOUND */
  async named(entity: string | null, location: string | null): Promise<LakePlace> {
    if ((entity === null) === (location === null))
      throw new LinewardError('BAD_INPUT', 'entity: name an entity or a table, one of both', { path: ['entity'] });
    return location === null ? this.#ofEntity(entity ?? '') : this.#ofTable(location);
  }

  /** @throws LinewardError NOT_FOUND */
  async byId(tableId: string): Promise<LakePlace> {
    const rows = await this.#rows('t.id = ?', tableId);
    return this.#place(rows, 'table');
  }

  async #ofTable(location: string): Promise<LakePlace> {
    if (location.includes('\0')) throw notFound('table');
    return this.#place(await this.#rows('t.location = ?', location), 'table');
  }

  async #ofEntity(fullName: string): Promise<LakePlace> {
    const entity = await this.#registry.entityOfFullName(fullName);
    if (entity === null)
      throw new LinewardError('NOT_FOUND', 'entity: there is no entity of this name', { path: ['entity'] });
    const rows = await this.#rows('m.entity_id = ?', entity.id);
    const locations = [...new Set(rows.map(({ location }) => location))];
    if (locations.length > 1)
      throw new LinewardError(
        'BAD_INPUT',
        `entity: it has ${locations.length} tables; name one of them as table: ${locations.slice(0, 10).join(', ')}`,
        { path: ['entity'] },
      );
    const [location] = locations;
    if (location === undefined) throw notFound('entity');
    return this.#place(await this.#rows('t.location = ?', location), 'entity', entity.id);
  }

  async #rows(condition: string, value: string): Promise<readonly PlaceRow[]> {
    const rows = await this.#em.fork().execute(`${placesSql} where ${condition} order by m.id`, [value]);
    return rows.map((row) => placeRow.parse(row));
  }

  async #place(seen: readonly PlaceRow[], named: string, entityId?: string): Promise<LakePlace> {
    const row = seen.find(({ entity_id }) => entity_id === entityId) ?? seen[0];
    if (row === undefined) throw notFound(named);
    // Also entities that the reader may not find say what is personal in a table that they may.
    return readWhole(async () => this.#described(row, await this.#rows('t.id = ?', row.table_id)));
  }

  /** All entities of a table have a say in what is personal in it. */
  async #described(row: PlaceRow, rows: readonly PlaceRow[]): Promise<LakePlace> {
    const known = await Promise.all(rows.map(({ entity_id }) => this.#registry.latestVersion(entity_id)));
    const fields = known.flatMap((latest) => latest?.fields ?? []);
    const carried = await this.#labels.labelsOf(row.dataset_id);
    const labels = [...carried].map(([path, classifications]) => ({ path, classifications }));
    const persons = new Set(rows.flatMap(({ subject_fields }) => subject_fields.map(topLevelOf)));
    const columns = columnsOf(row).map(({ name, type }): PlaceColumn => {
      const own = fields.filter(({ path }) => topLevelOf(path) === name);
      const said = [...own, ...labels.filter(({ path }) => topLevelOf(path) === name)];
      const labelled = [...new Set(said.flatMap((field) => field.classifications))].sort();
      return {
        name,
        type,
        semanticType: own.find(({ path }) => path === name)?.semanticType ?? null,
        classifications: classificationsOf({
          labels: labelled,
          namesPersons: persons.has(name),
          isDescribed: own.length > 0,
        }),
      };
    });
    const latest = known[rows.findIndex(({ entity_id }) => entity_id === row.entity_id)];
    return {
      tableId: row.table_id,
      datasetId: row.dataset_id,
      location: row.location,
      origin: row.origin,
      dateField: row.date_field,
      entity: { id: row.entity_id, name: row.entity, version: latest?.version.number ?? null },
      entities: [...new Set(rows.map(({ entity }) => entity))],
      accountField: row.account_field,
      columns,
    };
  }
}

/** What the product writes it knows; files of others have told when they were registered. */
function columnsOf({ columns, groups }: PlaceRow): readonly { name: string; type: string }[] {
  if (columns.length > 0) return columns;
  const types = new Map<string, string[]>();
  for (const { name, type } of (groups ?? []).flatMap((group) => group.columns))
    types.set(name, [...(types.get(name) ?? []), type]);
  return [...types].map(([name, all]) => ({ name, type: commonType(all) }));
}

const topLevelOf = (path: string): string => path.replace(/[.[{].*$/su, '');

const notFound = (named: string): LinewardError =>
  new LinewardError('NOT_FOUND', `${named}: there is no lake table of it that could be read`, { path: [named] });
