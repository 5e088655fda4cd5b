import type { EntityManager } from '@mikro-orm/postgresql';
import type { ActiveHold } from '../../domain/governance/hold-scope.ts';
import {
  concerns,
  type HoldOnTopic,
  holdsIn,
  holdsOf,
  isAtEnd,
  isCurrent,
  type Look,
  type LookFacts,
  lookOf,
  noFacts,
  startOf,
} from '../../domain/kafka/hold-look.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RetainReader } from '../governance/retains.ts';
import { textArray } from '../sql.ts';
import { scanBatches } from './message-batches.ts';
import type { KafkaGateway, KafkaMessage, PartitionRange } from './ports.ts';
import type { RecordReader } from './record-reader.ts';

/** Longest time of one look into a topic; the next one goes on where it ended. Milliseconds. */
const lookMsDefault = 20_000;
/** What came since a look is too young to be deleted by age; so long at most it need not be looked at. Milliseconds. */
const lookAgeMaxMs = 3_600_000;
/** What is new is looked at no sooner than so long after the last look, which costs a scan. Milliseconds. */
const lookAgainMsDefault = 900_000;

export interface LookedTopic {
  readonly datasetId: string;
  readonly name: string;
}

export interface LookFailure {
  readonly topic: LookedTopic;
  readonly error: unknown;
}

/**
 * Which legal holds concern records of a topic. Most holds name an account or a person, not a place: each topic is looked
 * through once for each hold, and then again and again what is new. Until the first is done, the hold counts.
 */
export class HeldTopics {
  readonly #em: EntityManager;
  readonly #kafka: Pick<KafkaGateway, 'scan' | 'cluster'>;
  readonly #records: RecordReader;
  readonly #retains: Pick<RetainReader, 'activeHolds'>;
  readonly #lookMs: number;
  readonly #lookAgainMs: number;

  constructor(deps: {
    readonly em: EntityManager;
    readonly kafka: Pick<KafkaGateway, 'scan' | 'cluster'>;
    readonly records: RecordReader;
    readonly retains: Pick<RetainReader, 'activeHolds'>;
    readonly lookMs?: number;
    readonly lookAgainMs?: number;
  }) {
    this.#em = deps.em;
    this.#kafka = deps.kafka;
    this.#records = deps.records;
    this.#retains = deps.retains;
    this.#lookMs = deps.lookMs ?? lookMsDefault;
    this.#lookAgainMs = deps.lookAgainMs ?? lookAgainMsDefault;
  }

  /** Active holds by dataset, as far as topics were looked through. */
  async holdsOn(topics: readonly LookedTopic[]): Promise<ReadonlyMap<string, readonly HoldOnTopic[]>> {
    const holds = topics.length === 0 ? [] : await this.#retains.activeHolds(null);
    if (holds.length === 0) return new Map();
    const facts = await this.#factsOf(topics);
    return new Map(
      topics.map(({ datasetId, name }) => [
        datasetId,
        holdsOf(holdsIn(holds, datasetId), name, facts.get(datasetId) ?? noFacts),
      ]),
    );
  }

  /** Looks through what is new, each topic for a limited time. Answers those that it failed for. */
  async look(topics: readonly LookedTopic[], signal: AbortSignal): Promise<readonly LookFailure[]> {
    const holds = topics.length === 0 ? [] : await this.#retains.activeHolds(null);
    if (holds.length === 0) return [];
    const allFacts = await this.#factsOf(topics);
    const failures: LookFailure[] = [];
    for (const topic of topics) {
      const facts = allFacts.get(topic.datasetId) ?? noFacts;
      const { ranges } = facts;
      if (facts.accountFields.length === 0 || ranges === null) continue;
      const open = holdsIn(holds, topic.datasetId).filter(({ id, selectors }) => {
        // It needs no look: all of the topic is held.
        if (selectors === null) return false;
        const look = lookOf(facts, topic.name, id);
        return (
          look?.carries !== true && !(isCurrent(look, ranges) && (look?.isFresh === true || isAtEnd(look, ranges)))
        );
      });
      if (open.length === 0) continue;
      await this.#lookFor(topic, { open, facts, ranges, signal }).catch((error: unknown) => {
        if (signal.aborted) throw error;
        failures.push({ topic, error });
      });
    }
    return failures;
  }

  async #lookFor(
    topic: LookedTopic,
    work: {
      readonly open: readonly ActiveHold[];
      readonly facts: LookFacts;
      readonly ranges: readonly PartitionRange[];
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { open, facts, ranges, signal } = work;
    const found = new Set<string>();
    const positions = new Map(ranges.map(({ partition }) => [partition, startOf(partition, work, topic.name)]));
    const enough = new AbortController();
    const pass = this.#records.pass();
    const each = async (messages: readonly KafkaMessage[]) => {
      for (const { partition, offset, value, headers } of messages) {
        const left = open.filter(({ id }) => !found.has(id));
        const content = value === null ? null : await pass.read(value, headers);
        if (content !== null)
          for (const hold of left) if (concerns(hold, content, facts.accountFields)) found.add(hold.id);
        positions.set(partition, BigInt(offset) + 1n);
      }
      if (found.size === open.length) enough.abort();
    };
    let isThrough = false;
    const ownEnd = AbortSignal.any([enough.signal, AbortSignal.timeout(this.#lookMs)]);
    const to = new Map(ranges.map(({ partition, latest }) => [partition, latest]));
    try {
      const within = { from: new Map(positions), to };
      await scanBatches(this.#kafka, topic.name, each, { signal: AbortSignal.any([signal, ownEnd]), within });
      for (const [partition, end] of to) positions.set(partition, end);
      isThrough = true;
    } catch (error) {
      const isOwnEnd = ownEnd.aborted && error instanceof LinewardError && error.code === 'CANCELLED';
      if (!isOwnEnd || signal.aborted) throw error;
    }
    await this.#remember(topic, { facts, open, found, positions, isThrough });
  }

  async #factsOf(topics: readonly LookedTopic[]): Promise<ReadonlyMap<string, LookFacts>> {
    const ids = textArray(topics.map(({ datasetId }) => datasetId));
    const em = this.#em.fork();
    const mappings = await em.execute<{ dataset_id: string; account_field: string }[]>(
      `select distinct dataset_id, account_field from mapping where role = 'TOPIC' and dataset_id = any(?::text[])
       order by dataset_id, account_field`,
      [ids],
    );
    const looks = await em.execute<({ dataset_id: string; hold_id: string } & Look)[]>(
      `select k.dataset_id, k.hold_id, k.topic, k.topic_id as "topicId", k.account_fields as "accountFields", k.carries, k.looked,
         coalesce(k.through_at > now() - make_interval(secs => ?), false) as "isThrough",
         coalesce(k.through_at > now() - make_interval(secs => ?), false) as "isFresh" from topic_hold_look k
       join legal_hold h on h.id = k.hold_id and h.released_at is null where k.dataset_id = any(?::text[])`,
      [lookAgeMaxMs / 1_000, this.#lookAgainMs / 1_000, ids],
    );
    const described = await this.#kafka.cluster.describe(topics.map(({ name }) => name));
    const told = await this.#kafka.cluster.ranges(described.topics);
    const whole = described.topics.filter(({ name, partitions }) => told.get(name)?.length === partitions.length);
    const ranges = new Map(whole.map(({ name }) => [name, told.get(name) ?? null]));
    const topicIds = new Map(described.topics.map(({ name, id }) => [name, id]));
    const [fields, byDataset] = [
      Map.groupBy(mappings, (row) => row.dataset_id),
      Map.groupBy(looks, (row) => row.dataset_id),
    ];
    return new Map(
      topics.map(({ datasetId, name }) => [
        datasetId,
        {
          topicId: topicIds.get(name) ?? null,
          looks: new Map((byDataset.get(datasetId) ?? []).map((row) => [row.hold_id, row])),
          accountFields: (fields.get(datasetId) ?? []).map((row) => row.account_field),
          ranges: ranges.get(name) ?? null,
        },
      ]),
    );
  }

  async #remember(
    topic: LookedTopic,
    seen: {
      readonly facts: LookFacts;
      readonly open: readonly ActiveHold[];
      readonly found: ReadonlySet<string>;
      readonly positions: ReadonlyMap<number, bigint>;
      readonly isThrough: boolean;
    },
  ): Promise<void> {
    const looked = Object.fromEntries([...seen.positions].map(([partition, offset]) => [partition, String(offset)]));
    const rows = seen.open.map(({ id }) => ({ hold_id: id, carries: seen.found.has(id) }));
    await this.#em.fork().execute(
      `insert into topic_hold_look (dataset_id, hold_id, topic, topic_id, account_fields, carries, looked, through_at)
       select ?, hold_id, ?, ?, ?::text[], carries, ?::jsonb, case when ? then now() end
       from jsonb_to_recordset(?::jsonb) given(hold_id text, carries boolean)
       on conflict (dataset_id, hold_id) do update
         set topic = excluded.topic, topic_id = excluded.topic_id, account_fields = excluded.account_fields,
             carries = topic_hold_look.carries or excluded.carries, looked = excluded.looked, through_at = excluded.through_at`,
      [
        topic.datasetId,
        topic.name,
        seen.facts.topicId,
        textArray(seen.facts.accountFields),
        JSON.stringify(looked),
        seen.isThrough,
        JSON.stringify(rows),
      ],
    );
  }
}
