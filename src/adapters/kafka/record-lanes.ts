import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, Producer } from 'kafkajs';
import type { OutgoingMessage, SendResult } from '../../services/kafka/ports.ts';
import { protocolType, toKafkaError, withinDeadline } from './faults.ts';
import { byteSize, inSends, REQUEST_BYTES_MAX, refusalOf, toVendorMessage } from './messages.ts';

/** How long the first record of a quiet lane waits for company. */
const LINGER_MS = 3;
/** So many that came at once are company enough. */
const COMPANY = 32;
/** A client has one request under way to a broker; several of them keep the broker at work. */
const PRODUCERS = 4;

interface Pending {
  readonly message: OutgoingMessage & { readonly partition: number };
  readonly bytes: number;
  settle(result: SendResult): void;
}

interface Lane {
  readonly topic: string;
  readonly queue: Pending[];
  draining: Promise<void> | null;
}

interface ProducerSlot {
  readonly number: number;
  readonly producer: Producer;
  readonly connected: Promise<void>;
  readonly inFlight: Set<Promise<unknown>>;
}

/**
 * Joins parallel produce calls into batches: one lane per partition, one send at a time in each. kafkajs answers a send
 * with the first error of any partition; a lane's send holds one partition only, so an answer belongs to all its records,
 * and a refused batch is halved until the refused records stand alone.
 */
export class RecordLanes {
  readonly #kafka: Kafka;
  readonly #lanes = new Map<string, Lane>();
  readonly #retired = new Set<Promise<void>>();
  readonly #slots = new Map<number, ProducerSlot>();

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /** Resolves when the broker has answered for the message; never rejects. */
  send(topic: string, message: OutgoingMessage & { readonly partition: number }): Promise<SendResult> {
    const bytes = byteSize(message);
    if (bytes > REQUEST_BYTES_MAX) return Promise.resolve(failure('MESSAGE_TOO_LARGE', topic));
    const id = `${message.partition} ${topic}`;
    const lane = this.#lanes.get(id) ?? { topic, queue: [], draining: null };
    this.#lanes.set(id, lane);
    return new Promise((settle) => {
      lane.queue.push({ message, bytes, settle });
      lane.draining ??= this.#drain(id, lane);
    });
  }

  /** Waits for what was sent, then disconnects. */
  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.draining));
    for (const slot of this.#slots.values()) this.#retire(slot);
    await Promise.all(this.#retired);
  }

  async #drain(id: string, lane: Lane): Promise<void> {
    await setImmediate();
    if (lane.queue.length < COMPANY) await sleep(LINGER_MS);
    while (lane.queue.length > 0) {
      let away: SendResult | null = null;
      for (const send of inSends(lane.queue.splice(0), (record) => record.bytes)) {
        // Waiting for another deadline per batch would keep the callers behind it far too long.
        if (away) settleAll(send, away);
        else away = await this.#sendBatch(lane.topic, send);
      }
      if (away) settleAll(lane.queue.splice(0), away);
    }
    // In the same tick as the last look at the queue, so that no record is left in a lane that nobody drains.
    this.#lanes.delete(id);
  }

  /**
   * Answers the common failure when Kafka is away. A client that has seen a topic which is deleted since finds no other
   * either, so only a fresh one is believed that there is none.
   */
  async #sendBatch(topic: string, records: readonly Pending[], isFresh = false): Promise<SendResult | null> {
    const partition = records[0]?.message.partition ?? 0;
    const slot = this.#slotOf(partition);
    const sending = slot.connected.then(() =>
      slot.producer.send({
        topic,
        acks: -1,
        timeout: 4_000,
        messages: records.map(({ message }) => toVendorMessage(message)),
      }),
    );
    slot.inFlight.add(sending);
    sending.catch(() => undefined).finally(() => slot.inFlight.delete(sending));
    const doing = `producing to ${topic}`;
    try {
      const answers = await withinDeadline(sending, doing);
      const base = BigInt(answers.find((answer) => answer.partition === partition)?.baseOffset ?? '-1');
      for (const [index, record] of records.entries()) {
        record.settle({ ok: true, partition, offset: String(base + BigInt(index)) });
      }
      return null;
    } catch (error) {
      const type = protocolType((error as Error).cause ?? error);
      if (type !== null && refusalOf(type) !== null) return this.#halve(topic, records, type);
      // The client's sequence numbers may no longer be the broker's: the next batch would pass for a duplicate and be lost.
      this.#retire(slot);
      const { code, message } = toKafkaError(error, doing);
      if (code === 'NOT_FOUND' && !isFresh) return this.#sendBatch(topic, records, true);
      const result: SendResult = { ok: false, code, message };
      settleAll(records, result);
      return code === 'KAFKA_UNAVAILABLE' ? result : null;
    }
  }

  async #halve(topic: string, records: readonly Pending[], type: string): Promise<SendResult | null> {
    if (records.length === 1) {
      records[0]?.settle(failure(type, topic));
      return null;
    }
    const middle = records.length >> 1;
    const away = await this.#sendBatch(topic, records.slice(0, middle));
    if (!away) return this.#sendBatch(topic, records.slice(middle));
    settleAll(records.slice(middle), away);
    return away;
  }

  /** A partition has the same producer always, since records of two could overtake each other. */
  #slotOf(partition: number): ProducerSlot {
    const number = partition % PRODUCERS;
    const known = this.#slots.get(number);
    if (known !== undefined) return known;
    const producer = this.#kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false });
    const slot = { number, producer, connected: producer.connect(), inFlight: new Set<Promise<unknown>>() };
    this.#slots.set(number, slot);
    return slot;
  }

  /** No new sends; disconnects when those under way have ended, because kafkajs would connect again for their retries. */
  #retire(slot: ProducerSlot): void {
    if (this.#slots.get(slot.number) !== slot) return;
    this.#slots.delete(slot.number);
    const done = Promise.allSettled([slot.connected, ...slot.inFlight])
      .then(() => slot.producer.disconnect())
      .catch(() => undefined)
      .finally(() => this.#retired.delete(done));
    this.#retired.add(done);
  }
}

function settleAll(records: readonly Pending[], result: SendResult): void {
  for (const record of records) record.settle(result);
}

function failure(type: string, topic: string): SendResult {
  if (refusalOf(type) === 'LIMIT_EXCEEDED') {
    const message = `The message is larger than topic ${topic} takes; shorten it or raise max.message.bytes.`;
    return { ok: false, code: 'LIMIT_EXCEEDED', message };
  }
  if (type === 'INVALID_RECORD') {
    const message = `Topic ${topic} refused the message; a compacted topic takes no message without a key.`;
    return { ok: false, code: 'MESSAGE_INVALID', message };
  }
  return { ok: false, code: 'MESSAGE_INVALID', message: `The timestamp is outside of what topic ${topic} takes.` };
}
