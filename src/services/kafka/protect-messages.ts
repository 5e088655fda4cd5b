import { isUtf8 } from 'node:buffer';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import type { AvroRecord } from '../../domain/registry/avro/avro-type.ts';
import { frameMessage, readFrame } from '../../domain/registry/wire-format.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { ProtectionReadModel } from '../privacy/protection.read-model.ts';
import { isKeyFault, type JsonRecord, type ProtectionService } from '../privacy/protection.service.ts';
import type { MessageCheck, MessageGate } from '../registry/message-gate.ts';
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
    const contents = messages.map(contentOf);
    const answers = new Map<number, Answer>();
    await this.#protectTexts(stream, contents, answers);
    for (const schemaId of new Set(
      contents.flatMap((content) => (content.kind === 'FRAMED' ? [content.schemaId] : [])),
    ))
      await this.#protectFramed(stream, schemaId, contents, answers);
    return messages.map((message, index) => {
      if (message.value === null) return { ...passedOn(message), value: null };
      const answer = answers.get(index) ?? { ok: false, code: 'MESSAGE_INVALID' };
      if (!answer.ok && isKeyFault(answer.code)) throw new LinewardError(answer.code);
      return answer.ok ? { ...passedOn(message), value: answer.value } : deadLetter(stream, message, answer.code);
    });
  }

  async #protectTexts(
    stream: RunnableStream,
    contents: readonly Content[],
    answers: Map<number, Answer>,
  ): Promise<void> {
    if (!contents.some(({ kind }) => kind === 'JSON')) return;
    const plan = await this.#policies.planOf(stream.entityId, keysOf(stream));
    const check = await this.#gate.checkFor(stream.entityId);
    const fitting = contents.flatMap((content, index) =>
      content.kind === 'JSON' && check.faults(content.record).length === 0 ? [{ ...content, index }] : [],
    );
    const protectedTexts = await this.#protection.protectTexts(plan, fitting);
    for (const [position, answer] of protectedTexts.entries())
      answers.set(fitting[position]?.index ?? -1, answer.ok ? { ok: true, value: answer.text } : answer);
  }

  /** Messages of one schema in the registry's wire format. One of another entity has no version here, and is given up. */
  async #protectFramed(
    stream: RunnableStream,
    schemaId: number,
    contents: readonly Content[],
    answers: Map<number, Answer>,
  ): Promise<void> {
    const known = await this.#schemaOf(stream, schemaId);
    if (known === null) return;
    const payloads = contents.flatMap((content, index) =>
      content.kind === 'FRAMED' && content.schemaId === schemaId ? [{ payload: content.payload, index }] : [],
    );
    const bytes = payloads.map(({ payload }) => payload);
    const protectedOnes =
      'record' in known
        ? await this.#protection.protectAvros(known.plan, known.record, bytes)
        : await this.#protectJsons(known, bytes);
    for (const [position, answer] of protectedOnes.entries()) {
      const framed = (payload: Uint8Array): Buffer =>
        Buffer.from(frameMessage({ schemaId, messageIndexes: null, payload }));
      answers.set(payloads[position]?.index ?? -1, answer.ok ? { ok: true, value: framed(answer.bytes) } : answer);
    }
  }

  /** Payloads of a JSON Schema are JSON texts. */
  async #protectJsons({ plan, check }: JsonSchemaInForce, payloads: readonly Uint8Array[]) {
    const records = payloads.map(jsonOf);
    const fitting = new Set(records.filter((one) => one !== null && check.faults(one.record).length === 0));
    const texts = await this.#protection.protectTexts(
      plan,
      [...fitting].filter((one) => one !== null),
    );
    const protectedTexts = texts[Symbol.iterator]();
    return records.map((one) => {
      const answer = fitting.has(one) ? protectedTexts.next().value : undefined;
      if (answer === undefined) return { ok: false, code: 'MESSAGE_INVALID' } as const;
      return answer.ok ? ({ ok: true, bytes: Buffer.from(answer.text) } as const) : answer;
    });
  }

  async #schemaOf(stream: RunnableStream, schemaId: number): Promise<AvroInForce | JsonSchemaInForce | null> {
    try {
      const record = await this.#gate.avroRecord(schemaId);
      if (record !== null)
        return { record, plan: await this.#policies.planOf(stream.entityId, keysOf(stream), schemaId) };
      const check = await this.#gate.jsonCheck(schemaId);
      if (check === null) return null;
      return { check, plan: await this.#policies.planOf(stream.entityId, keysOf(stream), schemaId) };
    } catch (error) {
      const { code } = toLinewardError(error);
      if (code === 'SCHEMA_NOT_FOUND' || code === 'NOT_FOUND') return null;
      throw error;
    }
  }
}

interface AvroInForce {
  readonly plan: ProtectionPlan;
  readonly record: AvroRecord;
}

interface JsonSchemaInForce {
  readonly plan: ProtectionPlan;
  readonly check: MessageCheck;
}

type Answer = { readonly ok: true; readonly value: string | Buffer } | { readonly ok: false; readonly code: ErrorCode };

/** What a value is: bare JSON, in the registry's wire format, or neither. */
type Content =
  | ({ readonly kind: 'JSON' } & JsonRecord)
  | { readonly kind: 'FRAMED'; readonly schemaId: number; readonly payload: Uint8Array }
  | { readonly kind: 'NONE' };

function contentOf({ value }: KafkaMessage): Content {
  if (value === null) return { kind: 'NONE' };
  try {
    // No JSON begins with a zero byte.
    if (value[0] === 0) return { kind: 'FRAMED', ...readFrame(value, false) };
  } catch {
    return { kind: 'NONE' };
  }
  const json = jsonOf(value);
  return json === null ? { kind: 'NONE' } : { kind: 'JSON', ...json };
}

/** A JSON text with what it says; null for what is none, and for null itself. */
function jsonOf(bytes: Uint8Array): JsonRecord | null {
  // Decoding would put U+FFFD in the place of what is no UTF-8.
  if (!isUtf8(bytes)) return null;
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    const record: unknown = JSON.parse(text);
    return record === null ? null : { text, record };
  } catch {
    return null;
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
