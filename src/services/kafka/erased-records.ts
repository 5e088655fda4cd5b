import type { KafkaGateway, KafkaMessage } from './ports.ts';
import type { RunnableStream, StreamReadModel } from './stream.read-model.ts';

/** Header of the tombstones that an erasure writes: the operation's id. */
export const operationHeader = 'lineward-operation';

/**
 * Which records of a topic an erasure has put a tombstone on. The log keeps such records until it is compacted, and a
 * stream that reads it from the start, or goes on after a pause, must not carry them on.
 */
export class ErasedRecords {
  readonly #kafka: KafkaGateway;
  readonly #streams: Pick<StreamReadModel, 'erasedUpTo'>;

  constructor(deps: { readonly kafka: KafkaGateway; readonly streams: Pick<StreamReadModel, 'erasedUpTo'> }) {
    this.#kafka = deps.kafka;
    this.#streams = deps.streams;
  }

  /**
   * A test for the records of one partition that are still to be read from `position` (null: from the start). Reads the
   * topic once if an erasure wrote behind that position, and nothing otherwise.
   */
  async behind(
    { id, source }: Pick<RunnableStream, 'id' | 'source'>,
    partition: number,
    position: string | null,
  ): Promise<(message: KafkaMessage) => boolean> {
    const end = (await this.#streams.erasedUpTo(id)).get(partition) ?? 0n;
    if (BigInt(position ?? 0) >= end) return () => false;
    const tombstones = new Map<string, bigint>();
    await this.#kafka.scan(source.name, (message) => {
      if (message.partition !== partition || message.value !== null || message.key === null) return;
      if (operationHeader in message.headers) tombstones.set(message.key.toString('base64'), BigInt(message.offset));
    });
    return ({ key, offset }) => key !== null && (tombstones.get(key.toString('base64')) ?? -1n) > BigInt(offset);
  }
}
