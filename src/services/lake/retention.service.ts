import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { type RetentionRule, retentionDaysMax } from '../../domain/lake/retention.ts';
import { type Dataset, DatasetSchema, MappingSchema } from '../../entities/dataset.entity.ts';
import { type LakeRetention, LakeRetentionSchema } from '../../entities/lake-retention.entity.ts';
import { type LakeTable, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { MinimumRetentionSchema } from '../../entities/minimum-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { assertDateOfScopes } from '../governance/placed-minimums.ts';
import { followedRule } from '../governance/retention-rules.ts';
import { keepingDates } from '../governance/table-dates.ts';

export interface SetLakeRetention {
  readonly datasetId: string;
  readonly days: number;
  /** Null: the table's own. */
  readonly dateField: string | null;
  readonly action: LakeRetention['action'];
  readonly autoApprove: boolean;
}

/** Says how long lake tables keep their rows. A rule removes nothing: operations do, and each has a plan. */
export class RetentionService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** The rule that a table goes by, its own or that of a policy; null for none. */
  ruleOf(datasetId: string): Promise<RetentionRule | null> {
    return followedRule(this.#em.fork(), datasetId);
  }

  /** @throws LinewardError NOT_FOUND for what is no lake table, BAD_INPUT, MAPPING_INVALID */
  async setLakeRetention(actor: Actor, input: SetLakeRetention): Promise<Dataset> {
    const { datasetId, days, action, autoApprove } = input;
    if (!Number.isInteger(days) || days < 1 || days > retentionDaysMax)
      throw new LinewardError('BAD_INPUT', `days: must be between 1 and ${retentionDaysMax}`, { path: ['days'] });
    return this.#em.fork().transactional(async (tx) => {
      const table = await tableOf(tx, datasetId);
      const dateField = dateFieldOf(table, input.dateField);
      if ((await tx.count(MappingSchema, { datasetId, role: 'LAKE_TABLE' })) === 0)
        throw new LinewardError(
          'MAPPING_INVALID',
          'datasetId: no entity is mapped to the table, so nobody can tell which rows a legal hold keeps; map one',
          { path: ['datasetId'] },
        );
      await assertOneDate(tx, datasetId, dateField);
      const facts = { dateField, days, action, autoApprove, setBy: actor.id, setAt: new Date() };
      await keepingDates(tx, { datasetId, path: ['dateField'] }, () =>
        tx.upsert(LakeRetentionSchema, { tableId: table.id, datasetId, ...facts }),
      );
      audit(tx, actor, {
        action: 'setLakeRetention',
        resourceType: 'Dataset',
        resourceId: datasetId,
        details: { dateField, days, action, autoApprove },
      });
      return tx.findOneOrFail(DatasetSchema, { id: datasetId });
    });
  }

  /** The table goes by a policy, or keeps its rows, from now on. What was approved and has not begun ends with PLAN_CHANGED. */
  async deleteLakeRetention(actor: Actor, { datasetId }: { readonly datasetId: string }): Promise<Dataset> {
    return this.#em.fork().transactional(async (tx) => {
      const deleted = await keepingDates(tx, { datasetId, path: ['datasetId'] }, () =>
        tx.nativeDelete(LakeRetentionSchema, { datasetId }),
      );
      if (deleted === 0)
        throw new LinewardError('NOT_FOUND', 'datasetId: the table has no retention rule', { path: ['datasetId'] });
      audit(tx, actor, { action: 'deleteLakeRetention', resourceType: 'Dataset', resourceId: datasetId });
      return tx.findOneOrFail(DatasetSchema, { id: datasetId });
    });
  }
}

/** The table, locked: two rules come one after the other. */
async function tableOf(tx: EntityManager, datasetId: string): Promise<LakeTable> {
  await tx.execute('select 1 from lake_table where dataset_id = ? for no key update', [datasetId]);
  const table = await tx.findOne(LakeTableSchema, { datasetId });
  if (table !== null) return table;
  throw new LinewardError('NOT_FOUND', 'datasetId: it is no lake table', { path: ['datasetId'] });
}

/** What a minimum and a rule say of a row must go by the same date. */
async function assertOneDate(tx: EntityManager, datasetId: string, dateField: string): Promise<void> {
  const other = await tx.findOne(MinimumRetentionSchema, { datasetId, dateField: { $ne: dateField } });
  if (other === null) return assertDateOfScopes(tx, datasetId, dateField);
  throw new LinewardError(
    'BAD_INPUT',
    `dateField: the table has a minimum retention, which goes by ${other.dateField}; the rule must, too`,
    { path: ['dateField'] },
  );
}

function dateFieldOf({ dateField: own, origin, columns }: LakeTable, asked: string | null): string {
  const dateField = asked ?? own;
  if (dateField == null || dateField.trim() === '')
    throw new LinewardError('BAD_INPUT', 'dateField: the table was registered without one; name the column', {
      path: ['dateField'],
    });
  if (origin === 'LANDED' && !columns.some(({ name, type }) => name === dateField && type === 'VARCHAR'))
    throw new LinewardError('BAD_INPUT', 'dateField: landings write no column of that name with dates', {
      path: ['dateField'],
    });
  return dateField;
}
