import { setTimeout as sleep } from 'node:timers/promises';
import { isSameSelection, type Selection } from '../../domain/governance/selection.ts';
import type { Positions } from '../../domain/kafka/offset-map.ts';
import { sourceHeader, sourceMark } from '../../domain/kafka/topic-generation.ts';
import type { TopicRewriteRow } from '../../entities/topic-rewrite.entity.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { ExecutionContext } from '../operations/ports.ts';
import type { KafkaGateway, KafkaMessage, RunningStream, TransformedMessage } from './ports.ts';
import type { TopicAction } from './topic-action.ts';

const pollMs = 200;
/** No progress for so long, with offsets left: they may belong to no messages. */
const stallMs = 1_500;
/** A fault of the stream that stands for so long is told. */
const faultMs = 60_000;

export interface CopyWork {
  readonly kafka: KafkaGateway;
  readonly context: ExecutionContext;
  readonly action: TopicAction;
  readonly row: TopicRewriteRow;
}

/** Consumer group of a rewrite. */
export const rewriteGroup = (row: Pick<TopicRewriteRow, 'id'>): string => `lineward-rewrite-${row.id}`;

/**
 * Copies a topic into its next generation, exactly once: partition, key, timestamp, headers and order stay. How far it is
 * stands in the offsets of its group, which are committed in one transaction with the copies, so any worker goes on
 * where the last one was killed.
 */
export class TopicCopy {
  readonly #work: CopyWork;
  #stream: RunningStream | null = null;
  #failure: LinewardError | null = null;
  readonly #judgedBy = new Set<Selection>();

  constructor(work: CopyWork) {
    this.#work = work;
  }

  /** Runs `within` while it copies. */
  async while<T>(within: () => Promise<T>): Promise<T> {
    const { kafka, row } = this.#work;
    this.#stream = await kafka.transformStream({
      group: rewriteGroup(row),
      source: row.source,
      target: row.generation,
      transform: (messages) => this.#transform(messages),
    });
    try {
      return await within();
    } finally {
      await this.#stream.stop();
    }
  }

  /**
   * Waits until everything that now stands in the source is copied; answers the ends of that. What is written meanwhile
   * comes after.
   * @throws LinewardError UPSTREAM_BEHIND after `withinMs`.
   */
  async reach(withinMs = Number.POSITIVE_INFINITY): Promise<Positions> {
    const { kafka, context, row } = this.#work;
    const ranges = await kafka.offsets(row.source);
    const ends = new Map(ranges.map(({ partition, latest }) => [partition, BigInt(latest)]));
    const starts = new Map(ranges.map(({ partition, earliest }) => [partition, BigInt(earliest)]));
    const begunAt = Date.now();
    let progress = { at: new Map<number, bigint>(), since: begunAt };
    for (;;) {
      await context.lease.assertHeld();
      const at = await this.#positions(starts);
      if (isBehind(at, ends)) return ends;
      if (!isSame(at, progress.at)) {
        progress = { at, since: Date.now() };
        await context.report(progressOf(starts, at, ends));
      }
      this.#assertWorking(progress.since);
      if (Date.now() - progress.since > stallMs && (await this.#count(at, ends)) === 0) return ends;
      if (Date.now() - begunAt > withinMs)
        throw new LinewardError('UPSTREAM_BEHIND', `${row.source} is written faster than it is copied`);
      await sleep(pollMs);
    }
  }

  /** Messages of the source that stand at or behind these positions. */
  async countBehind(positions: Positions): Promise<number> {
    const ranges = await this.#work.kafka.offsets(this.#work.row.source);
    return this.#count(positions, new Map(ranges.map(({ partition, latest }) => [partition, BigInt(latest)])));
  }

  async #positions(starts: Positions): Promise<Map<number, bigint>> {
    const { kafka, row } = this.#work;
    const committed = await kafka.committed(rewriteGroup(row), row.source);
    return new Map([...starts].map(([partition, start]) => [partition, BigInt(committed.get(partition) ?? start)]));
  }

  /** Markers of transactions and records that were compacted away take offsets, and are no messages. */
  async #count(from: Positions, to: Positions): Promise<number> {
    let messages = 0;
    const count = () => {
      messages += 1;
    };
    await this.#work.kafka.scan(this.#work.row.source, count, this.#work.context.signal, { from, to });
    return messages;
  }

  /** True when all that was copied here was judged as it would be by this selection. */
  isJudgedBy(selection: Selection): boolean {
    return [...this.#judgedBy].every((one) => isSameSelection(one, selection));
  }

  #assertWorking(since: number): void {
    if (this.#failure !== null) throw this.#failure;
    const fault = this.#stream?.fault ?? null;
    if (fault !== null && Date.now() - since > faultMs) throw new LinewardError('KAFKA_UNAVAILABLE', fault);
  }

  async #transform(messages: readonly KafkaMessage[]): Promise<readonly TransformedMessage[]> {
    const { context, action, row } = this.#work;
    try {
      await context.lease.assertHeld();
      const selection = await context.selectionNow();
      this.#judgedBy.add(selection);
      const fates = await action.fates(messages, selection);
      return messages.flatMap((message, index) => {
        const fate = fates[index];
        if (fate === undefined || fate.kind === 'ERASED') return [];
        const { partition, key, timestamp, offset } = message;
        const more = fate.kind === 'CHANGED' ? fate.headers : {};
        const headers = { ...message.headers, ...more, [sourceHeader]: sourceMark(row.source, offset) };
        return [{ partition, key, timestamp, headers, value: fate.kind === 'CHANGED' ? fate.value : message.value }];
      });
    } catch (error) {
      this.#failure = toLinewardError(error);
      throw error;
    }
  }
}

const isBehind = (at: Positions, ends: Positions): boolean =>
  [...ends].every(([partition, end]) => (at.get(partition) ?? 0n) >= end);

const isSame = (one: Positions, other: Positions): boolean =>
  one.size === other.size && [...one].every(([partition, offset]) => other.get(partition) === offset);

function progressOf(starts: Positions, at: Positions, ends: Positions) {
  const between = (to: Positions): number =>
    [...starts].reduce((sum, [partition, start]) => sum + Number((to.get(partition) ?? start) - start), 0);
  return { done: between(at), total: between(ends), unit: 'messages' as const };
}
