import { randomUUID } from 'node:crypto';
import type { EachBatchPayload, Kafka } from 'kafkajs';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaMessage, ScanRange } from '../../services/kafka/ports.ts';
import { throughMoves, toKafkaError, withinDeadline } from './faults.ts';
import { consumerSettings } from './group-consumer.ts';
import { nextOffset, toKafkaMessage } from './messages.ts';
import { scanGroupPrefix } from './topic-admin.ts';

/** How often the log start is read again: a purge under the scan may remove what it still waits for. */
const RECHECK_MS = 2_000;
const CLOSE_DEADLINE_MS = 10_000;
const BEAT_MS = 1_000;

interface PartitionRange {
  readonly partition: number;
  readonly earliest: string;
  readonly latest: string;
}

export interface ScanOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  /** The range is [earliest, last stable offset) as of the call; open transactions lie behind it. */
  offsets(): Promise<readonly PartitionRange[]>;
  each(message: KafkaMessage): void | Promise<void>;
  /** Best effort: the group commits nothing, so a group that stays is empty. */
  deleteGroup(group: string): Promise<void>;
  readonly signal: AbortSignal | undefined;
  readonly within: ScanRange | undefined;
}

/** {@link scanOnce}, begun again while the broker does not yet serve groups and nothing has been read. */
export async function scanTopic(options: ScanOptions): Promise<void> {
  let hasRead = false;
  const each = (message: KafkaMessage) => {
    hasRead = true;
    return options.each(message);
  };
  let failure: unknown;
  // Once something has been read, the scan cannot begin again.
  await throughMoves(() =>
    scanOnce({ ...options, each }).catch((error: unknown) => {
      if (!hasRead) throw error;
      failure = error;
    }),
  );
  if (failure !== undefined) throw failure;
}

/**
 * Reads a topic once. kafkajs has no consumer without a group, so a group of this scan alone is used and deleted after.
 * The end is reached by *position*, not by message: transaction markers, aborted and compacted records take offsets at
 * the end of a log and are never delivered, but kafkajs tells how far each fetched batch went.
 */
async function scanOnce(options: ScanOptions): Promise<void> {
  const { kafka, topic, signal } = options;
  const ends = new Map<number, bigint>();
  const { from, to } = options.within ?? {};
  for (const { partition, earliest, latest } of await options.offsets()) {
    const end = smaller(BigInt(latest), to?.get(partition));
    if (BigInt(earliest) < end && (from?.get(partition) ?? 0n) < end) ends.set(partition, end);
  }
  throwIfCancelled(signal, topic);
  if (ends.size === 0) return;

  const group = `${scanGroupPrefix}${randomUUID()}`;
  const consumer = kafka.consumer({ groupId: group, ...consumerSettings });
  const end = Promise.withResolvers<void>();
  end.promise.catch(() => undefined);
  const reached = (partition: number, position: bigint) => {
    const goal = ends.get(partition);
    if (goal === undefined || position < goal) return;
    ends.delete(partition);
    if (ends.size === 0) end.resolve();
    else consumer.pause([{ topic, partitions: [partition] }]);
  };
  const fail = (error: unknown) => {
    // Batches that are already fetched find nothing left to read.
    ends.clear();
    end.reject(error);
  };
  consumer.on(consumer.events.CRASH, ({ payload }) => fail(payload.error));
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    reached(payload.partition, BigInt(nextOffset(payload.lastOffset)));
  });
  const cancel = () => fail(cancelled(topic));
  signal?.addEventListener('abort', cancel, { once: true });
  const recheck = setInterval(() => {
    options.offsets().then((ranges) => {
      for (const range of ranges) reached(range.partition, BigInt(range.earliest));
    }, fail);
  }, RECHECK_MS);
  try {
    const running = consumer
      .connect()
      .then(() => consumer.subscribe({ topic, fromBeginning: true }))
      .then(() => consumer.run({ autoCommit: false, eachBatch: batchReader(options, ends, fail) }))
      .then(() => {
        for (const [partition, offset] of from ?? [])
          if (ends.has(partition)) consumer.seek({ topic, partition, offset: String(offset) });
      });
    await Promise.race([running.then(() => end.promise), end.promise]);
  } catch (error) {
    throw error instanceof Error && error.name.startsWith('KafkaJS') ? toKafkaError(error, `scanning ${topic}`) : error;
  } finally {
    clearInterval(recheck);
    signal?.removeEventListener('abort', cancel);
    await withinDeadline(consumer.disconnect(), 'ending a scan', CLOSE_DEADLINE_MS).catch(() => undefined);
    await options.deleteGroup(group).catch(() => undefined);
  }
}

/** Hands over the messages before their partition's end, each once: a client that joins its group again begins again. */
function batchReader(options: ScanOptions, ends: ReadonlyMap<number, bigint>, fail: (error: unknown) => void) {
  // What was fetched before the first seek is not wanted either.
  const next = new Map(options.within?.from);
  return async ({ batch, heartbeat }: EachBatchPayload): Promise<void> => {
    let beatAt = Date.now();
    for (const message of batch.messages) {
      const goal = ends.get(batch.partition);
      const offset = BigInt(message.offset);
      if (goal === undefined || offset >= goal) break;
      if (offset < (next.get(batch.partition) ?? 0n)) continue;
      next.set(batch.partition, offset + 1n);
      try {
        throwIfCancelled(options.signal, options.topic);
        const work = options.each(toKafkaMessage(batch.partition, message));
        // Two promises for each message would take as long as reading it.
        if (work !== undefined) await work;
      } catch (error) {
        return fail(error);
      }
      if (Date.now() - beatAt < BEAT_MS) continue;
      // Where it tells that the group moves, the client joins again, and the rest of the batch comes again.
      await heartbeat();
      beatAt = Date.now();
    }
  };
}

const smaller = (one: bigint, other: bigint | undefined): bigint => (other !== undefined && other < one ? other : one);

function cancelled(topic: string): LinewardError {
  return new LinewardError('CANCELLED', `The scan of ${topic} was cancelled.`);
}

function throwIfCancelled(signal: AbortSignal | undefined, topic: string): void {
  if (signal?.aborted) throw cancelled(topic);
}
