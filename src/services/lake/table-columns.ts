import type { EntityManager } from '@mikro-orm/postgresql';
import { type LakeColumn, type LakeField, lakeColumnsOf } from '../../domain/lake/lake-column.ts';
import type { EntityField } from '../../entities/entity-version.entity.ts';
import { type LakeTable, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';

/** Columns of the lake table for a version's fields; nested ones are inside their top-level field. */
export function columnsOfVersion(
  fields: readonly Pick<EntityField, 'path' | 'type' | 'semanticType'>[],
  keyFields: readonly string[],
): readonly LakeColumn[] {
  const top = fields.filter((field) => isTopLevel(field.path));
  return lakeColumnsOf(
    top.map(({ path, type, semanticType }) => ({
      name: path,
      type: type as LakeField['type'],
      isProtectable: semanticType !== null && !keyFields.includes(path),
    })),
  );
}

export const isTopLevel = (path: string): boolean => !/[.[{]/u.test(path);

/** Widens lake tables when their entity gets new fields, so that a new version does not stop what runs. */
export class TableColumns {
  readonly #em: EntityManager;
  readonly #registry: RegistryReadModel;

  constructor(deps: { readonly em: EntityManager; readonly registry: RegistryReadModel }) {
    this.#em = deps.em;
    this.#registry = deps.registry;
  }

  /**
   * The table with columns for all fields of the entity's latest version. Files written before lack the new ones, which
   * readers take as NULL. A column that is there keeps its type.
   */
  async widen(tableId: string): Promise<LakeTable> {
    const [mapping] = await this.#em
      .fork()
      .execute<{ entity_id: string; account_field: string; subject_fields: string[] }[]>(
        `select m.entity_id, m.account_field, m.subject_fields from mapping m join lake_table t on t.dataset_id = m.dataset_id
       where t.id = ? and m.role = 'LAKE_TABLE' order by m.id limit 1`,
        [tableId],
      );
    const latest = mapping === undefined ? null : await this.#registry.latestVersion(mapping.entity_id);
    const wanted =
      mapping === undefined || latest === null
        ? []
        : columnsOfVersion(latest.fields, [mapping.account_field, ...mapping.subject_fields]);
    return this.#em.fork().transactional(async (tx) => {
      await tx.execute('select 1 from lake_table where id = ? for update', [tableId]);
      const table = await tx.findOneOrFail(LakeTableSchema, { id: tableId });
      const known = new Set(table.columns.map(({ name }) => name.toLowerCase()));
      const added = wanted.filter(({ name }) => !known.has(name.toLowerCase()));
      if (added.length > 0) table.columns = [...table.columns, ...added];
      return table;
    });
  }
}
