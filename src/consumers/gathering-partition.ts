import type { ReadRecord } from '../domain/kafka/record-content.ts';
import type { StreamTally } from '../domain/kafka/stream-report.ts';
import type { Logger } from '../domain/logger.ts';
import { LinewardError, toLinewardError } from '../errors/lineward-error.ts';
import { deadLetterNotice, deadLetterTopic } from '../services/kafka/dead-letter.ts';
import type { KafkaGateway, KafkaMessage } from '../services/kafka/ports.ts';
import type { RecordReader } from '../services/kafka/record-reader.ts';
import type { RunnableStream } from '../services/kafka/stream.read-model.ts';
import { type LandedRecord, type LandingService, misfitsOf } from '../services/lake/landing.service.ts';

/** Rows or bytes after which a batch lands without waiting. */
const rowsMax = 20_000;
const bytesMax = 32 * 1024 * 1024;
const retryMs = 2_000;

export interface GatheringParts {
  readonly landing: Pick<LandingService, 'land' | 'positionOf'>;
  readonly kafka: Pick<KafkaGateway, 'ensureTopic' | 'produce'>;
  readonly records: RecordReader;
  readonly isErased: (message: KafkaMessage) => boolean;
  readonly tally: StreamTally;
  readonly logger: Logger;
  readonly flushMs: number;
}

/**
 * Messages of one partition that wait to land together. A landing that fails is tried again, and until it succeeds
 * no more messages are taken. A message that can never land is set aside and holds up nobody.
 */
export class GatheringPartition {
  readonly #parts: GatheringParts;
  readonly #stream: RunnableStream & { readonly tableId: string };
  readonly #partition: number;
  #records: LandedRecord[] = [];
  #setAside: string[] = [];
  #bytes = 0;
  #nextOffset: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #failure: LinewardError | null = null;
  #dropped = false;

  constructor(parts: GatheringParts, stream: RunnableStream & { readonly tableId: string }, partition: number) {
    this.#parts = parts;
    this.#stream = stream;
    this.#partition = partition;
  }

  /** Why nothing lands at present. */
  get fault(): string | null {
    return this.#dropped ? null : (this.#failure?.message ?? null);
  }

  async add(messages: readonly KafkaMessage[]): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    // All of them before any is taken: a registry that does not answer makes the partition be read again.
    const contents = await this.#read(messages);
    for (const [index, message] of messages.entries()) {
      this.#nextOffset = String(BigInt(message.offset) + 1n);
      const content = contents[index] ?? null;
      if (content === null) continue;
      if (content.ok) this.#records.push({ offset: message.offset, value: content.record });
      else this.#setAside.push(message.offset);
      this.#bytes += message.value?.length ?? 0;
    }
    if (this.#records.length >= rowsMax || this.#bytes >= bytesMax) return this.flush();
    this.#timer ??= this.#flushIn(this.#parts.flushMs);
  }

  /** What messages hold; null for those that are not to land. */
  async #read(messages: readonly KafkaMessage[]): Promise<readonly (ReadRecord | null)[]> {
    const pass = this.#parts.records.pass();
    const contents: (ReadRecord | null)[] = [];
    for (const message of messages) {
      const { value, headers } = message;
      contents.push(value === null || this.#parts.isErased(message) ? null : await pass.read(value, headers));
    }
    return contents;
  }

  /** Lands what has gathered, after what is landing already. */
  flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#flushing = this.#flushing.catch(() => {}).then(() => this.#land());
    return this.#flushing;
  }

  /** Forgets what has gathered: the partition is read again from its position. */
  drop(): void {
    this.#dropped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #flushIn(waitMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.flush().catch(() => {
        // No message may come that would make the partition be read again.
        if (!this.#dropped) this.#timer ??= this.#flushIn(retryMs);
      });
    }, waitMs);
  }

  async #land(): Promise<void> {
    const [records, setAside, nextOffset, bytes] = [this.#records, this.#setAside, this.#nextOffset, this.#bytes];
    if (this.#dropped || nextOffset === null) return;
    this.#records = [];
    this.#setAside = [];
    this.#nextOffset = null;
    this.#bytes = 0;
    try {
      const done = await this.#landOrSetAside(records, setAside, nextOffset);
      this.#parts.tally.add({ passed: done.landed, setAside: done.setAside, bytes });
      this.#failure = null;
    } catch (error) {
      this.#failure = toLinewardError(error);
      this.#records = [...records, ...this.#records];
      this.#setAside = [...setAside, ...this.#setAside];
      this.#nextOffset ??= nextOffset;
      this.#bytes += bytes;
      const { id: streamId } = this.#stream;
      const facts = { streamId, partition: this.#partition, code: this.#failure.code };
      this.#parts.logger.warn(facts, 'a landing failed; it is tried again');
      throw this.#failure;
    }
  }

  async #landOrSetAside(
    gathered: readonly LandedRecord[],
    unreadable: readonly string[],
    nextOffset: string,
  ): Promise<{ readonly landed: number; readonly setAside: number }> {
    // After a failure another consumer, or a try whose answer was lost, may have landed some of it.
    const position = this.#failure === null ? 0n : BigInt((await this.#position()) ?? 0);
    if (position >= BigInt(nextOffset)) return { landed: 0, setAside: 0 };
    const records = gathered.filter(({ offset }) => BigInt(offset) >= position);
    const notices = unreadable.filter((offset) => BigInt(offset) >= position);
    await this.#giveNotice(notices);
    try {
      await this.#landBatch(records, nextOffset);
      return { landed: records.length, setAside: notices.length };
    } catch (error) {
      const misfits = new Set(misfitsOf(error).map(({ offset }) => offset));
      if (misfits.size === 0) throw error;
      await this.#giveNotice([...misfits]);
      const fitting = records.filter(({ offset }) => !misfits.has(offset));
      await this.#landBatch(fitting, nextOffset);
      return { landed: fitting.length, setAside: notices.length + misfits.size };
    }
  }

  #position(): Promise<string | null> {
    return this.#parts.landing.positionOf(this.#stream.id, this.#partition);
  }

  #landBatch(records: readonly LandedRecord[], nextOffset: string): Promise<void> {
    const { id: streamId, tableId, source, accountField, subjectFields } = this.#stream;
    const partition = this.#partition;
    const keys = { accountField, subjectFields };
    return this.#parts.landing.land({ streamId, tableId, topic: source.name, partition, records, nextOffset, ...keys });
  }

  /** The messages stay in the topic; the notices say where. A notice may come twice, and none is lost. */
  async #giveNotice(offsets: readonly string[]): Promise<void> {
    if (offsets.length === 0) return;
    const { kafka, logger } = this.#parts;
    const place = { topic: this.#stream.source.name, partition: this.#partition };
    const name = deadLetterTopic(place.topic);
    await kafka.ensureTopic({ name, partitions: 1, config: {} });
    const notices = offsets.map((offset) => deadLetterNotice({ ...place, offset }, 'MESSAGE_INVALID'));
    const refused = (await kafka.produce(name, notices)).find(({ ok }) => !ok);
    if (refused !== undefined && !refused.ok) throw new LinewardError(refused.code, refused.message);
    const facts = { streamId: this.#stream.id, ...place, messages: offsets.length, firstOffset: offsets[0] };
    logger.error(facts, 'messages do not fit the lake table and were set aside');
  }
}
