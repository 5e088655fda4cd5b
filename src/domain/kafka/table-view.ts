import { isSelected, type Selection } from '../governance/selection.ts';

/** The keys of one record by which accounts and subjects are found. */
export interface RecordKeys {
  readonly accountId: string | null;
  readonly subjects: Readonly<Record<string, string | null>>;
}

/** The JSON object that a message holds; null when its bytes are anything else. */
export function jsonObject(value: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const read: unknown = JSON.parse(value.toString('utf8'));
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Reads the keys of a JSON message; null when the bytes are not a JSON object. */
export function recordKeys(value: Buffer, accountField: string, subjectFields: readonly string[]): RecordKeys | null {
  const record = jsonObject(value);
  if (record === null) return null;
  const read = (field: string): string | null => {
    const found: unknown = Object.hasOwn(record, field) ? record[field] : null;
    if (Number.isInteger(found) && !Number.isSafeInteger(found)) return longInteger(value, field);
    return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean' ? String(found) : null;
  };
  return {
    accountId: read(accountField),
    subjects: Object.fromEntries(subjectFields.map((field) => [field, read(field)])),
  };
}

/** An integer beyond ±2^53 as it is written: rounded, one subject would be taken for another. */
function longInteger(message: Buffer, field: string): string {
  const asWritten = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' && /^-?\d+$/.test(context?.source ?? '') ? context?.source : value;
  return String((JSON.parse(message.toString('utf8'), asWritten) as Record<string, unknown>)[field]);
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
  readonly value: Buffer | null;
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
  /** Messages that are not JSON objects, so that nobody can say whom they are about. */
  unreadable = 0;
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
    if (message.value === null) {
      if (name === null) return;
      this.#live.delete(name);
      if (message.operationId === this.#operationId) this.#tombstoned.add(name);
      return;
    }
    const keys = recordKeys(message.value, this.#fields.accountField, this.#fields.subjectFields);
    if (keys === null) this.unreadable += 1;
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
