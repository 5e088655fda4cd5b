import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Checkpoint } from '../../domain/audit/checkpoint.ts';
import type { SealedEvent } from '../../domain/audit/sealed-event.ts';
import { nativeStatements, textArray } from '../sql.ts';
import { auditRecord, auditRecordColumns, auditRecordText } from './audit-record.ts';
import { readCheckpoint } from './checkpoint-row.ts';

const pageSize = 2_000;

const sealRow = z.object({
  seq: z.coerce.number(),
  event_id: z.string(),
  record: z.string(),
  prev: z.string(),
  hash: z.string(),
});

/** A link, and what the event that it seals says now; null where the event is gone. */
export interface LinkWithEvent {
  readonly link: SealedEvent;
  readonly recordNow: string | null;
}

/** The sealed log in order: links, and each checkpoint behind the link that it names. */
export type LogEntry = { readonly link: SealedEvent; readonly eventId: string } | { readonly checkpoint: Checkpoint };
/** The same, with what the events say now. */
export type LogEntryWithEvent = LinkWithEvent | { readonly checkpoint: Checkpoint };

/** How far a log goes at a moment. */
export interface LogBounds {
  /** The last link, 0 where there is none. */
  readonly head: number;
  /** Number of the last checkpoint, 0 where there is none. */
  readonly lastCheckpoint: number;
}

const boundsRow = z.object({ head: z.coerce.number(), lastCheckpoint: z.coerce.number() });

/** How far the log goes now. */
export async function logBounds(em: EntityManager): Promise<LogBounds> {
  const [row] = await em.execute(
    `select (select coalesce(max(seq), 0) from audit_seal) as head,
       (select coalesce(max(number), 0) from audit_checkpoint) as "lastCheckpoint"`,
  );
  return boundsRow.parse(row);
}

/**
 * Reads the sealed log behind the link `after`, a page at a time, as far as the bounds. A checkpoint whose link is not there
 * comes last.
 */
export async function* auditLog(em: EntityManager, after: number, bounds: LogBounds): AsyncGenerator<LogEntry> {
  for await (const page of pagesOf(em, after, bounds)) yield* page;
}

/** The same, each link with the event that it seals. */
export async function* auditLogWithEvents(
  em: EntityManager,
  after: number,
  bounds: LogBounds,
): AsyncGenerator<LogEntryWithEvent> {
  for await (const page of ahead(pagesWithEvents(em, after, bounds))) yield* page;
}

async function* pagesWithEvents(
  em: EntityManager,
  after: number,
  bounds: LogBounds,
): AsyncGenerator<readonly LogEntryWithEvent[]> {
  for await (const page of pagesOf(em, after, bounds)) {
    const records = await recordsOf(
      em,
      page.flatMap((entry) => ('link' in entry ? [entry.eventId] : [])),
    );
    yield page.map((entry) =>
      'link' in entry ? { link: entry.link, recordNow: records.get(entry.eventId) ?? null } : entry,
    );
  }
}

/** The database reads the next page while the one before is looked at. */
async function* ahead<Page>(pages: AsyncGenerator<Page>): AsyncGenerator<Page> {
  try {
    for (let next = pages.next(); ; ) {
      const page = await next;
      if (page.done === true) return;
      next = pages.next();
      // Nobody waits for it where looking ends here.
      next.catch(() => undefined);
      yield page.value;
    }
  } finally {
    await pages.return(undefined);
  }
}

async function* pagesOf(em: EntityManager, after: number, bounds: LogBounds): AsyncGenerator<readonly LogEntry[]> {
  const checkpoints = checkpointsAfter(em, after, bounds);
  let next = await checkpoints.next();
  for (let at = after; at < bounds.head; ) {
    const rows = await linksBehind(em, at, bounds);
    if (rows.length === 0) break;
    const page: LogEntry[] = [];
    for (const row of rows) {
      const { event_id: eventId, ...link } = sealRow.parse(row);
      page.push({ link, eventId });
      at = link.seq;
      for (; next.done !== true && next.value.body.seq <= at; next = await checkpoints.next())
        page.push({ checkpoint: next.value });
    }
    yield page;
  }
  for (; next.done !== true; next = await checkpoints.next()) yield [{ checkpoint: next.value }];
}

/**
 * The next links. By a range that is no longer than a page, since without statistics a page of an open range reads and sorts all
 * that is behind it. Only behind a gap of a whole page the range is open.
 */
async function linksBehind(em: EntityManager, at: number, { head }: LogBounds): Promise<readonly unknown[]> {
  const until = async (end: number) =>
    (await nativeStatements(em)).execute<object[]>(
      `select seq, event_id, record, prev, hash from audit_seal
       where seq > ?::bigint and seq <= ?::bigint order by seq limit ${pageSize}`,
      [at, end],
    );
  const rows = await until(Math.min(at + pageSize, head));
  return rows.length > 0 || at + pageSize >= head ? rows : until(head);
}

/** What events say now, by id. Read apart from the links: without statistics a join of both reads all events for each page. */
async function recordsOf(em: EntityManager, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const sql = await nativeStatements(em);
  const rows = await sql.execute<{ id: string }[]>(
    `select ${auditRecordColumns} from audit_event event where event.id = any(?::text[])`,
    [textArray(ids)],
  );
  return new Map(rows.map((row) => [row.id, auditRecordText(auditRecord(row))]));
}

async function* checkpointsAfter(
  em: EntityManager,
  seq: number,
  { lastCheckpoint }: LogBounds,
): AsyncGenerator<Checkpoint, undefined> {
  for (let at = seq; ; ) {
    const rows = await em.execute<{ seq: string }[]>(
      'select * from audit_checkpoint where seq > ?::bigint and number <= ?::bigint order by seq limit 500',
      [at, lastCheckpoint],
    );
    if (rows.length === 0) return undefined;
    for (const row of rows) {
      yield readCheckpoint(row);
      // The column that the page is ordered by: who changed the other of the two must not make this go round for ever.
      at = z.coerce.number().parse(row.seq);
    }
  }
}
