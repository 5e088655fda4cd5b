import { isUtf8 } from 'node:buffer';
import { isKeyFault } from '../../domain/privacy/key-fault.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import { AvroSchema } from '../../domain/registry/avro/avro-schema.ts';
import {
  beginsLikeJson,
  type FramedRecord,
  frameContent,
  framedRecord,
  type SchemaName,
} from '../../domain/registry/framed-record.ts';
import { ProtobufSchema } from '../../domain/registry/protobuf/protobuf-schema.ts';
import type { ParsedSchema, SchemaFormat } from '../../domain/registry/schema-format.ts';
import { schemaIdHeaders } from '../../domain/registry/wire-format.ts';
import { Utf8Arena } from '../../domain/utf8-arena.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { ProtectionReadModel } from '../privacy/protection.read-model.ts';
import type { JsonRecord, ProtectionService } from '../privacy/protection.service.ts';
import type { MessageCheck, MessageGate } from '../registry/message-gate.ts';
import { deadLetter } from './dead-letter.ts';
import type { KafkaMessage, TransformedMessage } from './ports.ts';
import { keysOf, type RunnableStream } from './stream.read-model.ts';

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
    const answers = await this.answers(stream, messages);
    return messages.map((message, index) => {
      if (message.value === null) return passedOn(message, null);
      const answer = answers[index] ?? unfit;
      return answer.ok ? passedOn(message, answer.value) : deadLetter(stream, message, answer.code);
    });
  }

  /**
   * What protection leaves of each value, or why it cannot be protected. With `keepSealed` a value that is to be encrypted
   * and is an envelope already stays that.
   * @throws LinewardError KEY_UNAVAILABLE, KEY_MISMATCH
   */
  async answers(
    work: ProtectedEntity,
    messages: readonly KafkaMessage[],
    options: ProtectOptions = {},
  ): Promise<readonly ProtectedValue[]> {
    const answers: (ProtectedValue | undefined)[] = [];
    const framed: FramedMessage[] = [];
    const whole = { ...work, options, arena: new Utf8Arena() };
    let way: TextWay | null = null;
    // In parts, since what a part was read to is garbage with its end: of a whole batch it would be copied by the collector.
    for (let start = 0; start < messages.length; ) {
      const end = Math.min(start + (way?.plan.encrypts === true ? sealedAtOnce : shownAtOnce), messages.length);
      const texts: IndexedText[] = [];
      for (let index = start; index < end; index += 1) {
        const content = contentOf(messages[index]);
        if (content.kind === 'JSON') texts.push({ text: content.text, record: content.record, index });
        else if (content.kind === 'FRAMED') framed.push({ record: content.record, index });
      }
      if (texts.length > 0) way = await this.#protectTexts(whole, way, texts, answers);
      start = end;
    }
    const names = new Set(framed.map(({ record }) => record.schema));
    for (const name of names) await this.#protectFramed(whole, name, framed, answers);
    return messages.map((_, index) => {
      const answer = answers[index] ?? unfit;
      if (!answer.ok && isKeyFault(answer.code)) throw new LinewardError(answer.code);
      return answer;
    });
  }

  /** Answers by what it did so, for the next texts of the batch. */
  async #protectTexts(
    work: Work,
    known: TextWay | null,
    texts: readonly IndexedText[],
    answers: (ProtectedValue | undefined)[],
  ): Promise<TextWay> {
    const way = known ?? {
      plan: await this.#policies.planOf(work.entityId, keysOf(work)),
      check: await this.#gate.checkFor(work.entityId),
    };
    const fitting = texts.filter(({ record }) => way.check.faults(record).length === 0);
    const protectedTexts = await this.#protection.protectTexts(way.plan, fitting, work.options);
    for (const [position, answer] of protectedTexts.entries())
      answers[fitting[position]?.index ?? -1] = answer.ok
        ? { ok: true, value: work.arena.bytesOf(answer.text) }
        : answer;
    return way;
  }

  /** Messages that name one schema. One of another entity has no version here, and is given up. */
  async #protectFramed(
    work: Work,
    name: SchemaName,
    messages: readonly FramedMessage[],
    answers: (ProtectedValue | undefined)[],
  ): Promise<void> {
    const known = await this.#schemaOf(work, name);
    if (known === null) return;
    const framed = messages.flatMap(({ record, index }) => {
      if (record.schema !== name) return [];
      const payload = payloadOf(record, known.schema.format);
      return payload === null ? [] : [{ bytes: record.bytes, payload, index }];
    });
    const protectedOnes = await this.#protectPayloads(
      known,
      framed.map(({ payload }) => payload),
      work.options,
    );
    for (const [position, { bytes, payload, index }] of framed.entries()) {
      const answer = protectedOnes[position];
      if (answer === undefined) continue;
      // The prefix stays, if there is one: the output is data of the same schema.
      const prefix = bytes.subarray(0, bytes.length - payload.length);
      answers[index] = answer.ok ? { ok: true, value: Buffer.concat([prefix, answer.bytes]) } : answer;
    }
  }

  #protectPayloads(
    { plan, schema }: SchemaInForce,
    payloads: readonly Uint8Array[],
    options: ProtectOptions,
  ): Promise<readonly PayloadAnswer[]> {
    const keeping = options.keepSealed === true ? { sealedIn: payloads.map((payload) => textOf(schema, payload)) } : {};
    if (schema instanceof AvroSchema && schema.root.kind === 'record')
      return this.#protection.protectAvros(plan, schema.root, payloads, keeping);
    if (schema instanceof ProtobufSchema) {
      const { reading } = schema;
      const type = reading.message(firstMessage);
      if (type !== null) return this.#protection.protectProtobufs(plan, { reading, type }, payloads, keeping);
    }
    return this.#protectJsons({ plan, schema }, payloads, options);
  }

  /** Payloads of a JSON Schema are JSON texts. */
  async #protectJsons(
    { plan, schema }: SchemaInForce,
    payloads: readonly Uint8Array[],
    options: ProtectOptions,
  ): Promise<readonly PayloadAnswer[]> {
    const records = schema.format === 'JSON' ? payloads.map(jsonOf) : payloads.map(() => null);
    const fitting = new Set(records.filter((one) => one !== null && schema.messageFaults(one.record).length === 0));
    const texts = await this.#protection.protectTexts(
      plan,
      [...fitting].filter((one) => one !== null),
      options,
    );
    const protectedTexts = texts[Symbol.iterator]();
    return records.map((one) => {
      const answer = fitting.has(one) ? protectedTexts.next().value : undefined;
      if (answer === undefined) return { ok: false, code: 'MESSAGE_INVALID' } as const;
      return answer.ok ? ({ ok: true, bytes: Buffer.from(answer.text) } as const) : answer;
    });
  }

  async #schemaOf(work: Work, name: SchemaName): Promise<SchemaInForce | null> {
    try {
      const { schemaId, schema } = await this.#gate.schemaNamed(name);
      return { schema, plan: await this.#policies.planOf(work.entityId, keysOf(work), schemaId) };
    } catch (error) {
      const { code } = toLinewardError(error);
      if (code === 'SCHEMA_NOT_FOUND' || code === 'NOT_FOUND') return null;
      throw error;
    }
  }
}

/** Texts between two looks at the keys of their accounts, which are a statement each. */
const sealedAtOnce = 1_000;
const shownAtOnce = 250;

/** A message of a batch that is a JSON text, by its place there. */
interface IndexedText extends JsonRecord {
  readonly index: number;
}

interface FramedMessage {
  readonly record: FramedRecord;
  readonly index: number;
}

/** How the texts of a batch are checked and protected. */
interface TextWay {
  readonly plan: ProtectionPlan;
  readonly check: MessageCheck;
}

interface SchemaInForce {
  readonly plan: ProtectionPlan;
  readonly schema: ParsedSchema;
}

/** Index path of the message that a Protobuf file is catalogued by. */
const firstMessage = [0];

/** Whose records they are, and how they name accounts and persons. */
export type ProtectedEntity = Pick<RunnableStream, 'entityId' | 'accountField' | 'subjectFields'>;

interface ProtectOptions {
  readonly keepSealed?: boolean;
}

type Work = ProtectedEntity & { readonly options: ProtectOptions; readonly arena: Utf8Arena };

/** What is left of a value, or why it cannot be protected. */
export type ProtectedValue =
  | { readonly ok: true; readonly value: Buffer }
  | { readonly ok: false; readonly code: ErrorCode };

const unfit: ProtectedValue = { ok: false, code: 'MESSAGE_INVALID' };

type PayloadAnswer =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly code: ErrorCode };

/** What a value is: bare JSON, one that names its schema, or neither. */
type Content =
  | ({ readonly kind: 'JSON' } & JsonRecord)
  | { readonly kind: 'FRAMED'; readonly record: FramedRecord }
  | { readonly kind: 'NONE' };

const none: Content = { kind: 'NONE' };

function contentOf(message: KafkaMessage | undefined): Content {
  const value = message?.value ?? null;
  if (message === undefined || value === null) return none;
  const bare = beginsLikeJson(value) ? jsonOf(value) : null;
  if (bare !== null) return { kind: 'JSON', text: bare.text, record: bare.record };
  const record = framedRecord(value, message.headers[schemaIdHeaders.value]);
  return record === null ? none : { kind: 'FRAMED', record };
}

/** The payload of a record of the catalogued message; null for another message of the file, and for indexes that are none. */
function payloadOf(record: FramedRecord, format: SchemaFormat): Uint8Array | null {
  try {
    const { messageIndexes, payload } = frameContent(record, format === 'PROTOBUF');
    return messageIndexes === null || messageIndexes.join() === firstMessage.join() ? payload : null;
  } catch {
    return null;
  }
}

/** A JSON text with what it says; null for what is none, and for null itself. */
function jsonOf(bytes: Uint8Array): JsonRecord | null {
  // Decoding would put U+FFFD in the place of what is no UTF-8.
  if (!isUtf8(bytes)) return null;
  try {
    const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const text = buffer.toString('utf8');
    const record: unknown = JSON.parse(text);
    return record === null ? null : { text, record };
  } catch {
    return null;
  }
}

/** What a payload of the catalogued message says, as JSON; nothing for bytes that are none. */
function textOf(schema: ParsedSchema, payload: Uint8Array): string {
  try {
    const record = schema.decode(payload, schema.format === 'PROTOBUF' ? firstMessage : null);
    return JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  } catch {
    return '';
  }
}

function passedOn(source: KafkaMessage, value: Buffer | null): TransformedMessage {
  const { key, partition, timestamp, headers } = source;
  return { key, value, partition, timestamp, headers, source };
}
