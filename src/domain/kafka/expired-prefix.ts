import type { ActiveHold } from '../governance/hold-scope.ts';
import type { Selection } from '../governance/selection.ts';
import { concerns } from './hold-look.ts';
import { type ReadRecord, UnreadableRecords } from './record-content.ts';
import { matches, recordKeys } from './table-view.ts';

/** What can go from the start of a partition. */
export interface PrefixPart {
  readonly partition: number;
  /** Behind the last record of the selection that can go. */
  readonly cut: bigint;
  /** Of the selection, and of others, that stand before it. */
  readonly records: number;
  readonly others: number;
}

interface Run {
  cut: bigint;
  records: number;
  others: number;
  /** Others since the last record of the selection. */
  passed: number;
  isBlocked: boolean;
}

/** Up to where a log is past its time. */
export interface Reach {
  /** What has a timestamp from here on is young; milliseconds since 1970. */
  readonly youngFrom: number;
  /** By partition, where something is past it: the first offset that is not, be it of a record or of a marker. */
  readonly ends: ReadonlyMap<number, bigint>;
}

/** Where a record stands; offset and timestamp as decimal text. */
export interface PlacedRecord {
  readonly partition: number;
  readonly offset: string;
  readonly timestamp: string;
}

export interface PrefixView {
  readonly selection: Selection;
  readonly holds: readonly ActiveHold[];
  /** Up to where the broker says that all is past its time. */
  readonly reach: Reach;
  readonly accountField: string;
  /** All fields by which somebody's records may be found, since a hold does not go by one entity. */
  readonly holdFields: readonly string[];
  readonly subjectFields: readonly string[];
}

/**
 * Which records of a selection stand at the start of their partition among records that nobody has a claim to any more:
 * older than the topic keeps them, and under no legal hold. What cannot be read may be anybody's, and ends that.
 */
export class ExpiredPrefix {
  readonly #view: PrefixView;
  readonly #runs = new Map<number, Run>();
  readonly unreadable = new UnreadableRecords();
  messages = 0;
  /** Records of the selection that stand behind what can go. */
  left = 0;
  /** The largest timestamp; producers may have written any. */
  newest = 0;

  constructor(view: PrefixView) {
    this.#view = view;
  }

  /** Messages of a partition come in their order; null stands for a value that is none. */
  add(record: PlacedRecord, content: ReadRecord | null): void {
    const { partition, offset } = record;
    const { selection, accountField, subjectFields } = this.#view;
    const run = this.#runOf(partition);
    this.messages += 1;
    this.newest = Math.max(this.newest, Number(record.timestamp));
    if (content !== null && !content.ok) this.unreadable.add(content.fault);
    run.isBlocked ||= !this.#isExpired(record) || (content !== null && this.#isKept(content));
    // No selection with a minimum comes here: dates do not matter.
    const isSelected =
      content?.ok === true && matches(selection, recordKeys(content.record, accountField, subjectFields), null);
    if (run.isBlocked) this.left += isSelected ? 1 : 0;
    else if (isSelected) {
      run.records += 1;
      run.others += run.passed;
      run.passed = 0;
      run.cut = BigInt(offset) + 1n;
    } else run.passed += 1;
  }

  parts(): readonly PrefixPart[] {
    return [...this.#runs]
      .filter(([, { records }]) => records > 0)
      .map(([partition, { cut, records, others }]) => ({ partition, cut, records, others }))
      .sort((one, other) => one.partition - other.partition);
  }

  /** Of one without a timestamp (-1) nobody knows its age. */
  #isExpired({ partition, offset, timestamp }: PlacedRecord): boolean {
    const { youngFrom, ends } = this.#view.reach;
    const at = Number(timestamp);
    return at >= 0 && at < youngFrom && BigInt(offset) < (ends.get(partition) ?? 0n);
  }

  #isKept(content: ReadRecord): boolean {
    return !content.ok || this.#view.holds.some((hold) => concerns(hold, content, this.#view.holdFields));
  }

  #runOf(partition: number): Run {
    const run = this.#runs.get(partition) ?? { cut: 0n, records: 0, others: 0, passed: 0, isBlocked: false };
    this.#runs.set(partition, run);
    return run;
  }
}
