import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type Change, changeOf } from '../../domain/changes/change.ts';
import { type ChangeType, changeTypeNames } from '../../domain/changes/change-type.ts';
import { type Page, type PageRequest, pageWindow, writeCursor } from '../../domain/page.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';

/** Cursors of this list are numbers in the feed, so that a client can go on from one that it has kept. */
const scope = 'changes';
const seqPattern = /^\d{1,15}$/;

const changeRow = z
  .object({ seq: z.coerce.number(), type: z.enum(changeTypeNames), record: z.string() })
  .transform(({ seq, type, record }) => changeOf(seq, type, record));

/** Null for all. */
export type ChangeTypes = readonly ChangeType[] | null;

/** A stretch of the feed: behind `after`, as far as `until`. */
export interface Stretch {
  readonly after: number;
  readonly until?: number;
  readonly limit: number;
}

/**
 * The feed of changes. It is read by the numbers of the sealed audit log: these are given in one order, and become visible in
 * it, so that nobody who has seen one has missed another before it.
 */
export class ChangeFeed {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** @throws LinewardError BAD_CURSOR, also for one that is beyond the end. */
  async changes(given: PageRequest, types: ChangeTypes): Promise<Page<Change>> {
    const request = { ...given, after: scoped(given.after), before: scoped(given.before) };
    const window = pageWindow(request, scope, ([key]) => seqPattern.test(key ?? ''));
    const [from, until] = [Number(window.from?.[0] ?? 0), window.until?.[0]];
    const [after, before] = window.backwards
      ? [Number(until ?? 0), window.from === null ? Number.MAX_SAFE_INTEGER : from]
      : [from, Number(until ?? Number.MAX_SAFE_INTEGER)];
    await this.assertWithin(after);
    const found = await this.#read(types, {
      ...{ after, until: before - 1, limit: window.size + 1, backwards: window.backwards },
    });
    const items = found.slice(0, window.size);
    if (window.backwards) items.reverse();
    const isMore = found.length > window.size;
    return {
      items,
      hasNextPage: window.backwards ? window.from !== null : isMore,
      hasPreviousPage: window.backwards ? isMore : window.from !== null,
      cursorOf: ({ seq }) => String(seq),
      totalCount: () => this.count(types, 0),
    };
  }

  /** Changes behind a place, in their order. */
  changesIn(types: ChangeTypes, stretch: Stretch): Promise<readonly Change[]> {
    return this.#read(types, { until: Number.MAX_SAFE_INTEGER, backwards: false, ...stretch });
  }

  async count(types: ChangeTypes, after: number): Promise<number> {
    const [row] = await this.#em
      .fork()
      .execute<{ count: string }[]>(
        `select count(*) from change where seq > ?::bigint ${types === null ? '' : 'and type = any(?::text[])'}`,
        [after, ...(types === null ? [] : [textArray(types)])],
      );
    return Number(row?.count ?? 0);
  }

  /** The last change that there is, 0 where there is none. */
  async end(): Promise<number> {
    const [row] = await this.#em.fork().execute<{ end: string }[]>('select coalesce(max(seq), 0) as end from change');
    return Number(row?.end ?? 0);
  }

  /** The place that a cursor of a client names. @throws LinewardError BAD_CURSOR, also for one that is beyond the end. */
  async placeOf(cursor: string): Promise<number> {
    if (!seqPattern.test(cursor)) throw new LinewardError('BAD_CURSOR', 'after: is no number', { path: ['after'] });
    await this.assertWithin(Number(cursor));
    return Number(cursor);
  }

  /** Who has seen more than there is has followed a feed that a restore of the database took back. */
  async assertWithin(after: number): Promise<void> {
    if (after === 0) return;
    const [row] = await this.#em
      .fork()
      .execute<{ end: string }[]>('select coalesce(max(seq), 0) as end from audit_seal');
    const end = Number(row?.end ?? 0);
    if (after > end)
      throw new LinewardError(
        'BAD_CURSOR',
        `after: the feed ends at ${end}: the database was restored, or the place is of another installation; read the catalog anew and follow from there`,
        { path: ['after'] },
      );
  }

  async #read(
    types: ChangeTypes,
    { after, until, limit, backwards }: Required<Stretch> & { readonly backwards: boolean },
  ): Promise<Change[]> {
    const rows = await this.#em.fork().execute<unknown[]>(
      `select change.seq, change.type, audit_seal.record from change join audit_seal on audit_seal.seq = change.seq
       where change.seq > ?::bigint and change.seq <= ?::bigint ${types === null ? '' : 'and change.type = any(?::text[])'}
       order by change.seq ${backwards ? 'desc' : 'asc'} limit ?`,
      [after, until, ...(types === null ? [] : [textArray(types)]), limit],
    );
    return rows.map((row) => changeRow.parse(row));
  }
}

function scoped(cursor: string | undefined): string | undefined {
  return cursor === undefined ? undefined : writeCursor(scope, [cursor]);
}
