import type { ErrorCode } from '../../errors/codes.ts';
import type { KafkaMessage, OutgoingMessage, TransformedMessage } from './ports.ts';
import type { RunnableStream } from './stream.read-model.ts';

/** Topic for notices of messages that cannot be protected into a topic, or cannot land from it. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dead-letter`;
}

/** The notice of a message that does not reach the stream's target. It has the time at which it is written: that of the message may be what the broker refuses. */
export function deadLetter(
  stream: Pick<RunnableStream, 'source' | 'targetName'>,
  message: KafkaMessage,
  reason: ErrorCode,
): TransformedMessage {
  const place = { topic: stream.source.name, partition: message.partition, offset: message.offset };
  return { topic: deadLetterTopic(stream.targetName), ...deadLetterNotice(place, reason) };
}

/** Says where a message is that could not go on, and why; never what it holds. */
export function deadLetterNotice(
  { topic, partition, offset }: { readonly topic: string; readonly partition: number; readonly offset: string },
  reason: ErrorCode,
): OutgoingMessage {
  return { key: null, value: JSON.stringify({ reason, topic, partition, offset }) };
}
