import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { ActiveHold } from '../../domain/governance/hold-scope.ts';
import type { Selection } from '../../domain/governance/selection.ts';
import { ExpiredPrefix, type PrefixPart, type Reach } from '../../domain/kafka/expired-prefix.ts';
import { holdsIn } from '../../domain/kafka/hold-look.ts';
import { groupOf } from '../../domain/kafka/stream-name.ts';
import {
  type Gap,
  nothingDone,
  type Residue,
  type TargetEstimate,
  type TargetPlace,
  type TargetReceipt,
} from '../../domain/operations/target.ts';
import type { MovedGroup } from '../../entities/topic-rewrite.entity.ts';
import { activeHolds } from '../governance/retains.ts';
import type { ExecutionContext } from '../operations/ports.ts';
import { accountFieldsOf } from './account-fields.ts';
import type { KafkaGateway, KafkaMessage, TopicDescription } from './ports.ts';
import type { RecordReader } from './record-reader.ts';
import type { StreamReadModel } from './stream.read-model.ts';
import type { StreamProgress } from './stream-progress.ts';
import { missing, pausedGap } from './tombstone-erasure.ts';
import { movedGroup } from './topic-positions.ts';
import { approvedKeptMs } from './topic-retention-approval.ts';

const streamWaitMs = 10_000;
/** Messages a second that a scan reads on one core; only for the estimate. */
const scanRate = 50_000;

export interface PrefixErasureDeps {
  readonly em: EntityManager;
  readonly kafka: KafkaGateway;
  readonly streams: Pick<StreamReadModel, 'streamsFrom'>;
  readonly progress: Pick<StreamProgress, 'passed'>;
  readonly records: RecordReader;
}

type Cuts = ReadonlyMap<number, bigint>;

/** What went, and which groups were moved for that. */
interface Done {
  readonly parts: readonly PrefixPart[];
  readonly groups: readonly MovedGroup[];
}

/** By what is judged which records may go. */
interface Claims {
  readonly id: string | null;
  readonly topic: TopicDescription;
  readonly reach: Reach;
  readonly selection: Selection;
  readonly holds: readonly ActiveHold[];
}

const plannedPart = z.object({
  partition: z.number(),
  cut: z.string().transform(BigInt),
  records: z.number(),
});

/**
 * Erases what stands at the start of a log by moving the start (DeleteRecords): where everything up to the last record of
 * the selection is older than the topic keeps records anyway. Nothing is copied, and nobody is pointed elsewhere.
 */
export class PrefixErasure {
  readonly #deps: PrefixErasureDeps;

  constructor(deps: PrefixErasureDeps) {
    this.#deps = deps;
  }

  /** Null where that does not reach all records of the selection. */
  async plan(place: TargetPlace, selection: Selection, topic: TopicDescription): Promise<TargetEstimate | null> {
    // Others' records would go along, and a minimum keeps those, too.
    if (selection.minimum !== undefined) return null;
    const reach = await this.#reach(topic, place.datasetId);
    if (reach.ends.size === 0) return null;
    const survey = await this.#survey(place, { selection, reach, holds: await this.#holdsIn(place) });
    const parts = survey.parts();
    if (survey.left > 0 || parts.length === 0) return null;
    return {
      action: 'DELETE_RECORDS',
      files: 0,
      bytes: 0,
      records: sum(parts, ({ records }) => records),
      seconds: Math.ceil((2 * survey.messages) / scanRate),
      gaps: survey.unreadable.reasons().map((reason) => ({ code: 'MESSAGE_UNREADABLE', dataset: place.name, reason })),
      manifest: parts.map(({ partition, cut, records, others }) => {
        return { partition, cut: String(cut), records, expiredOthers: others };
      }),
    };
  }

  /** @throws LinewardError UPSTREAM_BEHIND, LEASE_LOST, KAFKA_UNAVAILABLE; call again then. */
  async execute(context: ExecutionContext): Promise<TargetReceipt> {
    const { place, signal } = context;
    for (;;) {
      const claims = await this.#claims(context);
      if (claims === null) return { ...nothingDone, open: [missing(place)] };
      if (claims.selection.minimum !== undefined) return { ...nothingDone, open: [minimumCame(place)] };
      const found = await this.#survey(place, { ...claims, signal });
      const parts = found.parts();
      const open = parts.length === 0 ? [] : await this.#stillNeeded(context, cutsOf(parts));
      const isOver = parts.length === 0 || open.length > 0;
      const done = isOver ? { parts: [], groups: [] } : await this.#cut(context, claims, parts);
      if (done === null) continue;
      if (found.left > 0) open.push(leftGap(place, found.left));
      return this.#receipt(context, claims.topic, { ...done, open, newest: found.newest });
    }
  }

  /** What stood in the plan is gone where the log begins behind it. */
  async soFar(context: ExecutionContext): Promise<TargetReceipt | null> {
    const topic = await this.#deps.kafka.describeTopic(context.place.name);
    return topic === null ? null : this.#receipt(context, topic, { parts: [], groups: [], open: [], newest: 0 });
  }

  /**
   * Up to where the log is past its time: nowhere, where it goes by something else than age. A broker that deletes sooner than
   * was approved has drifted, and is not followed.
   */
  async #reach({ name, config }: TopicDescription, datasetId: string): Promise<Reach> {
    const keptMs = await approvedKeptMs(this.#deps.em, datasetId, config['retention.ms'] ?? '-1');
    const youngFrom = Date.now() - keptMs;
    if (config['cleanup.policy'] !== 'delete' || !(keptMs >= 0) || youngFrom < 0)
      return { youngFrom: 0, ends: new Map() };
    const young = await this.#deps.kafka.topics.offsetsAt(name, youngFrom);
    const ranges = await this.#deps.kafka.offsets(name);
    const starts = new Map(ranges.map(({ partition, earliest }) => [partition, BigInt(earliest)]));
    const ends = [...young].map(([partition, offset]) => [partition, BigInt(offset)] as const);
    return { youngFrom, ends: new Map(ends.filter(([partition, end]) => end > (starts.get(partition) ?? end))) };
  }

  /** Null where there is no such topic. */
  async #claims(context: ExecutionContext): Promise<Claims | null> {
    const { kafka } = this.#deps;
    const { name } = context.place;
    const [id, topic] = [await this.#idOf(name), await kafka.describeTopic(name)];
    if (topic === null) return null;
    const [reach, selection] = [await this.#reach(topic, context.place.datasetId), await context.selectionNow()];
    return { id, topic, reach, selection, holds: await this.#holdsIn(context.place) };
  }

  async #holdsIn({ datasetId }: TargetPlace): Promise<readonly ActiveHold[]> {
    return holdsIn(await activeHolds(this.#deps.em, null), datasetId);
  }

  /** Null where something has come meanwhile, since to read a log and to wait for who reads it takes its time; all is as it was then. */
  async #cut(context: ExecutionContext, claims: Claims, parts: readonly PrefixPart[]): Promise<Done | null> {
    const { place, lease } = context;
    const { topics } = this.#deps.kafka;
    const cuts = cutsOf(parts);
    const groups = await this.#groupsBehind(place, cuts);
    if (groups.some(({ isActive }) => isActive)) return null;
    await lease.assertHeld();
    // A group whose offset is gone would go on wherever its consumers are set to, which may be the end.
    const moved = groups.map(({ group, behind }) => movedGroup(group, behind, cuts));
    for (const { group, behind } of groups)
      await topics.commitOffsets(group, place.name, textsOf(within(cuts, behind)));
    await lease.assertHeld();
    if (await this.#isAsBefore(context, claims, cuts)) {
      await topics.deleteRecords(place.name, textsOf(cuts));
      return { parts, groups: moved };
    }
    for (const { group, behind } of groups) await topics.commitOffsets(group, place.name, textsOf(behind));
    return null;
  }

  /** Whether the same topic still gives up what is to go, and nobody has claimed anything else meanwhile. */
  async #isAsBefore(context: ExecutionContext, before: Claims, cuts: Cuts): Promise<boolean> {
    const now = await this.#claims(context);
    const text = ({ id, selection, holds }: Claims) =>
      JSON.stringify({
        id,
        holds: holds.map((hold) => [hold.id, hold.selectors]),
        act: selection.act,
        keep: selection.keep,
        minimum: selection.minimum,
      });
    if (now === null || text(now) !== text(before)) return false;
    return [...cuts].every(([partition, cut]) => cut <= (now.reach.ends.get(partition) ?? 0n));
  }

  async #idOf(name: string): Promise<string | null> {
    const { topics } = await this.#deps.kafka.cluster.describe([name]);
    return topics[0]?.id ?? null;
  }

  async #survey(
    place: TargetPlace,
    { selection, reach, holds, signal }: Omit<Claims, 'id' | 'topic'> & { readonly signal?: AbortSignal },
  ): Promise<ExpiredPrefix> {
    const { kafka, em, records } = this.#deps;
    const { accountField, subjectFields } = place;
    const holdFields = [...new Set([accountField, ...(await accountFieldsOf(em, place.datasetId))])];
    const prefix = new ExpiredPrefix({ selection, holds, reach, accountField, subjectFields, holdFields });
    const pass = records.pass();
    const add = async (message: KafkaMessage) => {
      const { value, headers } = message;
      prefix.add(message, value === null ? null : await pass.read(value, headers));
    };
    await kafka.scan(place.name, add, signal);
    return prefix;
  }

  /** Who has not yet read what is to go. Streams of ours are waited for. */
  async #stillNeeded({ place, signal }: ExecutionContext, cuts: Cuts): Promise<Gap[]> {
    const { datasetId, name } = place;
    const { paused } = await this.#deps.progress.passed({ datasetId, name }, cuts, { waitMs: streamWaitMs, signal });
    const active = (await this.#groupsBehind(place, cuts)).filter(({ isActive }) => isActive);
    return [
      ...paused.map((stream) => pausedGap(place, stream)),
      ...active.map(({ group }) => ({
        code: 'CONSUMER_ACTIVE',
        dataset: name,
        reason: `the consumer group ${group} is at work and has not yet read what is to be deleted; retry when it has, or has stopped`,
      })),
    ];
  }

  async #groupsBehind({ datasetId, name }: TargetPlace, cuts: Cuts) {
    const own = new Set((await this.#deps.streams.streamsFrom(datasetId)).map(({ id }) => groupOf(id)));
    const groups = (await this.#deps.kafka.topics.groupsOn(name)).filter(({ group }) => !own.has(group));
    return groups.flatMap(({ group, isActive, offsets }) => {
      const positions = [...offsets].map(([partition, offset]) => [partition, BigInt(offset)] as const);
      const behind = new Map(positions.filter(([partition, offset]) => offset < (cuts.get(partition) ?? 0n)));
      return behind.size === 0 ? [] : [{ group, isActive, behind }];
    });
  }

  async #receipt(
    { place, planned }: ExecutionContext,
    topic: TopicDescription,
    done: Done & { readonly open: Gap[]; readonly newest: number },
  ): Promise<TargetReceipt> {
    const ranges = await this.#deps.kafka.offsets(place.name);
    const parts = new Map(done.parts.map((part) => [part.partition, part]));
    const before = new Map(planned.manifest.map((part) => plannedPart.parse(part)).map((one) => [one.partition, one]));
    const partitions = ranges.map(({ partition, earliest, latest }) => {
      const [now, then] = [parts.get(partition), before.get(partition)];
      // A run before this one may have been killed when it had deleted them.
      const earlier = then === undefined || now !== undefined || BigInt(earliest) < then.cut ? 0 : then.records;
      return { partition, earliest, latest, erased: (now?.records ?? 0) + earlier, expiredOthers: now?.others ?? 0 };
    });
    const recordsErased = sum(partitions, ({ erased }) => erased);
    return {
      ...nothingDone,
      recordsErased,
      evidence: [{ partitions, groups: done.groups }],
      residues: recordsErased === 0 ? [] : [segmentResidue(place, topic, done.newest)],
      open: done.open,
    };
  }
}

const minimumCame = ({ name }: TargetPlace): Gap => ({
  code: 'RETAINS_CHANGED',
  dataset: name,
  reason: 'a minimum retention was set since the plan; retry, and the topic is rewritten without what it does not keep',
});

function leftGap({ name }: TargetPlace, left: number): Gap {
  const reason = `${left} record(s) stand behind some that are still to be kept; retry, and the topic is rewritten without them`;
  return { code: 'SURVIVORS', dataset: name, reason };
}

/** A file goes by its newest record, of which the timestamp may lie in the future. */
function segmentResidue({ name }: TargetPlace, { config }: TopicDescription, newest: number): Residue {
  const waits = ['retention.ms', 'segment.ms', 'file.delete.delay.ms'].map((one) => Number(config[one] ?? Number.NaN));
  const total = waits.reduce((all, wait) => all + wait, 0);
  const until = Math.max(Date.now(), newest) + total;
  const isKnown = Number.isFinite(total) && until < Date.now() + 3_650 * 86_400_000;
  return {
    dataset: name,
    reason: 'nobody can read them any more; their bytes stay in a segment file for as long as it holds later records',
    until: isKnown ? new Date(until).toISOString() : null,
  };
}

const cutsOf = (parts: readonly PrefixPart[]): Cuts => new Map(parts.map(({ partition, cut }) => [partition, cut]));

/** Of the partitions in which a group stands. */
const within = (cuts: Cuts, behind: Cuts): Cuts => new Map([...cuts].filter(([partition]) => behind.has(partition)));

const textsOf = (cuts: Cuts): Map<number, string> =>
  new Map([...cuts].map(([partition, offset]) => [partition, String(offset)]));

function sum<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}
