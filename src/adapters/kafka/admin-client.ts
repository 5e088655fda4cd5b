import type { Admin, Kafka } from 'kafkajs';
import { LinewardError } from '../../errors/lineward-error.ts';
import { throughMoves, toKafkaError, withinDeadline } from './faults.ts';

interface AdminSlot {
  readonly admin: Admin;
  readonly connected: Promise<void>;
  /** The call that is running or was the last. */
  last: Promise<unknown>;
}

/** An admin client that is connected by its first call, and replaced when it went wrong. */
export class AdminClient {
  readonly #kafka: Kafka;
  #slot: AdminSlot | null = null;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /**
   * Runs one admin call. A client that has seen a topic which is deleted since says of every other that there is none, so
   * only a fresh one is believed.
   */
  async ask<T>(doing: string, call: (admin: Admin) => Promise<T>): Promise<T> {
    const before = this.#slot;
    try {
      return await this.#askOnce(doing, call);
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'NOT_FOUND' || before === null) throw error;
      if (this.#slot === before) {
        this.#slot = null;
        void before.last.then(() => before.admin.disconnect()).catch(() => undefined);
      }
      return await this.#askOnce(doing, call);
    }
  }

  async close(): Promise<void> {
    const slot = this.#slot;
    this.#slot = null;
    await slot?.admin.disconnect().catch(() => undefined);
  }

  /** Within the deadline. A client that Kafka did not answer is dropped, the next call connects anew. */
  async #askOnce<T>(doing: string, call: (admin: Admin) => Promise<T>): Promise<T> {
    const slot = this.#slot ?? this.#connect();
    this.#slot = slot;
    const work = slot.connected.then(() => inTurn(slot, () => throughMoves(() => call(slot.admin))));
    try {
      return await withinDeadline(work, doing);
    } catch (error) {
      const fault = toKafkaError(error, doing);
      if (fault.code === 'KAFKA_UNAVAILABLE' && this.#slot === slot) {
        this.#slot = null;
        // Not before the call has ended, because its retries would connect the client again.
        void Promise.allSettled([work])
          .then(() => slot.admin.disconnect())
          .catch(() => undefined);
      }
      throw fault;
    }
  }

  #connect(): AdminSlot {
    const admin = this.#kafka.admin();
    return { admin, connected: admin.connect(), last: Promise.resolve() };
  }
}

/**
 * One call of an admin client after the other: calls about different topics change the metadata that a running one works
 * with, and kafkajs then trips over partitions it no longer finds.
 */
function inTurn<T>(slot: AdminSlot, call: () => Promise<T>): Promise<T> {
  const turn = slot.last.then(call, call);
  slot.last = turn.catch(() => undefined);
  return turn;
}
