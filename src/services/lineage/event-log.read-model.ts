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
    /** Events from the one time on, and before the other. */
    readonly after?: Date | undefined;
    readonly before?: Date | undefined;
  }): Promise<{ readonly texts: readonly string[]; readonly total: number }> {
    const em = this.#em.fork();
    const order = request.newestFirst ? 'desc' : 'asc';
    const times = [request.after, request.before].map((time) => time?.toISOString() ?? null);
    const between = `from lineage_event where event_time >= coalesce(?::timestamptz, '-infinity')
      and event_time < coalesce(?::timestamptz, 'infinity')`;
    const rows = await em.execute<{ body: string }[]>(
      `select body ${between} order by event_time ${order}, id ${order} limit ? offset ?`,
      [...times, request.limit, request.offset],
    );
    const [count] = await em.execute<{ total: number }[]>(`select count(*)::int as total ${between}`, times);
    return { texts: rows.map((row) => row.body), total: count?.total ?? 0 };
  }
}
