import type { EntityManager } from '@mikro-orm/postgresql';
import type { Logger } from '../../domain/logger.ts';
import { type RunEvent, runEventText } from '../../domain/transform/run-event.ts';
import { ownNamespace } from '../lineage/lineage.service.ts';
import type { LineageIngestService } from '../lineage/lineage-ingest.service.ts';

const sweepMax = 100;

/** Tells the lineage graph of runs, as other producers tell of theirs. What cannot be told holds no run up, and is tried again. */
export class RunLineage {
  readonly #em: EntityManager;
  readonly #ingest: Pick<LineageIngestService, 'take'>;
  readonly #logger: Logger;

  constructor(deps: {
    readonly em: EntityManager;
    readonly ingest: Pick<LineageIngestService, 'take'>;
    readonly logger: Logger;
  }) {
    this.#em = deps.em;
    this.#ingest = deps.ingest;
    this.#logger = deps.logger;
  }

  /** The text of an event of a transformer of that name. */
  textOf(name: string, event: Omit<RunEvent, 'job' | 'at'>): string {
    return runEventText({
      ...event,
      at: new Date(),
      job: { namespace: ownNamespace, name: `lineward.transform.${name}` },
    });
  }

  /** An event that is told a second time changes nothing. */
  async tell(runId: string, text: string): Promise<void> {
    try {
      const [refused] = await this.#ingest.take([{ value: JSON.parse(text), text }]);
      if (refused !== undefined) throw refused.error;
      await this.#em
        .fork()
        .execute('update transform_run set untold = null where id = ? and untold = ?', [runId, text]);
    } catch (error) {
      this.#logger.warn({ runId, error }, 'lineage of a run could not be told; it is tried again');
    }
  }

  async sweep(): Promise<void> {
    const rows = await this.#em
      .fork()
      .execute<{ id: string; untold: string }[]>(
        `select id, untold from transform_run where untold is not null order by id limit ${sweepMax}`,
      );
    for (const { id, untold } of rows) await this.tell(id, untold);
  }
}
