import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { digestOf } from '../../domain/canonical-json.ts';
import { newId } from '../../domain/id.ts';
import { jobNameOf } from '../../domain/kafka/stream-name.ts';
import type { StreamStatus } from '../../domain/kafka/stream-status.ts';
import type { CarriedField, RunEventType } from '../../domain/lineage/stream-event.ts';
import { streamEventText } from '../../domain/lineage/stream-event.ts';
import type { Logger } from '../../domain/logger.ts';
import { streamKinds } from '../../entities/stream.entity.ts';
import { ownNamespace } from '../lineage/lineage.service.ts';
import type { LineageIngestService } from '../lineage/lineage-ingest.service.ts';
import type { StreamActivity } from './stream-activity.ts';
import type { StreamFields } from './stream-fields.ts';

/** A stream that cannot go on for so long has failed; what is over sooner is a hiccup. */
const failedMs = 60_000;
/** So often a process looks what a stream does to its records, and whether it does something else by now. */
const lookMs = 60_000;
/** A stream that does the same all the time says so again. */
const repeatMs = 24 * 3_600_000;
/** Most that is told of one stream at once: the end of a run, and the beginning of the next. */
const eventsAtOnce = 2;

const streamRow = z.object({
  id: z.string(),
  kind: z.enum(streamKinds),
  entity_id: z.string(),
  state: z.enum(['RUNNING', 'PAUSED']),
  source_namespace: z.string(),
  source_name: z.string(),
  target_namespace: z.string(),
  target_name: z.string(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })).nullable(),
  run_id: z.string().nullable(),
  source_told: z.string().nullable(),
  target_told: z.string().nullable(),
  said: z.string().nullable(),
  said_at: z.coerce.date().nullable(),
  ended_at: z.coerce.date().nullable(),
  untold: z.string().nullable(),
});
type StreamRow = z.infer<typeof streamRow>;

/** What is to be told next. */
interface NextEvent {
  readonly eventType: RunEventType;
  readonly runId: string;
  readonly source: string;
  readonly target: string;
  readonly fields: readonly CarriedField[] | null;
  readonly reason: string | null;
}

export interface StreamLineageDeps {
  readonly em: EntityManager;
  readonly activity: Pick<StreamActivity, 'statusOf'>;
  readonly fields: StreamFields;
  readonly ingest: Pick<LineageIngestService, 'take'>;
  readonly logger: Logger;
}

/**
 * Tells the lineage graph of the runs of streams, as other producers tell of theirs: START when processes carry it, RUNNING
 * when it does something else to its records (and once a day), ABORT when somebody pauses it, FAIL when it cannot go on for
 * a minute, COMPLETE when it goes on over another generation of a topic, which is the next run. A run is one for all
 * processes and survives their ends. An event is written down before it is told, so that it is told once, in the end.
 */
export class StreamLineage {
  readonly #deps: StreamLineageDeps;
  /** When this process last looked what a stream does. */
  readonly #lookedAt = new Map<string, number>();

  constructor(deps: StreamLineageDeps) {
    this.#deps = deps;
  }

  /** Tells what is new of all streams. One process does so at a time; the others have nothing to do then. */
  async tell(): Promise<void> {
    await this.#deps.em.fork().transactional(async (tx) => {
      const [lock] = await tx.execute<{ mine: boolean }[]>(
        `select pg_try_advisory_xact_lock(hashtextextended('stream_lineage', 0)) as mine`,
      );
      if (lock?.mine === true) await this.#tellAll(tx);
    });
  }

  async #tellAll(tx: EntityManager): Promise<void> {
    const rows = (await tx.execute(streamsSql)).map((row) => streamRow.parse(row));
    const statuses = await this.#deps.activity.statusOf(rows.map(({ id }) => id));
    for (const row of rows) {
      const status = statuses.get(row.id);
      // What cannot be told of one stream keeps back nothing of the others, and is tried again.
      await this.#tellOf(row, status).catch((error: unknown) => {
        this.#deps.logger.warn({ streamId: row.id, error }, 'lineage of a stream could not be told; it is tried again');
      });
    }
  }

  async #tellOf(row: StreamRow, status: StreamStatus | undefined): Promise<void> {
    if (status === undefined) return;
    if (row.untold !== null) await this.#take(row.id, row.untold);
    let now = row;
    for (let told = 0; told < eventsAtOnce; told += 1) {
      const next = await this.#next(now, status);
      if (next === null) return;
      now = await this.#told(now, next);
    }
  }

  async #next(row: StreamRow, status: StreamStatus): Promise<NextEvent | null> {
    const { run_id: runId, source_told: source, target_told: target } = row;
    const isOpen = row.ended_at === null && runId !== null;
    if (isOpen && source !== null && target !== null) {
      const run = { runId, source, target, fields: null };
      if (row.state === 'PAUSED') return { ...run, eventType: 'ABORT', reason: null };
      if (status.state === 'FAILED')
        return Date.now() - status.since.getTime() < failedMs
          ? null
          : { ...run, eventType: 'FAIL', reason: status.reason };
      if (source !== row.source_name || target !== row.target_name)
        return { ...run, eventType: 'COMPLETE', reason: null };
    }
    if (status.state !== 'RUNNING' || status.processes === 0 || this.#wasLookedAt(row.id)) return null;
    const fields = await this.#fieldsOf(row);
    const way = { source: row.source_name, target: row.target_name, fields, reason: null };
    if (!isOpen) return { ...way, eventType: 'START', runId: newId() };
    const isOld = Date.now() - (row.said_at?.getTime() ?? 0) > repeatMs;
    return isOld || digestOf(fields) !== row.said ? { ...way, eventType: 'RUNNING', runId } : null;
  }

  #wasLookedAt(id: string): boolean {
    const isRecent = Date.now() - (this.#lookedAt.get(id) ?? -lookMs) < lookMs;
    if (!isRecent) this.#lookedAt.set(id, Date.now());
    return isRecent;
  }

  #fieldsOf({ kind, entity_id: entityId, columns }: StreamRow): Promise<readonly CarriedField[]> {
    return this.#deps.fields.of({ kind, entityId, columns });
  }

  /** Writes an event down, tells it, and answers the stream as it is then. */
  async #told(row: StreamRow, event: NextEvent): Promise<StreamRow> {
    const { eventType, runId, source, target, fields } = event;
    const at = new Date();
    const untold = streamEventText({
      ...{ eventType, at, runId, fields, reason: event.reason },
      job: { namespace: ownNamespace, name: jobNameOf(row) },
      source: { namespace: row.source_namespace, name: source },
      target: { namespace: row.target_namespace, name: target },
    });
    const said = fields === null ? row.said : digestOf(fields);
    const isEnd = eventType !== 'START' && eventType !== 'RUNNING';
    if (isEnd) this.#lookedAt.delete(row.id);
    await this.#deps.em.fork().execute(
      `insert into stream_run (stream_id, run_id, source_told, target_told, said, said_at, ended_at, untold)
       values (?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (stream_id) do update set run_id = excluded.run_id, source_told = excluded.source_told,
         target_told = excluded.target_told, said = excluded.said, said_at = excluded.said_at, ended_at = excluded.ended_at,
         untold = excluded.untold`,
      [row.id, runId, source, target, said, at, isEnd ? at : null, untold],
    );
    await this.#take(row.id, untold);
    const told = { run_id: runId, source_told: source, target_told: target, said, said_at: at };
    return { ...row, ...told, ended_at: isEnd ? at : null, untold: null };
  }

  /** An event that is told a second time changes nothing. */
  async #take(streamId: string, text: string): Promise<void> {
    const [refused] = await this.#deps.ingest.take([{ value: JSON.parse(text), text }]);
    if (refused !== undefined) throw refused.error;
    await this.#deps.em.fork().execute('update stream_run set untold = null where stream_id = ?', [streamId]);
  }
}

const streamsSql = `
  select s.id, s.kind, s.entity_id, s.state, source.namespace as source_namespace, source.name as source_name,
    target.namespace as target_namespace, target.name as target_name, t.columns,
    r.run_id, r.source_told, r.target_told, r.said, r.said_at, r.ended_at, r.untold
  from stream s
  join dataset source on source.id = s.source_dataset_id
  join dataset target on target.id = s.target_dataset_id
  left join lake_table t on t.dataset_id = target.id
  left join stream_run r on r.stream_id = s.id
  order by s.id`;
