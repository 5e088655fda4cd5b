import type { EntityManager } from '@mikro-orm/postgresql';
import { type MinimumLimit, minimumLimit } from '../../domain/governance/minimum-retention.ts';
import type { SubjectSelector } from '../../domain/governance/selection.ts';
import { LegalHoldSchema } from '../../entities/legal-hold.entity.ts';
import { MinimumRetentionSchema } from '../../entities/minimum-retention.entity.ts';

/** An active legal hold. */
export interface ActiveHold {
  readonly id: string;
  readonly selector: SubjectSelector;
}

/** Active holds on any of the accounts, or all there are for null. */
export async function activeHolds(
  em: EntityManager,
  accountIds: readonly string[] | null,
): Promise<readonly ActiveHold[]> {
  const accounts = accountIds === null ? {} : { accountId: { $in: [...accountIds] } };
  const holds = await em.fork().find(LegalHoldSchema, { ...accounts, releasedAt: null }, { orderBy: { id: 'asc' } });
  return holds.map(({ id, accountId, subjectField: field, subjectValue: value }) => ({
    id,
    selector: { accountId, ...(field == null || value == null ? {} : { subject: { field, value } }) },
  }));
}

/** Reads what keeps data, now and from the database: whoever acts asks again before each irreversible step. */
export class RetainReader {
  readonly #em: EntityManager;
  readonly #now: () => Date;

  constructor(deps: { readonly em: EntityManager; readonly now: () => Date }) {
    this.#em = deps.em;
    this.#now = deps.now;
  }

  /** Active holds on any of the accounts, or all there are for null. */
  activeHolds(accountIds: readonly string[] | null): Promise<readonly ActiveHold[]> {
    return activeHolds(this.#em, accountIds);
  }

  /** What minimums in force leave of each dataset that has one. */
  async minimumLimits(): Promise<ReadonlyMap<string, MinimumLimit>> {
    const minimums = await this.#em.fork().find(MinimumRetentionSchema, {}, { orderBy: { id: 'asc' } });
    const now = this.#now();
    return new Map(
      [...Map.groupBy(minimums, ({ datasetId }) => datasetId)].flatMap(([datasetId, ofDataset]) => {
        const limit = minimumLimit(ofDataset, now);
        return limit === null ? [] : [[datasetId, limit] as const];
      }),
    );
  }
}
