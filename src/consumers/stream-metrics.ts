import type { StreamMetric } from '../domain/kafka/stream-report.ts';
import type { StreamLag } from '../domain/kafka/stream-status.ts';
import type { StreamLags } from '../services/kafka/stream-lag.ts';
import type { StreamRunner } from './stream-runner.ts';

/** What this process does for its streams. The lag is that of the partitions it has, so that the sum over processes is right. */
export async function streamMetrics(deps: {
  readonly streamRunner: Pick<StreamRunner, 'reports'>;
  readonly streamLags: Pick<StreamLags, 'of'>;
}): Promise<readonly StreamMetric[]> {
  const { reports } = deps.streamRunner;
  const running = reports.filter(({ partitions }) => partitions.length > 0).map(({ streamId }) => streamId);
  const lags: ReadonlyMap<string, StreamLag | null> =
    running.length === 0 ? new Map() : await deps.streamLags.of(running);
  return reports.map(({ streamId, fault, work, partitions }) => {
    const lag = lags.get(streamId)?.partitions.filter(({ partition }) => partitions.includes(partition));
    return {
      streamId,
      hasFault: fault !== null,
      work,
      lag: lag === undefined ? null : lag.reduce((sum, { records }) => sum + records, 0),
    };
  });
}
