import { setTimeout as sleep } from 'node:timers/promises';
import { groupOf } from '../../domain/kafka/stream-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaGateway } from './ports.ts';
import type { StreamReadModel } from './stream.read-model.ts';

/** Next offset per partition that must have been read. */
export type Fence = ReadonlyMap<number, bigint>;

const pollMs = 200;

/** Says how far the streams that read a topic have come. */
export class StreamProgress {
  readonly #kafka: KafkaGateway;
  readonly #streams: StreamReadModel;

  constructor(deps: { readonly kafka: KafkaGateway; readonly streams: StreamReadModel }) {
    this.#kafka = deps.kafka;
    this.#streams = deps.streams;
  }

  /**
   * Waits until every running stream out of a topic has read up to the fence; answers the paused ones, which never will.
   * @throws LinewardError UPSTREAM_BEHIND after `waitMs`.
   */
  async passed(
    topic: { readonly datasetId: string; readonly name: string },
    fence: Fence,
    wait: { waitMs: number; signal: AbortSignal },
  ): Promise<{ paused: readonly string[] }> {
    const streams = await this.#streams.streamsFrom(topic.datasetId);
    const deadline = Date.now() + wait.waitMs;
    for (const stream of streams.filter((candidate) => candidate.state === 'RUNNING')) {
      while (!behindNothing(await this.#positions(stream, topic.name), fence)) {
        wait.signal.throwIfAborted();
        if (Date.now() > deadline) {
          throw new LinewardError(
            'UPSTREAM_BEHIND',
            `stream ${stream.id} has not yet read ${topic.name} to the point of the erasure`,
          );
        }
        await sleep(pollMs, undefined, { signal: wait.signal });
      }
    }
    return { paused: streams.filter((stream) => stream.state === 'PAUSED').map((stream) => stream.id) };
  }

  /** Ids of streams that carry the topic's records to where the operation does not erase. */
  async besides(datasetId: string, operationId: string): Promise<readonly string[]> {
    return (await this.#streams.streamsBesides(datasetId, operationId)).map(({ id }) => id);
  }

  async #positions(
    stream: { readonly id: string; readonly kind: string },
    topic: string,
  ): Promise<ReadonlyMap<number, bigint>> {
    if (stream.kind === 'LANDING') return this.#streams.positionsOf(stream.id);
    const committed = await this.#kafka.committed(groupOf(stream.id), topic);
    return new Map([...committed].map(([partition, offset]) => [partition, BigInt(offset)]));
  }
}

function behindNothing(positions: ReadonlyMap<number, bigint>, fence: Fence): boolean {
  return [...fence].every(([partition, offset]) => (positions.get(partition) ?? -1n) >= offset);
}
