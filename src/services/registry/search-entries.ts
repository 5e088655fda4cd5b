import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { SharedLook } from '../shared-look.ts';
import { executePrepared, prepared } from '../sql.ts';

/** Most marks that one transaction looks at, which takes fewer where these are of many fields: a search that comes meanwhile waits for it. */
const marksMax = 1_000;

const lastRow = z.object({ last: z.string().nullable() });
const takenRow = z.object({ taken: z.number() });

/**
 * The entries that searches read. Writers only mark what they changed, so that a registration does not wait for the search;
 * whoever reads brings the marked entries up to date first.
 */
export class SearchEntries {
  readonly #em: EntityManager;
  /** No more than one connection waits for the refresh of another process. */
  readonly #refreshes = new SharedLook(() => this.#refresh());

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Brings up to date whatever was committed before the call; with nothing marked, one small statement. */
  refresh(): Promise<void> {
    return this.#refreshes.next();
  }

  async #refresh(): Promise<void> {
    const em = this.#em.fork();
    const [newest] = await executePrepared(em, newestStatement, {});
    // What is marked later is the next reader's, so that writers who never pause cannot keep this one busy forever.
    const { last } = lastRow.parse(newest);
    if (last === null) return;
    for (let taken = 1; taken > 0; ) {
      const [answer] = await executePrepared(em, refreshStatement, { last, most: String(marksMax) });
      ({ taken } = takenRow.parse(answer));
    }
  }
}

const newestStatement = prepared('search_newest_mark', 'select max(id)::text as last from search_stale');
const refreshStatement = prepared(
  'search_refresh',
  'select search_refresh_stale(:last::bigint, :most::integer) as taken',
);
