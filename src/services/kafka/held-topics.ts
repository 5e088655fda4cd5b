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

interface Hold {
  readonly id: string;
  readonly selector: SubjectSelector;
}

interface Look {
  readonly topic: string;
  readonly carries: boolean;
  /** Next offsets by partition. */
  readonly looked: Readonly<Record<string, string>>;
}

interface Facts {
  readonly looks: ReadonlyMap<string, Look>;
  readonly accountFields: readonly string[];
  readonly ranges: readonly PartitionRange[];
}

/**
 * Which legal holds concern records of a topic. A hold names an account or a person, not a place: each topic is looked
 * through once for each hold, and then only what is new. Until that is done, the hold counts.
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

  /** Looks through what was not looked through yet, for a limited time. */
  async look(topic: LookedTopic, signal: AbortSignal): Promise<void> {
    const holds = await this.#activeHolds();
    const facts = (await this.#factsOf([topic])).get(topic.datasetId) ?? noFacts;
    if (holds.length === 0 || facts.accountFields.length === 0) return;
    const open = holds.filter(({ id }) => {
      const look = lookOf(facts, topic.name, id);
      return look?.carries !== true && !isThrough(look, facts.ranges);
    });
    if (open.length > 0) await this.#lookFor(topic, { open, facts, signal });
  }

  async #lookFor(
    topic: LookedTopic,
    { open, facts, signal }: { readonly open: readonly Hold[]; readonly facts: Facts; readonly signal: AbortSignal },
  ): Promise<void> {
    const found = new Set<string>();
    const positions = new Map(facts.ranges.map(({ partition }) => [partition, startOf(partition, open, facts, topic)]));
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
    const ownEnd = AbortSignal.any([enough.signal, AbortSignal.timeout(this.#lookMs)]);
    const to = new Map(facts.ranges.map(({ partition, latest }) => [partition, latest]));
    try {
      const within = { from: new Map(positions), to };
      await scanBatches(this.#kafka, topic.name, each, { signal: AbortSignal.any([signal, ownEnd]), within });
      for (const [partition, end] of to) positions.set(partition, end);
    } catch (error) {
      const isOwnEnd = ownEnd.aborted && error instanceof LinewardError && error.code === 'CANCELLED';
      if (!isOwnEnd || signal.aborted) throw error;
    }
    await this.#remember(topic, { open, found, positions });
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
      `select distinct dataset_id, account_field from mapping where role = 'TOPIC' and dataset_id = any(?::text[])`,
      [ids],
    );
    const looks = await em.execute<({ dataset_id: string; hold_id: string } & Look)[]>(
      `select k.dataset_id, k.hold_id, k.topic, k.carries, k.looked from topic_hold_look k
       join legal_hold h on h.id = k.hold_id and h.released_at is null where k.dataset_id = any(?::text[])`,
      [ids],
    );
    const described = await this.#kafka.cluster.describe(topics.map(({ name }) => name));
    const ranges = await this.#kafka.cluster.ranges(described.topics);
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
          ranges: ranges.get(name) ?? [],
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
    },
  ): Promise<void> {
    const looked = Object.fromEntries([...seen.positions].map(([partition, offset]) => [partition, String(offset)]));
    const rows = seen.open.map(({ id }) => ({ hold_id: id, carries: seen.found.has(id) }));
    await this.#em.fork().execute(
      `insert into topic_hold_look (dataset_id, hold_id, topic, carries, looked, updated_at)
       select ?, hold_id, ?, carries, ?::jsonb, now()
       from jsonb_to_recordset(?::jsonb) given(hold_id text, carries boolean)
       on conflict (dataset_id, hold_id) do update
         set topic = excluded.topic, carries = topic_hold_look.carries or excluded.carries, looked = excluded.looked,
             updated_at = now()`,
      [topic.datasetId, topic.name, JSON.stringify(looked), JSON.stringify(rows)],
    );
  }
}

const noFacts: Facts = { looks: new Map(), accountFields: [], ranges: [] };

/** What was seen of a topic says nothing about where its next generation was looked through; what it carries, that does too. */
function lookOf(facts: Facts, topic: string, holdId: string): Look | undefined {
  const look = facts.looks.get(holdId);
  return look === undefined || look.topic === topic || look.carries ? look : { ...look, looked: {} };
}

function holdsOf(holds: readonly Hold[], topic: string, facts: Facts): readonly HoldOnTopic[] {
  return holds.flatMap(({ id: holdId }): readonly HoldOnTopic[] => {
    if (facts.accountFields.length === 0) return [{ holdId, why: 'NO_ENTITY' }];
    const look = lookOf(facts, topic, holdId);
    if (look?.carries === true) return [{ holdId, why: 'CARRIES' }];
    return isThrough(look, facts.ranges) ? [] : [{ holdId, why: 'NOT_LOOKED_THROUGH' }];
  });
}

const isThrough = (look: Look | undefined, ranges: readonly PartitionRange[]): boolean =>
  ranges.every(
    ({ partition, earliest, latest }) => earliest >= latest || BigInt(look?.looked[partition] ?? -1) >= latest,
  );

function startOf(partition: number, open: readonly Hold[], facts: Facts, { name }: LookedTopic): bigint {
  const starts = open.map(({ id }) => BigInt(lookOf(facts, name, id)?.looked[partition] ?? 0));
  return starts.toSorted((one, other) => (one < other ? -1 : 1))[0] ?? 0n;
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
