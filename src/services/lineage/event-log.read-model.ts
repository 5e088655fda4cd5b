import type { EntityManager } from '@mikro-orm/postgresql';

/** Events of lineage as they came. */
export class EventLogReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Texts by the time of the event, and how many there are. */
  async page(request: {
    readonly limit: number;
    readonly offset: number;
    readonly newestFirst: boolean;
  }): Promise<{ readonly texts: readonly string[]; readonly total: number }> {
    const em = this.#em.fork();
    const order = request.newestFirst ? 'desc' : 'asc';
    const rows = await em.execute<{ body: string }[]>(
      `select body from lineage_event order by event_time ${order}, id ${order} limit ? offset ?`,
      [request.limit, request.offset],
    );
    const [count] = await em.execute<{ total: number }[]>('select count(*)::int as total from lineage_event');
    return { texts: rows.map((row) => row.body), total: count?.total ?? 0 };
  }
}
