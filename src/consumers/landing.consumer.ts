import type { Logger } from '../domain/logger.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import type { ErasedRecords } from '../services/kafka/erased-records.ts';
import type { RunningStream } from '../services/kafka/ports.ts';
import type { RecordReader } from '../services/kafka/record-reader.ts';
import type { LandingService } from '../services/lake/landing.service.ts';
import { GatheringPartition } from './gathering-partition.ts';
import type { StreamStarter } from './stream-runner.ts';

interface LandingDeps {
  readonly landing: LandingService;
  readonly erased: ErasedRecords;
  readonly records: RecordReader;
  readonly logger: Logger;
  /** Longest wait of a message for others to share its files, milliseconds. */
  readonly flushMs: number;
}

/**
 * Protected topic in, lake files out. Messages of a partition gather for a moment, so that a trickle does not become a
 * file a message; nothing is acknowledged before it has landed, because the position is the table's own.
 */
export function landingConsumer(deps: LandingDeps): StreamStarter {
  return async (stream, kafka, { group, tally }) => {
    const { tableId } = stream;
    if (tableId === null) throw new LinewardError('INTERNAL', 'a landing stream without a lake table');
    const partitions = new Map<number, GatheringPartition>();
    const running = await kafka.readStream({
      group,
      source: stream.source.name,
      positionOf: async (partition) => {
        partitions.get(partition)?.drop();
        const position = await deps.landing.positionOf(stream.id, partition);
        const isErased = await deps.erased.behind(stream, partition, position);
        const parts = { ...deps, kafka, isErased, tally };
        partitions.set(partition, new GatheringPartition(parts, { ...stream, tableId }, partition));
        return position;
      },
      handle: async ({ partition, messages }) => partitions.get(partition)?.add(messages),
    });
    return stopping(running, partitions);
  };
}

function stopping(running: RunningStream, partitions: ReadonlyMap<number, GatheringPartition>): RunningStream {
  return {
    get fault() {
      return running.fault ?? [...partitions.values()].find(({ fault }) => fault !== null)?.fault ?? null;
    },
    get partitions() {
      return running.partitions;
    },
    stop: async () => {
      await running.stop();
      await Promise.all(
        [...partitions.values()].map(async (partition) => {
          await partition.flush().catch(() => {});
          partition.drop();
        }),
      );
    },
  };
}
