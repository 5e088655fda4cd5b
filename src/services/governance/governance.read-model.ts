import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { LegalHold } from '../../entities/legal-hold.entity.ts';
import { keysetPage, type SqlFragment } from '../keyset-page.ts';
import { textArray } from '../sql.ts';

const holdRow = z
  .object({
    id: z.string(),
    matter_id: z.string(),
    reason: z.string(),
    account_id: z.string(),
    subject_field: z.string().nullable(),
    subject_value: z.string().nullable(),
    placed_by: z.string(),
    placed_at: z.coerce.date(),
    release_requested_by: z.string().nullable(),
    release_requested_at: z.coerce.date().nullable(),
    released_by: z.string().nullable(),
    released_at: z.coerce.date().nullable(),
  })
  .transform(
    (row): LegalHold => ({
      id: row.id,
      matterId: row.matter_id,
      reason: row.reason,
      accountId: row.account_id,
      subjectField: row.subject_field,
      subjectValue: row.subject_value,
      placedBy: row.placed_by,
      placedAt: row.placed_at,
      releaseRequestedBy: row.release_requested_by,
      releaseRequestedAt: row.release_requested_at,
      releasedBy: row.released_by,
      releasedAt: row.released_at,
    }),
  );

/** Questions about legal holds. */
export class GovernanceReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  legalHolds(
    request: PageRequest,
    filter: { readonly active?: boolean | undefined; readonly accountId?: string | undefined },
  ): Promise<Page<LegalHold>> {
    const conditions: SqlFragment[] = [];
    if (filter.active !== undefined) conditions.push({ sql: `(released_at is null) = ?`, params: [filter.active] });
    if (filter.accountId !== undefined) conditions.push({ sql: 'account_id = ?', params: [filter.accountId] });
    return keysetPage(this.#em.fork(), {
      table: 'legal_hold',
      where: {
        sql: ['true', ...conditions.map((item) => item.sql)].join(' and '),
        params: conditions.flatMap((item) => item.params),
      },
      // UUIDv7: newest first.
      order: [{ column: 'id', type: 'text', descending: true }],
      request,
      parse: (row) => holdRow.parse(row),
    });
  }

  async legalHoldsById(ids: readonly string[]): Promise<readonly LegalHold[]> {
    const rows = await this.#em.fork().execute('select * from legal_hold where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => holdRow.parse(row));
  }
}
