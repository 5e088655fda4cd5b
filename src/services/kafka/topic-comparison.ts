import type { Selection } from '../../domain/governance/selection.ts';
import { UnreadableRecords } from '../../domain/kafka/record-content.ts';
import { sourceHeader, sourceOffset } from '../../domain/kafka/topic-generation.ts';
import type { OffsetTexts, TopicComparisonResult } from '../../entities/topic-rewrite.entity.ts';
import { scanBatches } from './message-batches.ts';
import type { KafkaMessage } from './ports.ts';
import { outerDigest, recordDigest } from './record-digest.ts';
import type { CopyWork } from './topic-copy.ts';

/** Offsets that are compared at a time; 18 to 26 bytes each. */
const offsetsAtOnce = 5_000_000;

/** Must be in the copy as it is; is concerned by the operation; was asked for, and something keeps it by now. */
const [none, same, concerned, kept] = [0, 1, 2, 3];
/** A copy was read; it was, but behind that of a later record. */
const [copied, misplaced] = [1, 2];

/** What was read of each record of a topic, by its offset. */
class Side {
  readonly kinds: Uint8Array;
  /** Of key, value, timestamp and headers: two halves each. */
  readonly #digests: Uint32Array;
  /** Of key and timestamp; nobody asks for it where records are only left out. */
  readonly #outer: Uint32Array | null;

  constructor(length: number, { erases }: { readonly erases: boolean }) {
    this.kinds = new Uint8Array(length);
    this.#digests = new Uint32Array(2 * length);
    this.#outer = erases ? null : new Uint32Array(length);
  }

  note(place: number, kind: number, message: KafkaMessage): void {
    this.kinds[place] = kind;
    this.#digests.set(recordDigest(message), 2 * place);
    if (this.#outer !== null) this.#outer[place] = outerDigest(message);
  }

  digest(place: number): bigint {
    return (BigInt(this.#digests[2 * place] ?? 0) << 32n) | BigInt(this.#digests[2 * place + 1] ?? 0);
  }

  equals(other: Side, place: number): boolean {
    const at = 2 * place;
    return this.#digests[at] === other.#digests[at] && this.#digests[at + 1] === other.#digests[at + 1];
  }

  /** Whether what stays of a changed record is equal. */
  surrounds(other: Side, place: number): boolean {
    return this.#outer !== null && this.#outer[place] === other.#outer?.[place];
  }
}

interface Window {
  readonly base: bigint;
  readonly end: bigint;
  readonly source: Side;
  readonly copy: Side;
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
      await this.#read(windows);
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
      const [source, copy] = [new Side(length, this.#work.action), new Side(length, this.#work.action)];
      windows.set(partition, { base, end, source, copy, seen: base - 1n });
    }
    return windows;
  }

  /** Both at once: while one is fetched, the other is looked at. */
  async #read(windows: ReadonlyMap<number, Window>): Promise<void> {
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#work.context.signal, failed.signal]);
    let failure: unknown;
    const orEnd = async (read: Promise<void>): Promise<void> => {
      try {
        await read;
      } catch (error) {
        if (!failed.signal.aborted) failure = error;
        failed.abort();
      }
    };
    await Promise.all([orEnd(this.#readSource(windows, signal)), orEnd(this.#readCopy(windows, signal))]);
    if (failed.signal.aborted) throw failure;
  }

  /** What goes by age meanwhile is not missed, since it was not read. */
  async #readSource(windows: ReadonlyMap<number, Window>, signal: AbortSignal): Promise<void> {
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
    await scanBatches(kafka, row.source, read, { signal, within });
  }

  #note(windows: ReadonlyMap<number, Window>, message: KafkaMessage, kind: number): void {
    const [window, tally] = [windows.get(message.partition), this.#tallies.get(message.partition)];
    if (window === undefined || tally === undefined) return;
    window.source.note(Number(BigInt(message.offset) - window.base), kind, message);
    tally.records += 1;
  }

  async #readCopy(windows: ReadonlyMap<number, Window>, signal: AbortSignal): Promise<void> {
    const { kafka, row, context } = this.#work;
    const note = async (messages: readonly KafkaMessage[]): Promise<void> => {
      await context.lease.assertHeld();
      for (const message of messages) this.#noteCopy(windows, message);
    };
    const within = { from: new Map(this.#copyFrom) };
    await scanBatches(kafka, row.generation, note, { signal, within });
  }

  #noteCopy(windows: ReadonlyMap<number, Window>, message: KafkaMessage): void {
    const window = windows.get(message.partition);
    const tally = this.#tallies.get(message.partition);
    const source = sourceOffset(message.headers[sourceHeader], this.#work.row.source);
    if (window === undefined || tally === undefined || source === null) return;
    if (source >= window.end || source < window.base) return;
    this.#copyFrom.set(message.partition, BigInt(message.offset) + 1n);
    const place = Number(source - window.base);
    if (source > window.seen) {
      window.seen = source;
      window.copy.note(place, copied, message);
    } else {
      tally.lost += 1;
      if (window.copy.kinds[place] === none) window.copy.kinds[place] = misplaced;
    }
  }

  #close(partition: number, { source, copy }: Window): void {
    const tally = this.#tallies.get(partition) ?? new Tally();
    const { erases } = this.#work.action;
    for (const [place, kind] of source.kinds.entries()) {
      const seen = copy.kinds[place];
      // A record that has gone from the source since it was copied, by age or by compaction; or one that was counted.
      if (kind === none || seen === misplaced) continue;
      if (seen === copied && source.equals(copy, place)) {
        tally.same += 1;
        if (kind === concerned || kind === kept) tally.unchanged += 1;
        tally.digest = BigInt.asUintN(64, tally.digest + source.digest(place));
      } else if (kind === kept) tally.keptOut += 1;
      else if (seen === none && kind === concerned && erases) tally.erased += 1;
      else if (seen === copied && kind === concerned && source.surrounds(copy, place)) tally.changed += 1;
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
