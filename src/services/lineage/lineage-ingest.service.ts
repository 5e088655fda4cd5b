import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../domain/id.ts';
import { factsOf, type KnownEvent } from '../../domain/lineage/event-facts.ts';
import { readLineageEvent } from '../../domain/lineage/open-lineage.ts';
import { type LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { nativeTransaction, type Statements } from '../sql.ts';
import { writeColumns, writeFields } from './column-writes.ts';
import { writeSayings } from './description-writes.ts';
import { type Unfolded, writeDatasetStates } from './graph-writes.ts';
import { idsOfDatasets, idsOfJobs } from './named-rows.ts';
import { writeRuns } from './run-writes.ts';

/** An event with its text as it came. */
export interface GivenEvent {
  readonly value: unknown;
  readonly text: string;
}

export interface RefusedEvent {
  readonly index: number;
  readonly error: LinewardError;
}

type TakenEvent = KnownEvent & { readonly text: string; readonly index: number };

/** Events of one transaction: enough to share a commit, few enough that others do not wait long. */
const transactionEvents = 1_000;
const attemptsMax = 5;

/**
 * Takes OpenLineage events: keeps each as it came, and writes what follows for the graph in the same transaction. The graph is a
 * function of the set of events that were taken, whatever the order, and an event that comes again changes nothing.
 */
export class LineageIngestService {
  readonly #em: EntityManager;
  readonly #unfolded: Unfolded;

  constructor(deps: { readonly em: EntityManager; readonly unfolded?: Unfolded }) {
    this.#em = deps.em;
    this.#unfolded = deps.unfolded ?? { most: 128, kept: 28 };
  }

  /** Answers those that were not taken; the others are committed. */
  async take(given: readonly GivenEvent[]): Promise<readonly RefusedEvent[]> {
    const refused: RefusedEvent[] = [];
    const events = given.flatMap(({ value, text }, index): TakenEvent[] => {
      try {
        const digest = createHash('sha256').update(text).digest('hex');
        return [{ ...readLineageEvent(value), digest, text, index }];
      } catch (error) {
        refused.push({ index, error: toLinewardError(error) });
        return [];
      }
    });
    for (let start = 0; start < events.length; start += transactionEvents)
      refused.push(...(await this.#write(events.slice(start, start + transactionEvents))));
    return refused.sort((one, other) => one.index - other.index);
  }

  /** One event that the database does not take must not keep out the others. */
  async #write(events: readonly TakenEvent[]): Promise<readonly RefusedEvent[]> {
    try {
      await this.#attempt(events);
      return [];
    } catch (cause) {
      const error = toLinewardError(cause);
      const [first] = events;
      if (first === undefined) return [];
      if (events.length === 1 || error.spec.retryable) return events.map(({ index }) => ({ index, error }));
      const middle = Math.ceil(events.length / 2);
      return [...(await this.#write(events.slice(0, middle))), ...(await this.#write(events.slice(middle)))];
    }
  }

  async #attempt(events: readonly TakenEvent[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await nativeTransaction(this.#em, (tx) => writeEvents(tx, events, this.#unfolded), {
          without: 'seqscan',
        });
      } catch (error) {
        // Other services make datasets too, in an order of their own; of two that wait for each other one starts again.
        const isDeadlock = error instanceof Error && 'code' in error && error.code === '40P01';
        if (!isDeadlock || attempt === attemptsMax) throw error;
      }
    }
  }
}

async function writeEvents(tx: Statements, events: readonly TakenEvent[], unfolded: Unfolded): Promise<void> {
  const fresh = await keepEvents(tx, events);
  if (fresh.length === 0) return;
  const facts = factsOf(fresh);
  const names = facts.datasets.map(({ dataset: { namespace, name }, isNamedOnly }) => ({
    namespace,
    name,
    isNamedOnly,
  }));
  const dataset = await idsOfDatasets(tx, names);
  const job = await idsOfJobs(tx, facts.jobs);
  const ids = { dataset, job };
  await writeDatasetStates(tx, facts, ids);
  await writeRuns(tx, facts, ids, unfolded);
  await writeFields(tx, facts, ids);
  await writeColumns(tx, facts, ids, unfolded);
  await writeSayings(
    tx,
    facts.sayings.map(({ dataset: name, at, ...saying }) => ({ ...saying, datasetId: ids.dataset(name), saidAt: at })),
    { saidBy: 'events', actorId: null },
  );
}

/** Those that were not there yet. Two that bring the same event at once wait here for each other's end. */
async function keepEvents(tx: Statements, events: readonly TakenEvent[]): Promise<readonly TakenEvent[]> {
  const byDigest = new Map(events.map((event) => [event.digest, event]));
  const rows = [...byDigest.values()].map(({ digest, kind, at, text }) => ({ id: newId(), digest, kind, at, text }));
  const inserted = await tx.execute<{ digest: string }[]>(
    `insert into lineage_event (id, digest, kind, event_time, body)
     select id, digest, kind, at, text from json_to_recordset(?::json) as given
       (id text, digest text, kind text, at timestamptz, text text) order by digest
     on conflict (digest) do nothing returning digest`,
    [JSON.stringify(rows)],
  );
  return inserted.map(({ digest }) => byDigest.get(digest)).filter((event) => event !== undefined);
}
