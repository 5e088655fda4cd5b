import { createHash } from 'node:crypto';
import type { Selection } from '../../domain/governance/selection.ts';
import { UnreadableRecords } from '../../domain/kafka/record-content.ts';
import { sourceHeader, sourceOffset } from '../../domain/kafka/topic-generation.ts';
import type { OffsetTexts, TopicComparisonResult } from '../../entities/topic-rewrite.entity.ts';
import { scanBatches } from './message-batches.ts';
import type { KafkaMessage } from './ports.ts';
import type { CopyWork } from './topic-copy.ts';

/** Offsets that are compared at a time; 13 bytes each. */
const offsetsAtOnce = 8_000_000;

/** Must be in the copy as it is; is concerned by the operation; was asked for, and something keeps it by now. */
const [none, same, concerned, kept] = [0, 1, 2, 3];

interface Window {
  readonly base: bigint;
  readonly end: bigint;
  readonly kinds: Uint8Array;
  /** Of key, value, timestamp and headers. */
  readonly digests: BigUint64Array;
  /** Of key and timestamp. */
  readonly outer: Uint32Array;
  /** Offset of the last record whose copy was seen. */
  seen: bigint;
}

class Tally {
  records = 0;
  erased = 0;
  changed = 0;
  same = 0;
  /** Of those, the ones that the operation is about. */
  unchanged = 0;
  lost = 0;
  keptOut = 0;
  digest = 0n;
}

/**
 * Compares a topic with its copy, record by record, by where each copy says that it came from: what the operation is not
 * about is the same and in the same order, and what it is about is gone or changed. Reads both topics afresh and shares
 * nothing with the copying but the question whom a record is about.
 */
export class TopicComparison {
  readonly #work: CopyWork;
  readonly #copied: OffsetTexts;
  readonly #tallies = new Map<number, Tally>();
  readonly #unreadable = new UnreadableRecords();
  /** Where the copies of the next window begin. */
  readonly #copyFrom = new Map<number, bigint>();

  constructor(work: CopyWork, copied: OffsetTexts) {
    this.#work = work;
    this.#copied = copied;
  }

  async run(): Promise<TopicComparisonResult> {
    const ranges = await this.#work.kafka.offsets(this.#work.row.source);
    const size = BigInt(Math.max(1, Math.floor(offsetsAtOnce / ranges.length)));
    let windows = this.#windows(new Map(ranges.map(({ partition, earliest }) => [partition, BigInt(earliest)])), size);
    for (const { partition } of ranges) this.#tallies.set(partition, new Tally());
    while (windows.size > 0) {
      await this.#readSource(windows);
      await this.#readCopy(windows);
      for (const [partition, window] of windows) this.#close(partition, window);
      windows = this.#windows(new Map([...windows].map(([partition, { end }]) => [partition, end])), size);
    }
    const partitions = [...this.#tallies].map(([partition, tally]) => ({
      partition,
      ...tally,
      digest: tally.digest.toString(16).padStart(16, '0'),
    }));
    return { partitions, unreadable: this.#unreadable.reasons() };
  }

  #windows(starts: ReadonlyMap<number, bigint>, size: bigint): Map<number, Window> {
    const windows = new Map<number, Window>();
    for (const [partition, base] of starts) {
      const copied = BigInt(this.#copied[partition] ?? 0);
      const end = base + size < copied ? base + size : copied;
      const length = Number(end - base);
      if (length <= 0) continue;
      const [kinds, digests, outer] = [new Uint8Array(length), new BigUint64Array(length), new Uint32Array(length)];
      windows.set(partition, { base, end, kinds, digests, outer, seen: base - 1n });
    }
    return windows;
  }

  /** Fills the windows; what goes by age meanwhile is not missed, since it was not read. */
  async #readSource(windows: ReadonlyMap<number, Window>): Promise<void> {
    const { kafka, row, context, action } = this.#work;
    const [requested, now] = [await context.requested(), await context.selectionNow()];
    const within = {
      from: new Map([...windows].map(([partition, { base }]) => [partition, base])),
      to: new Map(this.#partitions().map((partition) => [partition, windows.get(partition)?.end ?? 0n])),
    };
    const read = async (messages: readonly KafkaMessage[]): Promise<void> => {
      await context.lease.assertHeld();
      const concerns = await action.concerns(messages, requested);
      const permitted = isNarrower(now, requested) ? await action.concerns(messages, now) : concerns;
      for (const [index, message] of messages.entries()) {
        const concern = concerns[index] ?? false;
        if (typeof concern === 'object') this.#unreadable.add(concern);
        this.#note(windows, message, concern !== true ? same : permitted[index] === true ? concerned : kept);
      }
    };
    await scanBatches(kafka, row.source, read, { signal: context.signal, within });
  }

  #note(windows: ReadonlyMap<number, Window>, message: KafkaMessage, kind: number): void {
    const [window, tally] = [windows.get(message.partition), this.#tallies.get(message.partition)];
    if (window === undefined || tally === undefined) return;
    const place = Number(BigInt(message.offset) - window.base);
    window.kinds[place] = kind;
    window.digests[place] = digestOf(message);
    window.outer[place] = outerDigestOf(message);
    tally.records += 1;
  }

  async #readCopy(windows: ReadonlyMap<number, Window>): Promise<void> {
    const { kafka, row, context } = this.#work;
    const match = async (messages: readonly KafkaMessage[]): Promise<void> => {
      await context.lease.assertHeld();
      for (const message of messages) this.#match(windows, message);
    };
    const within = { from: new Map(this.#copyFrom) };
    await scanBatches(kafka, row.generation, match, { signal: context.signal, within });
  }

  #match(windows: ReadonlyMap<number, Window>, message: KafkaMessage): void {
    const window = windows.get(message.partition);
    const tally = this.#tallies.get(message.partition);
    const source = sourceOffset(message.headers[sourceHeader], this.#work.row.source);
    if (window === undefined || tally === undefined || source === null) return;
    if (source >= window.end || source < window.base) return;
    this.#copyFrom.set(message.partition, BigInt(message.offset) + 1n);
    const place = Number(source - window.base);
    const kind = window.kinds[place];
    // A record that has gone from the source since it was copied, by age or by compaction.
    if (kind === none && source > window.seen) return;
    const isEqual = window.digests[place] === digestOf(message);
    const isChange = kind === concerned && !this.#work.action.erases && window.outer[place] === outerDigestOf(message);
    if (source > window.seen && kind === kept && !isEqual) tally.keptOut += 1;
    else if (source <= window.seen || !(isEqual || isChange)) tally.lost += 1;
    else if (isEqual) {
      tally.same += 1;
      if (kind === concerned || kind === kept) tally.unchanged += 1;
      tally.digest = BigInt.asUintN(64, tally.digest + digestOf(message));
    } else tally.changed += 1;
    if (source > window.seen) window.seen = source;
    window.kinds[place] = none;
  }

  /** What has no copy. */
  #close(partition: number, { kinds }: Window): void {
    const tally = this.#tallies.get(partition) ?? new Tally();
    for (const kind of kinds) {
      if (kind === none) continue;
      if (kind === kept) tally.keptOut += 1;
      else if (kind === concerned && this.#work.action.erases) tally.erased += 1;
      else tally.lost += 1;
    }
  }

  #partitions(): readonly number[] {
    return [...this.#tallies.keys()];
  }
}

/** True when something keeps a part of what was asked for. */
const isNarrower = (now: Selection, requested: Selection): boolean =>
  now.keep.length > 0 || now.minimum !== undefined || now.act.length < requested.act.length;

function digestOf({ key, value, timestamp, headers }: KafkaMessage): bigint {
  const hash = createHash('sha256').update(timestamp);
  for (const part of [key, value]) hash.update(part === null ? 'n' : `${part.length}:`).update(part ?? '');
  for (const name of Object.keys(headers).sort())
    if (name !== sourceHeader) hash.update(`${name}:${headers[name]?.length}:`).update(headers[name] ?? '');
  return hash.digest().readBigUInt64BE(0);
}

const outerDigestOf = ({ key, timestamp }: KafkaMessage): number =>
  createHash('sha256')
    .update(timestamp)
    .update(key === null ? 'n' : 'k')
    .update(key ?? '')
    .digest()
    .readUInt32BE(0);
