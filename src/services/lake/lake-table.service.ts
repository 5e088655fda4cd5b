import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../domain/id.ts';
import type { LakeColumn } from '../../domain/lake/lake-column.ts';
import { tableLocation } from '../../domain/lake/table-location.ts';
import { type LakeTable, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { datasetIn } from '../registry/registry.service.ts';
import { foreignTableEngine, foreignTableReason } from './foreign-table.ts';
import type { LakeStore } from './ports.ts';
import { claimLocation, taken } from './table-places.ts';

export interface EnsureLakeTable {
  /** Dataset namespace of the lake; the dataset's name is the table's location. */
  readonly namespace: string;
  readonly area: string;
  readonly entityName: string;
  readonly version: { readonly major: number; readonly minor: number };
  readonly dateField: string;
  readonly columns: readonly LakeColumn[];
}

/** Registers the lake's tables: standard directories of plain Parquet files, one per entity version. */
export class LakeTableService {
  readonly #store: LakeStore;

  constructor(deps: { readonly store: LakeStore }) {
    this.#store = deps.store;
  }

  /**
   * The table of an entity version, made with its dataset when it is not known. New columns are added; a column of
   * another type is CONFLICT. LAKE_TABLE_REFUSED if a table engine owns the directory, LAKE_LOCATION_TAKEN if another
   * table does.
   */
  async ensureTableIn(tx: EntityManager, input: EnsureLakeTable): Promise<LakeTable> {
    const { area, entityName: entity, version, dateField } = input;
    const location = tableLocation({ area, entity, version, dateField, grain: 'ymd', format: 'parquet' });
    const known = await claimLocation(tx, location);
    if (known !== null) {
      if (known.origin !== 'LANDED') throw taken(location, known);
      known.columns = withNewColumns(known, input.columns);
      await tx.flush();
      return known;
    }
    const engine = await foreignTableEngine(this.#store, location);
    if (engine !== null) throw new LinewardError('LAKE_TABLE_REFUSED', foreignTableReason(engine, location));
    const dataset = await datasetIn(tx, { namespace: input.namespace, name: location });
    const table = tx.create(LakeTableSchema, {
      id: newId(),
      datasetId: dataset.id,
      location,
      origin: 'LANDED',
      partitioning: 'YMD',
      dateField,
      columns: input.columns,
      createdAt: new Date(),
    });
    await tx.persist(table).flush();
    await tx.execute('insert into lake_index (id, attempt) values (?, 0)', [table.id]);
    return table;
  }
}

function withNewColumns(table: LakeTable, columns: readonly LakeColumn[]): readonly LakeColumn[] {
  const types = new Map(table.columns.map(({ name, type }) => [name, type]));
  const changed = columns.find(({ name, type }) => (types.get(name) ?? type) !== type);
  if (changed !== undefined) {
    throw new LinewardError(
      'CONFLICT',
      `The column ${changed.name} of the lake table ${table.location} is a ${types.get(changed.name)}, not a ${changed.type}; register a new major version of the entity.`,
      { path: ['columns', changed.name] },
    );
  }
  const added = columns.filter(({ name }) => !types.has(name));
  return added.length === 0 ? table.columns : [...table.columns, ...added];
}
