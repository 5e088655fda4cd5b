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

export function matches(selection: Selection, keys: RecordKeys): boolean {
  return isSelected(selection, keys.accountId, (field) => keys.subjects[field] ?? null);
}

interface LiveRecord {
  readonly partition: number;
  readonly key: Buffer;
  readonly keys: RecordKeys;
}

/** What the view needs of a message. */
export interface ViewedMessage {
  readonly partition: number;
  readonly offset: string;
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
      this.#live.delete(name);
      if (message.operationId === this.#operationId) this.#tombstoned.add(name);
      return;
    }
    const keys = this.#keysOf(message.content);
    const selected = keys !== null && matches(this.#selection, keys);
    if (name === null || message.key === null) {
      if (selected) this.keyless += 1;
    } else if (selected) {
      this.#live.set(name, { partition: message.partition, key: message.key, keys });
    } else {
      // Newer data of somebody else under the same key: the old value is superseded already.
      this.#live.delete(name);
    }
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

  /** What takes memory. */
  get remembered(): number {
    return this.#live.size + this.#tombstoned.size;
  }

  /** Keys that this operation has put a tombstone on, in this run or an earlier one. */
  get tombstoned(): number {
    return this.#tombstoned.size;
  }
}
