import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { StreamReport } from '../../domain/kafka/stream-report.ts';
import type { StreamStatus } from '../../domain/kafka/stream-status.ts';
import { textArray } from '../sql.ts';

/** A process that has told nothing for so long runs its streams no more. */
const goneAfterSeconds = 10;
/** Work is summed up by slots, so that a process which was killed still counts for the minute in which it worked. */
const slotSeconds = 5;
const rateSeconds = 60;

const statusRow = z
  .object({
    id: z.string(),
    state: z.enum(['RUNNING', 'PAUSED']),
    state_since: z.coerce.date(),
    processes: z.coerce.number(),
    fault: z.string().nullable(),
    fault_since: z.coerce.date().nullable(),
    records: z.coerce.number(),
    bytes: z.coerce.number(),
    passed: z.coerce.number(),
    set_aside: z.coerce.number(),
  })
  .transform((row): StreamStatus => {
    const fails = row.state === 'RUNNING' && row.fault !== null;
    return {
      id: row.id,
      state: fails ? 'FAILED' : row.state,
      reason: fails ? row.fault : null,
      since: (fails ? row.fault_since : null) ?? row.state_since,
      processes: row.processes,
      recordsPerSecond: row.records / rateSeconds,
      bytesPerSecond: row.bytes / rateSeconds,
      passed: row.passed,
      setAside: row.set_aside,
    };
  });

/** What all processes together do for each stream. Times are the database's. */
export class StreamActivity {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** A process tells what it has done since it last told, of every stream that it runs or tries to run. */
  async tell(processId: string, reports: readonly StreamReport[]): Promise<void> {
    if (reports.length === 0) return;
    await this.#em.fork().execute(
      `with told as (
         select r.* from jsonb_to_recordset(?::jsonb)
           as r (stream_id text, fault text, fault_since timestamptz, passed bigint, set_aside bigint, bytes bigint)
         join stream on stream.id = r.stream_id),
       process as (
         insert into stream_process (stream_id, process_id, fault, fault_since, told_at)
         select stream_id, ?, fault, fault_since, now() from told
         on conflict (stream_id, process_id) do update
           set fault = excluded.fault, fault_since = excluded.fault_since, told_at = excluded.told_at),
       total as (
         insert into stream_total (stream_id, passed, set_aside)
         select stream_id, passed, set_aside from told where passed + set_aside > 0
         on conflict (stream_id) do update
           set passed = stream_total.passed + excluded.passed, set_aside = stream_total.set_aside + excluded.set_aside),
       activity as (
         insert into stream_activity (stream_id, process_id, slot, records, bytes)
         select stream_id, ?, date_bin('${slotSeconds} seconds', now(), 'epoch'), passed + set_aside, bytes
         from told where passed + set_aside > 0
         on conflict (stream_id, slot, process_id) do update
           set records = stream_activity.records + excluded.records, bytes = stream_activity.bytes + excluded.bytes),
       silent as (
         delete from stream_process where told_at < now() - interval '1 hour' and process_id <> ?)
       delete from stream_activity where slot < now() - interval '${2 * rateSeconds} seconds'`,
      [JSON.stringify(reports.map(rowOf)), processId, processId, processId],
    );
  }

  /** The process runs these streams no more. */
  async leave(processId: string, streamIds: readonly string[]): Promise<void> {
    await this.#em
      .fork()
      .execute('delete from stream_process where process_id = ? and stream_id = any(?::text[])', [
        processId,
        textArray(streamIds),
      ]);
  }

  async statusOf(streamIds: readonly string[]): Promise<ReadonlyMap<string, StreamStatus>> {
    const rows = await this.#em.fork().execute(
      `select s.id, s.state, s.state_since, p.processes, p.fault, p.fault_since, a.records, a.bytes,
              coalesce(t.passed, 0) as passed, coalesce(t.set_aside, 0) as set_aside
       from stream s
       left join stream_total t on t.stream_id = s.id
       cross join lateral (
         select count(*) as processes, min(fault_since) as fault_since,
                (array_agg(fault order by fault_since) filter (where fault is not null))[1] as fault
         from stream_process where stream_id = s.id and told_at > now() - interval '${goneAfterSeconds} seconds') p
       cross join lateral (
         select coalesce(sum(records), 0) as records, coalesce(sum(bytes), 0) as bytes
         from stream_activity where stream_id = s.id and slot > now() - interval '${rateSeconds} seconds') a
       where s.id = any(?::text[])`,
      [textArray(streamIds)],
    );
    return new Map(rows.map((row) => statusRow.parse(row)).map((status) => [status.id, status]));
  }
}

const rowOf = ({ streamId, fault, work }: StreamReport) => ({
  stream_id: streamId,
  fault: fault?.reason ?? null,
  fault_since: fault?.since ?? null,
  passed: work.passed,
  set_aside: work.setAside,
  bytes: work.bytes,
});
