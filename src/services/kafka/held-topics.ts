import type { EntityManager } from '@mikro-orm/postgresql';
import { isSelected, type SubjectSelector } from '../../domain/governance/selection.ts';
import type { ReadRecord } from '../../domain/kafka/record-content.ts';
import { recordKeys } from '../../domain/kafka/table-view.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';
import { scanBatches } from './message-batches.ts';
import type { KafkaGateway, KafkaMessage, PartitionRange } from './ports.ts';
import type { RecordReader } from './record-reader.ts';

/** Longest time of one look into a topic; the next one goes on where it ended. Milliseconds. */
const lookMsDefault = 20_000;
/** What came since a look is too young to be deleted by age; so long at most it need not be looked at. */
const lookAgeMax = '1 hour';

export interface LookedTopic {
  readonly datasetId: string;
  readonly name: string;
}

/** Why a hold counts for a topic. */
export interface HoldOnTopic {
  readonly holdId: string;
  /** It carries records of the hold; or it was not looked through yet; or nobody can say whose its records are. */
  readonly why: 'CARRIES' | 'NOT_LOOKED_THROUGH' | 'NO_ENTITY';
}

export interface LookFailure {
  readonly topic: LookedTopic;
  readonly error: unknown;
}

interface Hold {
  readonly id: string;
  readonly selector: SubjectSelector;
}

interface Look {
  readonly topic: string;
  /** By which accounts were looked for. */
  readonly account_fields: readonly string[];
  readonly carries: boolean;
  /** Next offsets by partition. */
  readonly looked: Readonly<Record<string, string>>;
  /** All that was there a short while ago was looked through. */
  readonly is_through: boolean;
}

interface Facts {
  readonly looks: ReadonlyMap<string, Look>;
  readonly accountFields: readonly string[];
  /** Null when not all partitions tell: nobody can say then what was looked through. */
  readonly ranges: readonly PartitionRange[] | null;
}

/**
 * Which legal holds concern records of a topic. A hold names an account or a person, not a place: each topic is looked
 * through once for each hold, and then again and again what is new. Until the first is done, the hold counts.
 */
export class HeldTopics {
  readonly #em: EntityManager;
  readonly #kafka: Pick<KafkaGateway, 'scan' | 'cluster'>;
  readonly #records: RecordReader;
  readonly #lookMs: number;

  constructor(deps: {
    readonly em: EntityManager;
    readonly kafka: Pick<KafkaGateway, 'scan' | 'cluster'>;
    readonly records: RecordReader;
    readonly lookMs?: number;
  }) {
    this.#em = deps.em;
    this.#kafka = deps.kafka;
    this.#records = deps.records;
    this.#lookMs = deps.lookMs ?? lookMsDefault;
  }

  /** Active holds by dataset, as far as topics were looked through. */
  async holdsOn(topics: readonly LookedTopic[]): Promise<ReadonlyMap<string, readonly HoldOnTopic[]>> {
    const holds = topics.length === 0 ? [] : await this.#activeHolds();
    if (holds.length === 0) return new Map();
    const facts = await this.#factsOf(topics);
    return new Map(
      topics.map(({ datasetId, name }) => [datasetId, holdsOf(holds, name, facts.get(datasetId) ?? noFacts)]),
    );
  }

  /** Looks through what is new, each topic for a limited time. Answers those that it failed for. */
  async look(topics: readonly LookedTopic[], signal: AbortSignal): Promise<readonly LookFailure[]> {
    const holds = topics.length === 0 ? [] : await this.#activeHolds();
    if (holds.length === 0) return [];
    const allFacts = await this.#factsOf(topics);
    const failures: LookFailure[] = [];
    for (const topic of topics) {
      const facts = allFacts.get(topic.datasetId) ?? noFacts;
      const { ranges } = facts;
      if (facts.accountFields.length === 0 || ranges === null) continue;
      const open = holds.filter(({ id }) => {
        const look = lookOf(facts, topic.name, id);
        return look?.carries !== true && !(isCurrent(look, ranges) && isAtEnd(look, ranges));
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
      readonly open: readonly Hold[];
      readonly facts: Facts;
      readonly ranges: readonly PartitionRange[];
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { open, facts, ranges, signal } = work;
    const found = new Set<string>();
    const positions = new Map(ranges.map(({ partition }) => [partition, startOf(partition, work, topic)]));
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
    await this.#remember(topic, { open, found, positions, isThrough, accountFields: facts.accountFields });
  }

  async #activeHolds(): Promise<readonly Hold[]> {
    const rows = await this.#em
      .fork()
      .execute<{ id: string; account_id: string; subject_field: string | null; subject_value: string | null }[]>(
        'select id, account_id, subject_field, subject_value from legal_hold where released_at is null order by id',
      );
    return rows.map(({ id, account_id: accountId, subject_field: field, subject_value: value }) => ({
      id,
      selector: { accountId, ...(field === null || value === null ? {} : { subject: { field, value } }) },
    }));
  }

  async #factsOf(topics: readonly LookedTopic[]): Promise<ReadonlyMap<string, Facts>> {
    const ids = textArray(topics.map(({ datasetId }) => datasetId));
    const em = this.#em.fork();
    const mappings = await em.execute<{ dataset_id: string; account_field: string }[]>(
      `select distinct dataset_id, account_field from mapping where role = 'TOPIC' and dataset_id = any(?::text[])
       order by dataset_id, account_field`,
      [ids],
    );
    const looks = await em.execute<({ dataset_id: string; hold_id: string } & Look)[]>(
      `select k.dataset_id, k.hold_id, k.topic, k.account_fields, k.carries, k.looked,
         coalesce(k.through_at > now() - ?::interval, false) as is_through from topic_hold_look k
       join legal_hold h on h.id = k.hold_id and h.released_at is null where k.dataset_id = any(?::text[])`,
      [lookAgeMax, ids],
    );
    const described = await this.#kafka.cluster.describe(topics.map(({ name }) => name));
    const told = await this.#kafka.cluster.ranges(described.topics);
    const whole = described.topics.filter(({ name, partitions }) => told.get(name)?.length === partitions.length);
    const ranges = new Map(whole.map(({ name }) => [name, told.get(name) ?? null]));
    const [fields, byDataset] = [
      Map.groupBy(mappings, (row) => row.dataset_id),
      Map.groupBy(looks, (row) => row.dataset_id),
    ];
    return new Map(
      topics.map(({ datasetId, name }) => [
        datasetId,
        {
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
      readonly open: readonly Hold[];
      readonly found: ReadonlySet<string>;
      readonly positions: ReadonlyMap<number, bigint>;
      readonly accountFields: readonly string[];
      readonly isThrough: boolean;
    },
  ): Promise<void> {
    const looked = Object.fromEntries([...seen.positions].map(([partition, offset]) => [partition, String(offset)]));
    const rows = seen.open.map(({ id }) => ({ hold_id: id, carries: seen.found.has(id) }));
    await this.#em.fork().execute(
      `insert into topic_hold_look (dataset_id, hold_id, topic, account_fields, carries, looked, through_at)
       select ?, hold_id, ?, ?::text[], carries, ?::jsonb, case when ? then now() end
       from jsonb_to_recordset(?::jsonb) given(hold_id text, carries boolean)
       on conflict (dataset_id, hold_id) do update
         set topic = excluded.topic, account_fields = excluded.account_fields, carries = topic_hold_look.carries or excluded.carries, looked = excluded.looked,
             through_at = excluded.through_at`,
      [
        topic.datasetId,
        topic.name,
        textArray(seen.accountFields),
        JSON.stringify(looked),
        seen.isThrough,
        JSON.stringify(rows),
      ],
    );
  }
}

const noFacts: Facts = { looks: new Map(), accountFields: [], ranges: null };

/**
 * What was seen of a topic says nothing about its next generation, or about accounts in other fields; but what it carries,
 * that does too.
 */
function lookOf(facts: Facts, topic: string, holdId: string): Look | undefined {
  const look = facts.looks.get(holdId);
  const isSame = look?.topic === topic && look.account_fields.join() === facts.accountFields.join();
  return look === undefined || isSame || look.carries ? look : { ...look, looked: {}, is_through: false };
}

function holdsOf(holds: readonly Hold[], topic: string, facts: Facts): readonly HoldOnTopic[] {
  return holds.flatMap(({ id: holdId }): readonly HoldOnTopic[] => {
    if (facts.accountFields.length === 0) return [{ holdId, why: 'NO_ENTITY' }];
    const look = lookOf(facts, topic, holdId);
    if (look?.carries === true) return [{ holdId, why: 'CARRIES' }];
    return facts.ranges !== null && isCurrent(look, facts.ranges) ? [] : [{ holdId, why: 'NOT_LOOKED_THROUGH' }];
  });
}

/** A place behind the end is one in a topic of that name that was deleted since. */
const isCurrent = (look: Look | undefined, ranges: readonly PartitionRange[]): boolean =>
  ranges.every(
    ({ partition, earliest, latest }) =>
      earliest >= latest || (look?.is_through === true && placeIn(look, partition) <= latest),
  );

const isAtEnd = (look: Look | undefined, ranges: readonly PartitionRange[]): boolean =>
  ranges.every(({ partition, earliest, latest }) => earliest >= latest || placeIn(look, partition) === latest);

const placeIn = (look: Look | undefined, partition: number): bigint => BigInt(look?.looked[partition] ?? 0);

function startOf(
  partition: number,
  {
    open,
    facts,
    ranges,
  }: { readonly open: readonly Hold[]; readonly facts: Facts; readonly ranges: readonly PartitionRange[] },
  { name }: LookedTopic,
): bigint {
  const end = ranges.find((range) => range.partition === partition)?.latest ?? 0n;
  const starts = open.map(({ id }) => placeIn(lookOf(facts, name, id), partition));
  return starts.map((start) => (start > end ? 0n : start)).toSorted((one, other) => (one < other ? -1 : 1))[0] ?? 0n;
}

/** What cannot be read may be anybody's. */
function concerns({ selector }: Hold, content: ReadRecord, accountFields: readonly string[]): boolean {
  if (!content.ok) return true;
  const { subject } = selector;
  return accountFields.some((field) => {
    const keys = recordKeys(content.record, field, subject === undefined ? [] : [subject.field]);
    return isSelected({ act: [selector], keep: [] }, keys.accountId, (name) => keys.subjects[name] ?? null);
  });
}
