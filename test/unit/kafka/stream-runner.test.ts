import { expect, it, vi } from 'vitest';
import { StreamRunner, type StreamStarter } from '../../../src/consumers/stream-runner.ts';
import type { KafkaGateway, RunningStream } from '../../../src/services/kafka/ports.ts';
import type { RunnableStream, StreamReadModel } from '../../../src/services/kafka/stream.read-model.ts';
import { quietLogger } from '../../testkit/actor.ts';

const streamOf = (id: string): RunnableStream => ({
  id,
  kind: 'LANDING',
  entityId: 'entity',
  source: { namespace: 'kafka://test', name: `topic-${id}` },
  targetName: 'table',
  tableId: 'table',
  accountField: 'account_sid',
  subjectFields: [],
});

function runnerOf(ids: readonly string[], start: StreamStarter): StreamRunner {
  const streams: Pick<StreamReadModel, 'runnable'> = { runnable: async () => ids.map(streamOf) };
  return new StreamRunner({
    kafka: { configured: true } as KafkaGateway,
    streams: streams as StreamReadModel,
    activity: { tell: async () => undefined, leave: async () => undefined },
    starters: { LANDING: start, PROTECTION: start },
    logger: quietLogger,
  });
}

it('a stream that does not get started holds up neither the others nor the stop, and stops when it does after all', async () => {
  const late = Promise.withResolvers<RunningStream>();
  const running: RunningStream = { fault: null, partitions: [], stop: vi.fn(async () => undefined) };
  const begun: string[] = [];
  const runner = runnerOf(['first', 'second'], (stream) => {
    begun.push(stream.id);
    return stream.id === 'first' ? late.promise : Promise.resolve(running);
  });
  runner.start();
  await vi.waitFor(() => expect(begun).toEqual(['first', 'second']));
  await runner.stop();
  expect(running.stop).toHaveBeenCalledOnce();

  const stop = vi.fn(async () => undefined);
  late.resolve({ fault: null, partitions: [], stop });
  await vi.waitFor(() => expect(stop).toHaveBeenCalledOnce());
  expect(begun).toEqual(['first', 'second']);
});
