import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { LegalHold } from '../../entities/legal-hold.entity.ts';
import { type MinimumRetention, MinimumRetentionSchema } from '../../entities/minimum-retention.entity.ts';
import { keysetPage, keysetPages, type SqlFragment } from '../keyset-page.ts';
import { textArray } from '../sql.ts';
import { placesOfScopes, type ScopedPlace } from './scope-places.ts';

const names = z.array(z.string()).nullable();

const holdRow = z
  .object({
    id: z.string(),
    matter_id: z.string(),
    reason: z.string(),
    account_id: z.string().nullable(),
    subjects: z.array(z.object({ field: z.string(), value: z.string() })),
    dataset_ids: names,
    namespaces: names,
    entity_ids: names,
    classifications: names,
    lineage_downstream: z.boolean(),
    dates_from: z.coerce.date().nullable(),
    dates_until: z.coerce.date().nullable(),
    confidential: z.boolean(),
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
      subjects: row.subjects,
      datasetIds: row.dataset_ids,
      namespaces: row.namespaces,
      entityIds: row.entity_ids,
      classifications: row.classifications,
      lineageDownstream: row.lineage_downstream,
      datesFrom: row.dates_from,
      datesUntil: row.dates_until,
      confidential: row.confidential,
      placedBy: row.placed_by,
      placedAt: row.placed_at,
      releaseRequestedBy: row.release_requested_by,
      releaseRequestedAt: row.release_requested_at,
      releasedBy: row.released_by,
      releasedAt: row.released_at,
    }),
  );

const placeRow = z
  .object({ scope_id: z.string(), dataset_id: z.string(), is_named: z.boolean(), name: z.string() })
  .transform(({ scope_id: scopeId, dataset_id: datasetId, is_named: isNamed, name }) => {
    return { scopeId, datasetId, isNamed, name };
  });

/** Questions about legal holds. */
export class GovernanceReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  legalHolds(
    request: PageRequest,
    filter: { readonly active?: boolean | undefined; readonly accountId?: string | undefined },
    /** True for who may be told of confidential ones. */
    isInitiated: boolean,
  ): Promise<Page<LegalHold>> {
    const conditions: SqlFragment[] = isInitiated ? [] : [{ sql: 'not confidential', params: [] }];
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

  /** Places that active holds keep something in, by name; one statement for all of them. */
  heldPlaces(holdIds: readonly string[], request: PageRequest): Promise<NamedPlaces> {
    const places = placesOfScopes('legal_hold', 'h.released_at is null and h.id = any(?::text[])');
    return namedPlaces(this.#em, places, holdIds, request);
  }

  /** Minimums that have a scope, newest first. */
  scopedMinimums(request: PageRequest): Promise<Page<MinimumRetention>> {
    const em = this.#em.fork();
    return keysetPage(em, {
      table: 'minimum_retention',
      where: { sql: 'dataset_id is null', params: [] },
      order: [{ column: 'id', type: 'text', descending: true }],
      request,
      parse: (row) => em.map(MinimumRetentionSchema, row as Record<string, unknown>),
    });
  }

  /** Places that minimums of a scope are about, by name. */
  minimumPlaces(minimumIds: readonly string[], request: PageRequest): Promise<NamedPlaces> {
    return namedPlaces(this.#em, placesOfScopes('minimum_retention', 'h.id = any(?::text[])'), minimumIds, request);
  }

  async legalHoldsById(ids: readonly string[]): Promise<readonly LegalHold[]> {
    const rows = await this.#em.fork().execute('select * from legal_hold where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => holdRow.parse(row));
  }
}

type NamedPlaces = (scopeId: string) => Page<ScopedPlace & { readonly name: string }>;

function namedPlaces(
  em: EntityManager,
  places: string,
  scopeIds: readonly string[],
  request: PageRequest,
): Promise<NamedPlaces> {
  return keysetPages(em.fork(), {
    table: {
      sql: `(select p.*, d.name from (${places}) p join dataset d on d.id = p.dataset_id) placed`,
      params: [textArray(scopeIds)],
    },
    parent: { column: 'scope_id', ids: scopeIds },
    order: [
      { column: 'name', type: 'text' },
      { column: 'dataset_id', type: 'text' },
    ],
    request,
    parse: (row) => placeRow.parse(row),
  });
}
