import type { EntityManager } from '@mikro-orm/postgresql';
import type { Logger } from '../../domain/logger.ts';
import { indexTableJob } from '../../jobs/index-table.job.ts';
import type { JobScheduler } from '../../jobs/kit.ts';
import { ensureAlive, type NeededTask } from '../operations/needed-task.ts';

const sweepMax = 100;

/** Mapped tables with an unfinished round, or whose last listing is old; those that failed wait as long. */
const due = `
  select i.id, i.attempt from lake_index i join lake_table t on t.id = i.id
  where exists (select 1 from mapping m where m.dataset_id = t.dataset_id and m.role = 'LAKE_TABLE')
    and (i.as_of is null or i.as_of < now() - make_interval(secs => ?) or i.listed_at > i.as_of)
    and (i.failed_at is null or i.failed_at < now() - make_interval(secs => ?))
  order by i.as_of nulls first, i.id limit ${sweepMax}`;

/** Sees to it that the index of each table is built and kept. */
export class TableIndexSchedule {
  readonly #em: EntityManager;
  readonly #scheduler: JobScheduler;
  readonly #logger: Logger;
  readonly #intervalMs: number;

  constructor(deps: {
    readonly em: EntityManager;
    readonly scheduler: JobScheduler;
    readonly logger: Logger;
    readonly intervalMs: number;
  }) {
    this.#em = deps.em;
    this.#scheduler = deps.scheduler;
    this.#logger = deps.logger;
    this.#intervalMs = deps.intervalMs;
  }

  async sweep(): Promise<void> {
    const seconds = this.#intervalMs / 1_000;
    const found = await this.#em.fork().execute<{ id: string; attempt: number }[]>(due, [seconds, seconds]);
    for (const { id, attempt } of found) await this.#ensureAlive(id, attempt);
  }

  async #ensureAlive(id: string, attempt: number): Promise<void> {
    const task: NeededTask = {
      job: indexTableJob,
      table: 'lake_index',
      rowId: id,
      attempt,
      idOf: (number) => `${id}.${indexTableJob.name}.${number}`,
      send: (taskId) => this.#scheduler.enqueue(indexTableJob, taskId, { tableId: id }),
    };
    await ensureAlive({ em: this.#em, scheduler: this.#scheduler }, task).catch((error: unknown) => {
      this.#logger.warn({ tableId: id, error }, 'a task could not be enqueued');
    });
  }
}
