import { setTimeout as sleep } from 'node:timers/promises';
import { groupOf } from '../../domain/kafka/stream-name.ts';
import type { StreamStatus } from '../../domain/kafka/stream-status.ts';
import type { Stream } from '../../entities/stream.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaGateway } from './ports.ts';
import type { StreamReadModel } from './stream.read-model.ts';
import type { StreamActivity } from './stream-activity.ts';

/** Next offset per partition that must have been read. */
export type Fence = ReadonlyMap<number, bigint>;

/** A stream that stands still, so that nobody need wait for it. */
export interface PausedStream {
  readonly id: string;
  readonly since: Date;
}

const pollMs = 200;

/** Says how far the streams that read a topic have come. */
export class StreamProgress {
  readonly #kafka: KafkaGateway;
  readonly #streams: StreamReadModel;
  readonly #activity: Pick<StreamActivity, 'statusOf'>;

  constructor(deps: {
    readonly kafka: KafkaGateway;
    readonly streams: StreamReadModel;
    readonly activity: Pick<StreamActivity, 'statusOf'>;
  }) {
    this.#kafka = deps.kafka;
    this.#streams = deps.streams;
    this.#activity = deps.activity;
  }

  /**
   * Waits until every stream out of a topic has read up to the fence; answers those that are paused before, and will not.
   * @throws LinewardError UPSTREAM_BEHIND after `waitMs`, which says why a stream does not come there.
   */
  async passed(
    topic: { readonly datasetId: string; readonly name: string },
    fence: Fence,
    wait: { waitMs: number; signal: AbortSignal },
  ): Promise<{ paused: readonly PausedStream[] }> {
    const paused: PausedStream[] = [];
    const deadline = Date.now() + wait.waitMs;
    for (const stream of await this.#streams.streamsFrom(topic.datasetId)) {
      while (!behindNothing(await this.#positions(stream, topic.name), fence)) {
        const status = (await this.#activity.statusOf([stream.id])).get(stream.id);
        if (status === undefined) break;
        if (status.state === 'PAUSED') {
          paused.push(status);
          break;
        }
        wait.signal.throwIfAborted();
        if (Date.now() > deadline) throw behind(topic.name, status);
        await sleep(pollMs, undefined, { signal: wait.signal });
      }
    }
    return { paused };
  }

  /** Ids of streams that carry the topic's records to where the operation does not erase. */
  async besides(datasetId: string, operationId: string): Promise<readonly string[]> {
    return (await this.#streams.streamsBesides(datasetId, operationId)).map(({ id }) => id);
  }

  async #positions(stream: Stream, topic: string): Promise<ReadonlyMap<number, bigint>> {
    if (stream.kind === 'LANDING') return this.#streams.positionsOf(stream.id);
    const committed = await this.#kafka.committed(groupOf(stream.id), topic);
    return new Map([...committed].map(([partition, offset]) => [partition, BigInt(offset)]));
  }
}

function behindNothing(positions: ReadonlyMap<number, bigint>, fence: Fence): boolean {
  return [...fence].every(([partition, offset]) => (positions.get(partition) ?? -1n) >= offset);
}

function behind(topic: string, { id, state, reason, since, processes }: StreamStatus): LinewardError {
  const why =
    state === 'FAILED'
      ? `; it fails since ${since.toISOString()}: ${reason}`
      : processes === 0
        ? '; no process runs it: start one with the consumer role'
        : '';
  return new LinewardError(
    'UPSTREAM_BEHIND',
    `stream ${id} has not yet read ${topic} to the point of the erasure${why}`,
  );
}
