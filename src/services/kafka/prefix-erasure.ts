import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Selection } from '../../domain/governance/selection.ts';
import { ExpiredPrefix, type PrefixPart } from '../../domain/kafka/expired-prefix.ts';
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
import type { KafkaGateway, KafkaMessage, TopicDescription } from './ports.ts';
import type { RecordReader } from './record-reader.ts';
import type { StreamReadModel } from './stream.read-model.ts';
import type { StreamProgress } from './stream-progress.ts';
import { missing, pausedGap } from './tombstone-erasure.ts';
import { movedGroup } from './topic-positions.ts';

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
    const expired = await this.#expired(place.name, topic);
    if (expired.size === 0) return null;
    const survey = await this.#survey(place, selection, { expired });
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
    const { place, signal, lease } = context;
    const topic = await this.#deps.kafka.describeTopic(place.name);
    if (topic === null) return { ...nothingDone, open: [missing(place)] };
    if ((await context.selectionNow()).minimum !== undefined) return { ...nothingDone, open: [minimumCame(place)] };
    const found = await this.#survey(place, await context.selectionNow(), {
      expired: await this.#expired(place.name, topic),
      signal,
    });
    const wanted = cutsOf(found.parts());
    const open = wanted.size === 0 ? [] : await this.#stillNeeded(context, wanted);
    let left = found.left;
    let [parts, groups]: [readonly PrefixPart[], readonly MovedGroup[]] = [[], []];
    if (open.length === 0 && wanted.size > 0) {
      // Holds may have come while streams were waited for.
      const now = await context.selectionNow();
      if (now.minimum !== undefined) return { ...nothingDone, open: [minimumCame(place)] };
      const again = await this.#survey(place, now, { expired: wanted, signal, isAll: false });
      parts = again.parts();
      left += again.left;
      await lease.assertHeld();
      groups = await this.#moveGroups(place, cutsOf(parts));
      await lease.assertHeld();
      if (parts.length > 0) await this.#deps.kafka.topics.deleteRecords(place.name, textsOf(cutsOf(parts)));
    }
    if (left > 0) open.push(leftGap(place, left));
    return this.#receipt(context, topic, { parts, groups, open });
  }

  /** What stood in the plan is gone where the log begins behind it. */
  async soFar(context: ExecutionContext): Promise<TargetReceipt | null> {
    const topic = await this.#deps.kafka.describeTopic(context.place.name);
    return topic === null ? null : this.#receipt(context, topic, { parts: [], groups: [], open: [] });
  }

  /** Offsets before which everything is older than the topic keeps records, where there is something. */
  async #expired(name: string, { config }: TopicDescription): Promise<Cuts> {
    const keptMs = Number(config['retention.ms'] ?? -1);
    if (config['cleanup.policy'] !== 'delete' || !(keptMs >= 0)) return new Map();
    const since = Date.now() - keptMs;
    if (since < 0) return new Map();
    const young = await this.#deps.kafka.topics.offsetsAt(name, since);
    const ranges = await this.#deps.kafka.offsets(name);
    const starts = new Map(ranges.map(({ partition, earliest }) => [partition, BigInt(earliest)]));
    const ends = [...young].map(([partition, offset]) => [partition, BigInt(offset)] as const);
    return new Map(ends.filter(([partition, end]) => end > (starts.get(partition) ?? end)));
  }

  /** Of the whole topic, or only of what is expired. */
  async #survey(
    place: TargetPlace,
    selection: Selection,
    {
      expired,
      signal,
      isAll = true,
    }: { readonly expired: Cuts; readonly signal?: AbortSignal; readonly isAll?: boolean },
  ): Promise<ExpiredPrefix> {
    const { kafka, em, records } = this.#deps;
    const prefix = new ExpiredPrefix({ ...place, selection, expired, holds: await activeHolds(em, null) });
    const pass = records.pass();
    const add = async ({ partition, offset, value, headers }: KafkaMessage) => {
      prefix.add(partition, BigInt(offset), value === null ? null : await pass.read(value, headers));
    };
    const ranges = isAll ? [] : await kafka.offsets(place.name);
    const to = new Map(ranges.map(({ partition }) => [partition, expired.get(partition) ?? 0n]));
    await kafka.scan(place.name, add, signal, { to });
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

  /** A group whose offset is gone would go on wherever its consumers are set to, which may be the end. */
  async #moveGroups(place: TargetPlace, cuts: Cuts): Promise<readonly MovedGroup[]> {
    const moved: MovedGroup[] = [];
    for (const { group, behind } of await this.#groupsBehind(place, cuts)) {
      const to = new Map([...behind.keys()].map((partition) => [partition, cuts.get(partition) ?? 0n]));
      await this.#deps.kafka.topics.commitOffsets(group, place.name, textsOf(to));
      moved.push(movedGroup(group, behind, to));
    }
    return moved;
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
    done: { readonly parts: readonly PrefixPart[]; readonly groups: readonly MovedGroup[]; readonly open: Gap[] },
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
      residues: recordsErased === 0 ? [] : [segmentResidue(place, topic)],
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

function segmentResidue({ name }: TargetPlace, { config }: TopicDescription): Residue {
  const waits = ['retention.ms', 'segment.ms', 'file.delete.delay.ms'].map((one) => Number(config[one] ?? Number.NaN));
  const total = waits.reduce((all, wait) => all + wait, 0);
  const isKnown = Number.isFinite(total) && total < 3_650 * 86_400_000;
  return {
    dataset: name,
    reason: 'nobody can read them any more; their bytes stay in a segment file for as long as it holds later records',
    until: isKnown ? new Date(Date.now() + total).toISOString() : null,
  };
}

const cutsOf = (parts: readonly PrefixPart[]): Cuts => new Map(parts.map(({ partition, cut }) => [partition, cut]));

const textsOf = (cuts: Cuts): Map<number, string> =>
  new Map([...cuts].map(([partition, offset]) => [partition, String(offset)]));

function sum<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}
