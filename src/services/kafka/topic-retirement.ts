import { setTimeout as sleep } from 'node:timers/promises';
import { isSameSelection, type Selection } from '../../domain/governance/selection.ts';
import type { Gap } from '../../domain/operations/target.ts';
import type {
  MovedGroup,
  OffsetTexts,
  TopicComparisonResult,
  TopicPurge,
  TopicRewriteRow,
} from '../../entities/topic-rewrite.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { GroupOnTopic, TopicDescription } from './ports.ts';
import { TopicComparison } from './topic-comparison.ts';
import { type CopyWork, rewriteGroup, TopicCopy } from './topic-copy.ts';
import { movedGroup, toBigInts, toTexts, translated } from './topic-positions.ts';
import type { TopicRewrites } from './topic-rewrites.ts';

/** Times that both topics are compared anew because holds changed meanwhile. */
const comparisonsMax = 4;
/** Times that the rest of what others write is copied before they count as active. */
const drainsMax = 3;
/** A broker keeps files that are to be deleted for so long, unless it is set otherwise; milliseconds. */
const [fileDelayMs, fileDelayMaxMs] = [60_000, 3_650 * 86_400_000];
/** Times, and milliseconds between them, that are waited for a deletion. */
const [goneTries, goneMs] = [50, 100];

export interface RetirementDeps {
  /** Nobody writes to a topic that had no new record for so long. */
  readonly quietMs: number;
  /** Groups of our own streams out of the topic; they have moved with the switch. */
  readonly ownGroups: () => Promise<readonly string[]>;
}

/**
 * Ends the life of a topic whose next generation is in force: copies what others still write to it, carries over the
 * positions of consumer groups, compares both topics, and only then, and only if nobody writes or reads there any more,
 * deletes it.
 */
export class TopicRetirement {
  readonly #deps: RetirementDeps;
  readonly #work: CopyWork;
  readonly #rewrites: TopicRewrites;
  #row: TopicRewriteRow;
  /** What was kept when both topics were compared; null when this process has not compared them. */
  #comparedUnder: Selection | null = null;
  /** What a purge was begun with, and perhaps went on with before it was killed. */
  #comparedBefore: TopicComparisonResult | null = null;

  constructor(deps: RetirementDeps, work: CopyWork, rewrites: TopicRewrites) {
    this.#deps = deps;
    this.#work = work;
    this.#rewrites = rewrites;
    this.#row = work.row;
  }

  /** What keeps the old topic from being deleted; nothing when it is gone. */
  async run(): Promise<readonly Gap[]> {
    for (let comparisons = 0; comparisons < comparisonsMax; comparisons += 1) {
      if (this.#row.phase === 'SWITCHED') {
        const open = await this.#settle();
        if (open.length > 0) return open;
      }
      if (this.#row.phase !== 'COMPARED') return [];
      const open = await this.#purge();
      if (open !== null) return open;
    }
    return [gapOf(this.#row, 'RETAINS_CHANGED', 'legal holds or minimums change again and again; retry')];
  }

  async #settle(): Promise<readonly Gap[]> {
    const { kafka } = this.#work;
    if ((await kafka.describeTopic(this.#row.source)) === null) {
      // Somebody deleted it, and with it everything that a comparison could be made with.
      this.#row = await this.#rewrites.move(this.#row, 'COMPARED');
      return [];
    }
    const open = [...(await this.#drain()), ...(await this.#moveGroups())];
    this.#comparedUnder = await this.#work.context.selectionNow();
    const found = await new TopicComparison(this.#work, this.#row.copied).run();
    const comparison = this.#comparedBefore === null ? found : withPurged(this.#comparedBefore, found);
    const lost = comparison.partitions.reduce((sum, one) => sum + one.lost, 0);
    const keptOut = comparison.partitions.reduce((sum, one) => sum + (one.keptOut ?? 0), 0);
    if (keptOut > 0)
      open.push(
        gapOf(
          this.#row,
          'KEPT_IN_SOURCE',
          `a legal hold or a minimum came when ${this.#row.generation} was in force already: ${keptOut} record(s) that it keeps are only here as they were, so it stays until they may go`,
        ),
      );
    if (lost > 0)
      open.push(gapOf(this.#row, 'RECORDS_LOST', `${lost} record(s) are not in ${this.#row.generation} as they were`));
    this.#row = await this.#rewrites.move(this.#row, open.length > 0 ? 'SWITCHED' : 'COMPARED', { comparison });
    return open;
  }

  /** Until nobody has written for a while. */
  async #drain(): Promise<Gap[]> {
    const { context } = this.#work;
    const copy = new TopicCopy({ ...this.#work, row: this.#row });
    for (let drains = 0; drains < drainsMax; drains += 1) {
      await context.lease.assertHeld();
      await sleep(this.#deps.quietMs, undefined, { signal: context.signal });
      const copied = bigIntsOf(this.#row.copied);
      const late = await copy.countBehind(copied);
      if (late === 0) return [];
      const ends = await copy.while(() => copy.reach());
      this.#row = await this.#rewrites.move(this.#row, 'SWITCHED', {
        copied: Object.fromEntries(toTexts(ends)),
        late: this.#row.late + late,
      });
    }
    return [
      gapOf(
        this.#row,
        'PRODUCER_ACTIVE',
        `somebody still writes to it; let them write to ${this.#row.generation}, and retry`,
      ),
    ];
  }

  async #moveGroups(): Promise<Gap[]> {
    const { kafka, context } = this.#work;
    const groups = await this.#foreignGroups();
    const idle = new Map(
      groups.filter(({ isActive }) => !isActive).map(({ group, offsets }) => [group, toBigInts(offsets)]),
    );
    const to = await translated(kafka, this.#row, idle, context.signal);
    const moved: MovedGroup[] = this.#row.groups.filter(({ group }) => !idle.has(group));
    for (const [group, positions] of to) {
      await context.lease.assertHeld();
      await kafka.topics.commitOffsets(group, this.#row.generation, toTexts(positions));
      moved.push(movedGroup(group, idle.get(group) ?? new Map(), positions));
    }
    this.#row = await this.#rewrites.move(this.#row, 'SWITCHED', { groups: moved });
    return groups.filter(({ isActive }) => isActive).map(({ group }) => this.#activeGap(group));
  }

  async #foreignGroups(): Promise<readonly GroupOnTopic[]> {
    const own = new Set([...(await this.#deps.ownGroups()), rewriteGroup(this.#row)]);
    return (await this.#work.kafka.topics.groupsOn(this.#row.source)).filter(({ group }) => !own.has(group));
  }

  #activeGap(group: string): Gap {
    const reason = `the consumer group ${group} still reads it; let it read ${this.#row.generation}, and retry`;
    return gapOf(this.#row, 'CONSUMER_ACTIVE', reason);
  }

  /** Null when what is kept has changed since both were compared: they are compared again. */
  async #purge(): Promise<readonly Gap[] | null> {
    const { kafka, context } = this.#work;
    const { source, generation, config } = this.#row;
    await kafka.topics.configureTopic(generation, config);
    const topic = await kafka.describeTopic(source);
    if (topic !== null) {
      const copied = bigIntsOf(this.#row.copied);
      const active = (await this.#foreignGroups()).filter(({ isActive }) => isActive);
      const isWritten = (await new TopicCopy({ ...this.#work, row: this.#row }).countBehind(copied)) > 0;
      if (isWritten || active.length > 0) {
        this.#row = await this.#rewrites.move(this.#row, 'SWITCHED');
        const written = isWritten ? [gapOf(this.#row, 'PRODUCER_ACTIVE', 'somebody still writes to it; retry')] : [];
        return [...written, ...active.map(({ group }) => this.#activeGap(group))];
      }
      await context.lease.assertHeld();
      const kept = await context.selectionNow();
      if (this.#comparedUnder === null || !isSameSelection(this.#comparedUnder, kept)) {
        this.#comparedBefore = this.#row.comparison ?? null;
        this.#row = await this.#rewrites.move(this.#row, 'SWITCHED');
        return null;
      }
      await this.#deleteRecords();
      await kafka.topics.deleteTopic(source);
      await this.#assertGone();
    }
    await kafka.topics.deleteGroup(rewriteGroup(this.#row));
    this.#row = await this.#rewrites.move(this.#row, 'PURGED', { purge: await this.#seen(topic) });
    return [];
  }

  /** What is deleted so can be read by nobody from then on, also where topics cannot be deleted. */
  async #deleteRecords(): Promise<void> {
    const ends = new Map(Object.entries(this.#row.copied).map(([partition, offset]) => [Number(partition), offset]));
    try {
      await this.#work.kafka.topics.deleteRecords(this.#row.source, ends);
    } catch (error) {
      // A topic that is only compacted does not let records be deleted; it goes as a whole.
      if (!(error instanceof LinewardError) || error.code !== 'KAFKA_REFUSED') throw error;
    }
  }

  /** Brokers take a moment to give up the logs of a topic that is deleted. */
  async #seen(topic: TopicDescription | null): Promise<TopicPurge> {
    let bytes: bigint | null = null;
    for (let tries = 0; tries < goneTries; tries += 1) {
      bytes = await this.#bytesInLogs();
      if (bytes === null || bytes === 0n) break;
      await sleep(goneMs, undefined, { signal: this.#work.context.signal });
    }
    const now = Date.now();
    return {
      at: new Date(now).toISOString(),
      bytesInLogs: bytes === null ? null : String(bytes),
      filesGoneBy: new Date(now + delayOf(topic)).toISOString(),
    };
  }

  /** Null where a broker may not, or does not, tell. */
  async #bytesInLogs(): Promise<bigint | null> {
    try {
      const { complete, bytes } = await this.#work.kafka.cluster.sizes();
      const logs = bytes.get(this.#row.source)?.values() ?? [];
      return complete ? [...logs].reduce((sum, one) => sum + one, 0n) : null;
    } catch {
      return null;
    }
  }

  /** Deleting is answered before it is done. */
  async #assertGone(): Promise<void> {
    for (let tries = 0; tries < goneTries; tries += 1) {
      if ((await this.#work.kafka.describeTopic(this.#row.source)) === null) return;
      await sleep(goneMs, undefined, { signal: this.#work.context.signal });
    }
    throw new LinewardError('KAFKA_UNAVAILABLE', `${this.#row.source} was to be deleted and is still there`);
  }
}

/** What a purge has deleted already was counted before it. */
function withPurged(
  before: TopicComparisonResult,
  { partitions, unreadable }: TopicComparisonResult,
): TopicComparisonResult {
  const known = new Map(before.partitions.map((one) => [one.partition, one]));
  return {
    partitions: partitions.map((one) => {
      const counted = known.get(one.partition);
      const isPurged = counted !== undefined && one.records < counted.records;
      return isPurged ? { ...counted, lost: one.lost, keptOut: one.keptOut ?? 0 } : one;
    }),
    unreadable: [...new Set([...before.unreadable, ...unreadable])],
  };
}

export function gapOf({ source }: Pick<TopicRewriteRow, 'source'>, code: string, reason: string): Gap {
  return { code, dataset: source, reason };
}

/** A topic that goes as a whole waits by the broker's own setting, which a topic without one of its own tells. */
function delayOf(topic: TopicDescription | null): number {
  const name = 'file.delete.delay.ms';
  const told = Number(topic?.config[name] ?? fileDelayMs);
  const delay = topic?.own[name] === undefined ? told : Math.max(told, fileDelayMs);
  return Number.isFinite(delay) ? Math.min(delay, fileDelayMaxMs) : fileDelayMs;
}

const bigIntsOf = (texts: OffsetTexts): Map<number, bigint> =>
  new Map(Object.entries(texts).map(([partition, offset]) => [Number(partition), BigInt(offset)]));
