import { createHash } from 'node:crypto';
import type { Selection } from '../../domain/governance/selection.ts';
import type { ReadRecord } from '../../domain/kafka/record-content.ts';
import { matches, recordedAt, recordKeys } from '../../domain/kafka/table-view.ts';
import type { TargetVerification } from '../../domain/operations/target.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ExecutionContext } from '../operations/ports.ts';
import { operationHeader } from './erased-records.ts';
import type { KafkaGateway, KafkaMessage } from './ports.ts';
import type { RecordReader } from './record-reader.ts';

type AboutWhom = 'SELECTED' | 'HELD' | 'OTHER';

/** Most keys of a selection that one process remembers of one topic; some hundred megabytes. */
export const selectedKeysMax = 2_000_000;

/**
 * Reads a topic back by another fold than the deleter's: whom the newest value of each key is about, then what is left.
 * It reads twice, first for the keys that this operation buried, so that memory follows what was erased and not the topic.
 */
export class TopicVerification {
  readonly #kafka: Pick<KafkaGateway, 'scan'>;
  readonly #records: RecordReader;
  readonly #context: ExecutionContext;
  readonly #keysMax: number;
  readonly #buried = new Set<string>();
  /** Of keys that are buried, or whose newest value is about the selection. */
  readonly #newest = new Map<string, AboutWhom>();
  #keyless = 0;
  #lost = 0;
  #scanned = 0;

  constructor(deps: {
    readonly kafka: Pick<KafkaGateway, 'scan'>;
    readonly records: RecordReader;
    readonly context: ExecutionContext;
    readonly keysMax: number;
  }) {
    this.#kafka = deps.kafka;
    this.#records = deps.records;
    this.#context = deps.context;
    this.#keysMax = deps.keysMax;
  }

  async run(): Promise<TargetVerification> {
    await this.#scan((message) => this.#bury(message));
    const selections = { now: await this.#context.selectionNow(), requested: await this.#context.requested() };
    const pass = this.#records.pass();
    await this.#scan(async (message) => {
      const content = message.value === null ? null : await pass.read(message.value, message.headers);
      this.#fold(
        message,
        content === null ? null : this.#aboutWhom(content, recordedAt(message.timestamp), selections),
      );
    });
    let survivors = this.#keyless;
    for (const about of this.#newest.values()) if (about === 'SELECTED') survivors += 1;
    return {
      survivors,
      lost: this.#lost,
      recordsScanned: this.#scanned,
      method: 'two full read_committed scans, newest value per key',
      open: [],
    };
  }

  #scan(each: (message: KafkaMessage) => void | Promise<void>): Promise<void> {
    return this.#kafka.scan(this.#context.place.name, each, this.#context.signal);
  }

  #bury(message: KafkaMessage): void {
    if (message.value !== null || message.key === null || !this.#isOurs(message)) return;
    this.#buried.add(nameOf(message.partition, message.key));
    assertKeysMax(this.#context.place.name, this.#buried.size, this.#keysMax);
  }

  /** `about` is null for a tombstone. */
  #fold(message: KafkaMessage, about: AboutWhom | null): void {
    const { partition, key } = message;
    this.#scanned += 1;
    if (key === null) {
      if (about === 'SELECTED') this.#keyless += 1;
      return;
    }
    const name = nameOf(partition, key);
    if (about === null) {
      if (this.#isOurs(message) && this.#newest.get(name) === 'OTHER') this.#lost += 1;
      this.#newest.delete(name);
    } else if (about === 'SELECTED' || this.#buried.has(name)) {
      this.#newest.set(name, about);
      assertKeysMax(this.#context.place.name, this.#newest.size, this.#keysMax);
    } else this.#newest.delete(name);
  }

  #isOurs({ headers }: KafkaMessage): boolean {
    return headers[operationHeader]?.toString('utf8') === this.#context.operationId;
  }

  #aboutWhom(
    content: ReadRecord,
    date: Date | null,
    selections: { readonly now: Selection; readonly requested: Selection },
  ): AboutWhom {
    if (!content.ok) return 'OTHER';
    const { accountField, subjectFields } = this.#context.place;
    const keys = recordKeys(content.record, accountField, subjectFields);
    if (!matches(selections.requested, keys, date)) return 'OTHER';
    return matches(selections.now, keys, date) ? 'SELECTED' : 'HELD';
  }
}

/** @throws LinewardError LIMIT_EXCEEDED */
export function assertKeysMax(topic: string, keys: number, keysMax: number): void {
  if (keys <= keysMax) return;
  throw new LinewardError(
    'LIMIT_EXCEEDED',
    `${topic} has more than ${keysMax} keys of what was asked for; request it in parts, by account or by subject`,
  );
}

/** As short as that for a key of any length. */
function nameOf(partition: number, key: Buffer): string {
  return createHash('sha256').update(`${partition}:`).update(key).digest().toString('latin1', 0, 16);
}
