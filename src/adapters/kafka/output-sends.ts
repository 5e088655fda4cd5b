import type { ErrorCode } from '../../errors/codes.ts';
import type { TransformedMessage, TransformStream } from '../../services/kafka/ports.ts';
import { byteSize, inSends, payloadSize, REQUEST_BYTES_MAX, SEND_BYTES_MAX } from './messages.ts';

/** What a topic does not take. */
export interface TopicLimits {
  readonly messageBytes: number;
  readonly needsKeys: boolean;
}

export interface Send {
  readonly topic: string;
  readonly messages: readonly TransformedMessage[];
}

/**
 * The output of a batch in sends. A send that the broker refuses is cut until the messages at fault stand alone, and what
 * is written instead of them takes their place: one message that a topic never takes must not hold up its partition.
 */
export class OutputSends {
  readonly #stream: Pick<TransformStream, 'target' | 'refused'>;
  #sends: Send[];

  constructor(stream: Pick<TransformStream, 'target' | 'refused'>, output: readonly TransformedMessage[]) {
    this.#stream = stream;
    this.#sends = this.#inSends(output, SEND_BYTES_MAX);
    const giant = this.#sends.some(
      ({ messages: [first] }) => first !== undefined && byteSize(first) > REQUEST_BYTES_MAX,
    );
    if (giant) this.#without((message) => byteSize(message) > REQUEST_BYTES_MAX, 'LIMIT_EXCEEDED', SEND_BYTES_MAX);
  }

  get sends(): readonly Send[] {
    return this.#sends;
  }

  get messages(): readonly TransformedMessage[] {
    return this.#sends.flatMap(({ messages }) => messages);
  }

  /** After a send was refused. False when nothing can be written instead. */
  narrow(refused: Send, code: ErrorCode, limits: TopicLimits): boolean {
    if (this.#stream.refused === undefined) return false;
    const before = this.#sends.length;
    const { topic } = refused;
    const isOver = (message: TransformedMessage): boolean =>
      this.#topicOf(message) === topic &&
      (code === 'LIMIT_EXCEEDED'
        ? payloadSize(message) > limits.messageBytes
        : limits.needsKeys && message.key === null);
    if (this.messages.some((message) => isOver(message) && message.source !== undefined)) {
      this.#without(isOver, code, Math.min(SEND_BYTES_MAX, limits.messageBytes));
      return true;
    }
    const [alone] = refused.messages;
    if (refused.messages.length === 1 && alone !== undefined) {
      if (alone.source === undefined) return false;
      this.#without((message) => message === alone, code, SEND_BYTES_MAX, refused);
      return true;
    }
    this.#sends = this.#sends.flatMap((send) => (send === refused ? halves(send) : [send]));
    return this.#sends.length > before;
  }

  /** Replaces messages; sends that are not touched stay cut as they are. */
  #without(isOver: (message: TransformedMessage) => boolean, code: ErrorCode, bytesMax: number, only?: Send): void {
    const instead: TransformedMessage[] = [];
    const left = this.#sends.flatMap((send) => {
      if ((only !== undefined && send !== only) || !send.messages.some(isOver)) return [send];
      const kept = send.messages.filter((message) => {
        const replacement =
          isOver(message) && message.source !== undefined ? this.#stream.refused?.(message.source, code) : undefined;
        if (replacement !== undefined) instead.push(replacement);
        return replacement === undefined;
      });
      return this.#inSends(kept, bytesMax);
    });
    this.#sends = [...left, ...this.#inSends(instead, SEND_BYTES_MAX)];
  }

  #inSends(messages: readonly TransformedMessage[], bytesMax: number): Send[] {
    return [...Map.groupBy(messages, (message) => this.#topicOf(message))].flatMap(([topic, all]) =>
      inSends(all, byteSize, bytesMax).map((some) => ({ topic, messages: some })),
    );
  }

  #topicOf(message: TransformedMessage): string {
    return message.topic ?? this.#stream.target;
  }
}

function halves({ topic, messages }: Send): Send[] {
  const middle = messages.length >> 1;
  return [messages.slice(0, middle), messages.slice(middle)].map((half) => ({ topic, messages: half }));
}
