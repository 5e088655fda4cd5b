import { daysWithin, type KeptByMinimum } from '../governance/minimum-retention.ts';
import { isSelected, type Selection } from '../governance/selection.ts';
import { type ReadRecord, type RecordContent, UnreadableRecords } from './record-content.ts';

/** The keys of one record by which accounts and subjects are found. */
export interface RecordKeys {
  readonly accountId: string | null;
  readonly subjects: Readonly<Record<string, string | null>>;
}

/** The keys of a record; a field of another kind than text, number or boolean names nobody. */
export function recordKeys(record: RecordContent, accountField: string, subjectFields: readonly string[]): RecordKeys {
  const read = (field: string): string | null => {
    const found: unknown = Object.hasOwn(record, field) ? record[field] : null;
    return ['string', 'number', 'bigint', 'boolean'].includes(typeof found) ? String(found) : null;
  };
  return {
    accountId: read(accountField),
    subjects: Object.fromEntries(subjectFields.map((field) => [field, read(field)])),
  };
}

/** The time stamp of a message in milliseconds, as a date; null for one that has none. */
export function recordedAt(timestamp: string): Date | null {
  const ms = Number(timestamp);
  return timestamp !== '' && Number.isFinite(ms) && ms >= 0 && ms <= 8.64e15 ? new Date(ms) : null;
}

/** `date` counts where a minimum is in force. */
export function matches(selection: Selection, keys: RecordKeys, date: Date | null): boolean {
  return isSelected(selection, keys.accountId, (field) => keys.subjects[field] ?? null, date);
}

interface LiveRecord {
  readonly partition: number;
  readonly key: Buffer;
  readonly keys: RecordKeys;
  readonly date: Date | null;
}

/** What the view needs of a message. */
export interface ViewedMessage {
  readonly partition: number;
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  /** Null: a tombstone. */
  readonly content: ReadRecord | null;
  /** Operation that wrote the message, for tombstones of ours. */
  readonly operationId: string | null;
}

/**
 * A compacted topic seen as a table: per key the newest value counts, and a null value is absence. Only records of the
 * selection are remembered, so memory follows what is to be erased and not the topic.
 */
export class SelectedView {
  readonly #selection: Selection;
  readonly #fields: { readonly accountField: string; readonly subjectFields: readonly string[] };
  readonly #operationId: string;
  readonly #live = new Map<string, LiveRecord>();
  /** Newest values that a minimum keeps, and for how many days yet; null where nobody can say. */
  readonly #kept = new Map<string, number | null>();
  readonly #tombstoned = new Set<string>();
  /** Offset behind the last message seen, per partition. Transaction markers behind it are not messages. */
  readonly ends = new Map<number, bigint>();
  messages = 0;
  /** Messages of which nobody can say whom they are about. */
  readonly unreadable = new UnreadableRecords();
  /** Messages of the selection without a key, which no tombstone reaches. */
  keyless = 0;

  constructor(
    selection: Selection,
    fields: { accountField: string; subjectFields: readonly string[] },
    operationId: string,
  ) {
    this.#selection = selection;
    this.#fields = fields;
    this.#operationId = operationId;
  }

  add(message: ViewedMessage): void {
    this.messages += 1;
    this.ends.set(message.partition, BigInt(message.offset) + 1n);
    const name = message.key === null ? null : `${message.partition}:${message.key.toString('base64')}`;
    if (message.content === null) {
      if (name === null) return;
      this.#forget(name);
      if (message.operationId === this.#operationId) this.#tombstoned.add(name);
      return;
    }
    const keys = this.#keysOf(message.content);
    const date = recordedAt(message.timestamp);
    const selected = keys !== null && matches(this.#selection, keys, date);
    if (name !== null) this.#forget(name);
    if (keys !== null && !selected) this.#keep(name ?? `${message.partition}@${message.offset}`, keys, date);
    if (name === null || message.key === null) {
      if (selected) this.keyless += 1;
    } else if (selected) {
      this.#live.set(name, { partition: message.partition, key: message.key, keys, date });
    }
  }

  /** Newer data under the same key, whoever it is about: the old value is superseded already. */
  #forget(name: string): void {
    this.#live.delete(name);
    this.#kept.delete(name);
  }

  #keep(name: string, keys: RecordKeys, date: Date | null): void {
    const { minimum, ...otherwise } = this.#selection;
    if (minimum === undefined || !matches(otherwise, keys, date)) return;
    this.#kept.set(name, date === null ? null : daysWithin(minimum, date));
  }

  #keysOf(content: ReadRecord): RecordKeys | null {
    if (content.ok) return recordKeys(content.record, this.#fields.accountField, this.#fields.subjectFields);
    this.unreadable.add(content.fault);
    return null;
  }

  /** Live records of the selection. */
  get live(): readonly LiveRecord[] {
    return [...this.#live.values()];
  }

  get keptByMinimum(): KeptByMinimum {
    const days = [...this.#kept.values()];
    const dated = days.filter((one) => one !== null);
    return {
      records: days.length,
      undated: days.length - dated.length,
      daysLeft: dated.length === 0 ? null : dated.reduce((one, other) => Math.max(one, other)),
    };
  }

  /** What takes memory. */
  get remembered(): number {
    return this.#live.size + this.#kept.size + this.#tombstoned.size;
  }

  /** Keys that this operation has put a tombstone on, in this run or an earlier one. */
  get tombstoned(): number {
    return this.#tombstoned.size;
  }
}
