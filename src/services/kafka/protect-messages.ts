import { isUtf8 } from 'node:buffer';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ProtectionReadModel } from '../privacy/protection.read-model.ts';
import type { JsonRecord, ProtectionService } from '../privacy/protection.service.ts';
import type { MessageGate } from '../registry/message-gate.ts';
import type { KafkaMessage, OutgoingMessage, TransformedMessage } from './ports.ts';
import { keysOf, type RunnableStream } from './stream.read-model.ts';

/** Topic for notices of messages that cannot be protected into a topic, or cannot land from it. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dead-letter`;
}

/**
 * Turns raw messages into protected ones: key, headers, timestamp and partition stay; the value is what the policies in
 * force leave of it. A message that does not fit goes to the dead-letter topic as a notice without key or content, since
 * both may be personal; its place in the source topic is named.
 */
export class MessageProtection {
  readonly #policies: ProtectionReadModel;
  readonly #protection: ProtectionService;
  readonly #gate: MessageGate;

  constructor(deps: {
    readonly policies: ProtectionReadModel;
    readonly protection: ProtectionService;
    readonly gate: MessageGate;
  }) {
    this.#policies = deps.policies;
    this.#protection = deps.protection;
    this.#gate = deps.gate;
  }

  async protect(stream: RunnableStream, messages: readonly KafkaMessage[]): Promise<readonly TransformedMessage[]> {
    const plan = await this.#policies.planOf(stream.entityId, keysOf(stream));
    const check = await this.#gate.checkFor(stream.entityId);
    const read = messages.map((message) => readValue(message, (value) => check.faults(value).length === 0));
    const fitting = read.flatMap((result) => (result.ok && result.value !== null ? [result.value] : []));
    const answers = (await this.#protection.protectTexts(plan, fitting)).values();
    return messages.map((message, index) => {
      const result = read[index];
      if (result === undefined || !result.ok) return deadLetter(stream, message, 'MESSAGE_INVALID');
      if (result.value === null) return { ...passedOn(message), value: null };
      const answer = answers.next().value;
      if (answer !== undefined && !answer.ok && isKeyFault(answer.code)) throw new LinewardError(answer.code);
      if (answer === undefined || !answer.ok) return deadLetter(stream, message, answer?.code ?? 'INTERNAL');
      return { ...passedOn(message), value: answer.text };
    });
  }
}

/**
 * A key that cannot be had now may be had later, once the provider answers or is set up right: the batch is read again
 * instead of being given up.
 */
const isKeyFault = (code: ErrorCode): boolean => code === 'KEY_UNAVAILABLE' || code === 'KEY_MISMATCH';

type ReadValue = { readonly ok: true; readonly value: JsonRecord | null } | { readonly ok: false };

function readValue(message: KafkaMessage, fits: (value: unknown) => boolean): ReadValue {
  if (message.value === null) return { ok: true, value: null };
  try {
    // Decoding would put U+FFFD in the place of what is no UTF-8.
    if (!isUtf8(message.value)) return { ok: false };
    const text = message.value.toString('utf8');
    const record: unknown = JSON.parse(text);
    return record !== null && fits(record) ? { ok: true, value: { text, record } } : { ok: false };
  } catch {
    return { ok: false };
  }
}

function passedOn({ key, partition, timestamp, headers }: KafkaMessage): Omit<TransformedMessage, 'value'> {
  return { key, partition, timestamp, headers };
}

function deadLetter(stream: RunnableStream, message: KafkaMessage, reason: string): TransformedMessage {
  return {
    topic: deadLetterTopic(stream.targetName),
    ...deadLetterNotice({ topic: stream.source.name, ...message }, reason),
    timestamp: message.timestamp,
  };
}

/** Says where a message is that could not go on, and why; never what it holds. */
export function deadLetterNotice(
  { topic, partition, offset }: { readonly topic: string; readonly partition: number; readonly offset: string },
  reason: string,
): OutgoingMessage {
  return { key: null, value: JSON.stringify({ reason, topic, partition, offset }) };
}
