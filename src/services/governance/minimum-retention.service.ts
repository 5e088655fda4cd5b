import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { MappingSchema } from '../../entities/dataset.entity.ts';
import { LakeRetentionSchema } from '../../entities/lake-retention.entity.ts';
import { LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { type MinimumRetention, MinimumRetentionSchema } from '../../entities/minimum-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { MinimumChanges, type MinimumChangesDeps, type MinimumHome, type MinimumTerms } from './minimum-changes.ts';
import { assertDateOfScopes } from './placed-minimums.ts';

/** Of one dataset. */
const minimumsMax = 50;

export interface SetMinimumRetention extends MinimumTerms {
  readonly datasetId: string;
  /** Null: the table's own; of a topic always its time stamps. */
  readonly dateField: string | null;
}

const homeOf = (datasetId: string): MinimumHome => ({
  datasetId,
  minimumsMax,
  full: ['datasetId', `it has ${minimumsMax} minimums already`],
  unknown: 'the dataset has no minimum retention of that name',
  lock: (tx) => lockDataset(tx, datasetId),
});

/** Says how long regulations want records of a place to be kept. Nothing that destroys goes below it. */
export class MinimumRetentionService {
  readonly #changes: MinimumChanges;

  constructor(deps: MinimumChangesDeps) {
    this.#changes = new MinimumChanges(deps);
  }

  /** @throws LinewardError BAD_INPUT, NOT_FOUND, MAPPING_INVALID, LIMIT_EXCEEDED, RETENTION_LOCKED */
  setMinimumRetention(actor: Actor, input: SetMinimumRetention): Promise<MinimumRetention> {
    return this.#changes.set(actor, input, homeOf(input.datasetId), async (tx) => ({
      dateField: await dateFieldOf(tx, input),
      scope: null,
    }));
  }

  /** @throws LinewardError NOT_FOUND, RETENTION_LOCKED, BAD_INPUT */
  removeMinimumRetention(
    actor: Actor,
    { datasetId, ...asked }: Pick<SetMinimumRetention, 'datasetId' | 'name' | 'bypassReason'>,
  ): Promise<MinimumRetention> {
    return this.#changes.remove(actor, asked, homeOf(datasetId));
  }
}

/** Two changes come one after the other. @throws LinewardError NOT_FOUND */
async function lockDataset(tx: EntityManager, datasetId: string): Promise<void> {
  const found = await tx.execute<unknown[]>('select 1 from dataset where id = ? for no key update', [datasetId]);
  if (found.length === 0)
    throw new LinewardError('NOT_FOUND', 'datasetId: there is no such dataset', { path: ['datasetId'] });
}

/**
 * By which date a minimum of the place goes. All that is said of a place by dates must go by the same one, so that what
 * keeps longest can be told for each record. Null for a topic.
 */
async function dateFieldOf(tx: EntityManager, { datasetId, name, dateField }: SetMinimumRetention) {
  const roles = (await tx.find(MappingSchema, { datasetId })).map(({ role }) => role);
  if (roles.includes('TOPIC')) {
    if (dateField !== null)
      throw new LinewardError('BAD_INPUT', 'dateField: records of topics go by their time stamps; leave it out', {
        path: ['dateField'],
      });
    return null;
  }
  // A rule that is set meanwhile comes before or after.
  await tx.execute('select 1 from lake_table where dataset_id = ? for no key update', [datasetId]);
  const table = await tx.findOne(LakeTableSchema, { datasetId });
  if (table === null || !roles.includes('LAKE_TABLE'))
    throw new LinewardError(
      'MAPPING_INVALID',
      'datasetId: no entity is mapped to it as a topic or a lake table, so nothing here ever deletes from it; map one',
      { path: ['datasetId'] },
    );
  const field = dateField ?? table.dateField;
  if (field == null || field.trim() === '')
    throw new LinewardError('BAD_INPUT', 'dateField: the table was registered without one; name the column', {
      path: ['dateField'],
    });
  const others = [
    ...(await tx.find(MinimumRetentionSchema, { datasetId, name: { $ne: name } })),
    ...(await tx.find(LakeRetentionSchema, { datasetId })),
  ];
  const other = others.find((one) => one.dateField !== field);
  if (other !== undefined)
    throw new LinewardError(
      'BAD_INPUT',
      `dateField: minimums and the retention rule of a table go by one date, which is ${other.dateField} here`,
      { path: ['dateField'] },
    );
  await assertDateOfScopes(tx, datasetId, field);
  return field;
}
