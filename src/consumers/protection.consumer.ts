import { deadLetterTopic, type MessageProtection } from '../services/kafka/protect-messages.ts';
import type { StreamStarter } from './stream-runner.ts';

/** Raw topic in, protected topic out, exactly once. */
export function protectionConsumer(deps: { readonly protection: MessageProtection }): StreamStarter {
  return async (stream, kafka, group) => {
    await kafka.ensureTopic({ name: deadLetterTopic(stream.targetName), partitions: 1, config: {} });
    return kafka.transformStream({
      group,
      source: stream.source.name,
      target: stream.targetName,
      transform: (messages) => deps.protection.protect(stream, messages),
    });
  };
}
