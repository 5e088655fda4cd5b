import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { type Minimum, type RetentionMode, weakened } from '../../domain/governance/minimum-retention.ts';
import { newId } from '../../domain/id.ts';
import { MappingSchema } from '../../entities/dataset.entity.ts';
import { LakeRetentionSchema } from '../../entities/lake-retention.entity.ts';
import { LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { type MinimumRetention, MinimumRetentionSchema } from '../../entities/minimum-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { assertMayWeaken, assertTerms, bypassOf } from './minimum-weakening.ts';
import { assertDateOfScopes } from './placed-minimums.ts';

/** Of one dataset. */
const minimumsMax = 50;

export interface SetMinimumRetention {
  readonly datasetId: string;
  readonly name: string;
  readonly days: number;
  readonly mode: RetentionMode;
  /** Null: the table's own; of a topic always its time stamps. */
  readonly dateField: string | null;
  readonly validUntil: Date | null;
  /** Why a minimum in governance mode is weakened. */
  readonly bypassReason: string | null;
}

/** Says how long regulations want records of a place to be kept. Nothing that destroys goes below it. */
export class MinimumRetentionService {
  readonly #em: EntityManager;
  readonly #now: () => Date;
  readonly #changed: (() => Promise<void>) | undefined;

  constructor(deps: {
    readonly em: EntityManager;
    readonly now: () => Date;
    /** Called when a minimum came or went, for what acts on data by itself; must not fail. */
    readonly changed?: () => Promise<void>;
  }) {
    this.#em = deps.em;
    this.#now = deps.now;
    this.#changed = deps.changed;
  }

  /** @throws LinewardError BAD_INPUT, NOT_FOUND, MAPPING_INVALID, RETENTION_LOCKED */
  async setMinimumRetention(actor: Actor, input: SetMinimumRetention): Promise<MinimumRetention> {
    const { datasetId, name, days, mode, validUntil } = input;
    const now = this.#now();
    assertTerms(input, now);
    const minimum = await this.#em.fork().transactional(async (tx) => {
      await lockDataset(tx, datasetId);
      const known = await tx.findOne(MinimumRetentionSchema, { datasetId, name });
      if (known === null && (await tx.count(MinimumRetentionSchema, { datasetId })) >= minimumsMax)
        throw new LinewardError('LIMIT_EXCEEDED', `datasetId: it has ${minimumsMax} minimums already`, {
          path: ['datasetId'],
        });
      const dateField = await dateFieldOf(tx, input);
      const wanted: Minimum = { days, mode, dateField, validUntil };
      const less = this.#less(actor, known, wanted, input.bypassReason);
      const facts = { ...wanted, setBy: actor.id, setAt: now };
      const set = known ?? tx.create(MinimumRetentionSchema, { id: newId(), datasetId, name, ...noScope, ...facts });
      Object.assign(set, facts);
      tx.persist(set);
      audit(tx, actor, {
        action: 'setMinimumRetention',
        resourceType: 'Dataset',
        resourceId: datasetId,
        details: {
          name,
          ...wanted,
          validUntil: validUntil?.toISOString() ?? null,
          ...bypassOf(less, input.bypassReason),
        },
      });
      return set;
    });
    await this.#changed?.();
    return minimum;
  }

  /** @throws LinewardError NOT_FOUND, RETENTION_LOCKED, BAD_INPUT */
  async removeMinimumRetention(
    actor: Actor,
    input: Pick<SetMinimumRetention, 'datasetId' | 'name' | 'bypassReason'>,
  ): Promise<MinimumRetention> {
    const { datasetId, name, bypassReason } = input;
    const removed = await this.#em.fork().transactional(async (tx) => {
      await lockDataset(tx, datasetId);
      const known = await tx.findOne(MinimumRetentionSchema, { datasetId, name });
      if (known === null)
        throw new LinewardError('NOT_FOUND', 'name: the dataset has no minimum retention of that name', {
          path: ['name'],
        });
      const less = this.#less(actor, known, null, bypassReason);
      tx.remove(known);
      audit(tx, actor, {
        action: 'removeMinimumRetention',
        resourceType: 'Dataset',
        resourceId: datasetId,
        details: { name, days: known.days, mode: known.mode, ...bypassOf(less, bypassReason) },
      });
      return known;
    });
    await this.#changed?.();
    return removed;
  }

  #less(actor: Actor, known: MinimumRetention | null, wanted: Minimum | null, bypassReason: string | null) {
    if (known === null) return [];
    const now = this.#now();
    return assertMayWeaken(
      { known, less: weakened(known, wanted), isRemoved: wanted === null },
      { actor, bypassReason, now },
    );
  }
}

const noScope = {
  ...{ datasetIds: null, namespaces: null, entityIds: null, classifications: null },
  lineageDownstream: false,
};

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
