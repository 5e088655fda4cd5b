import { deadLetter, deadLetterTopic } from '../services/kafka/dead-letter.ts';
import type { ErasedRecords } from '../services/kafka/erased-records.ts';
import type { KafkaMessage } from '../services/kafka/ports.ts';
import type { MessageProtection } from '../services/kafka/protect-messages.ts';
import type { StreamStarter } from './stream-runner.ts';

interface ProtectionDeps {
  readonly protection: MessageProtection;
  readonly erased: Pick<ErasedRecords, 'behind'>;
}

/**
 * Raw topic in, protected topic out, exactly once. What an erasure has put a tombstone on is not carried on any more: a
 * stream that goes on after a pause, or is replayed, still finds it in the log.
 */
export function protectionConsumer({ protection, erased }: ProtectionDeps): StreamStarter {
  return async (stream, kafka, { group, tally }) => {
    await kafka.ensureTopic({ name: deadLetterTopic(stream.targetName), partitions: 1, config: {} });
    const isErasedIn = new Map<number, (message: KafkaMessage) => boolean>();
    return kafka.transformStream({
      group,
      source: stream.source.name,
      target: stream.targetName,
      begin: async (partition, position) => {
        isErasedIn.set(partition, await erased.behind(stream, partition, position));
      },
      transform: (messages) => {
        const left = messages.filter((message) => isErasedIn.get(message.partition)?.(message) !== true);
        return protection.protect(stream, left);
      },
      refused: (message, code) => deadLetter(stream, message, code),
      written: (messages, output) => {
        const setAside = output.filter(({ topic }) => topic !== undefined).length;
        tally.add({ passed: output.length - setAside, setAside, bytes: bytesOf(messages) });
      },
    });
  };
}

const bytesOf = (messages: readonly KafkaMessage[]): number =>
  messages.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
