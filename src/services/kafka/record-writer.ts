import { faultsText, type MessageFault } from '../../domain/registry/message.ts';
import type { SchemaFormat } from '../../domain/registry/schema-format.ts';
import { frameMessage, guidHeader, schemaIdHeaders } from '../../domain/registry/wire-format.ts';
import type { MessageCheck, MessageEncoder } from '../registry/message-gate.ts';
import type { NamedSchema } from '../registry/record-schemas.ts';
import type { OutgoingMessage } from './ports.ts';

/** How keys or values are given and written: as JSON, as text, as bytes, or by a schema in the registry's wire format. */
export type RecordEncoding =
  | { readonly kind: 'JSON' | 'STRING' | 'BINARY' }
  | { readonly kind: 'SCHEMA'; readonly format: SchemaFormat; readonly schema: NamedSchema };

export interface RecordToProduce {
  readonly key?: unknown;
  /** Null, and not absent, for a record that deletes what has its key. */
  readonly value?: unknown;
  readonly partition?: number | undefined;
  /** Milliseconds since 1970, as decimal text. */
  readonly timestamp?: string | undefined;
  readonly headers?: Readonly<Record<string, Buffer>> | undefined;
}

/** A key or a value as it is written, or why it cannot be; never what it holds. */
export type WrittenPart =
  | { readonly ok: true; readonly bytes: string | Buffer; readonly headers?: Readonly<Record<string, Buffer>> }
  | { readonly ok: false; readonly faults: readonly MessageFault[] };

/** Writes keys, or values. */
export interface PartWriter {
  /** Null where no schema is named. */
  readonly schemaId: number | null;
  write(given: unknown, headers: RecordToProduce['headers']): WrittenPart | Promise<WrittenPart>;
}

export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/** The message of a record, or why it does not fit; never what it holds. */
export async function messageOf(
  record: RecordToProduce,
  writers: { readonly keys: PartWriter | null; readonly values: PartWriter },
): Promise<OutgoingMessage | string> {
  const { key: givenKey, value: givenValue, partition, timestamp, headers } = record;
  const key = writers.keys === null || isAbsent(givenKey) ? null : await writers.keys.write(givenKey, headers);
  const keyFaults = key === null || key.ok ? [] : key.faults.map(ofKey);
  const place = { key: key?.ok ? key.bytes : null, partition, timestamp };
  if (givenValue === null && key !== null)
    return keyFaults.length > 0 ? faultsText(keyFaults) : { ...place, value: null, headers };
  const value = await writers.values.write(givenValue ?? null, headers);
  if (!value.ok || keyFaults.length > 0) return faultsText([...keyFaults, ...(value.ok ? [] : value.faults)]);
  return { ...place, value: value.bytes, headers: value.headers ? { ...headers, ...value.headers } : headers };
}

/** Writes values as plain JSON, checked by the newest version of an entity. */
export function jsonValues(check: MessageCheck): PartWriter {
  // Clients that read the header find the schema without a prefix in the payload, which stays plain JSON.
  const headers = { [schemaIdHeaders.value]: Buffer.from(guidHeader(check.guid)) };
  return {
    schemaId: check.schemaId,
    write: (given) => {
      const faults = check.faults(given);
      return faults.length > 0 ? { ok: false, faults } : { ok: true, bytes: JSON.stringify(given), headers };
    },
  };
}

/** Writes keys as they are if they are texts, and as JSON otherwise. */
export const jsonKeys: PartWriter = {
  schemaId: null,
  write: (given) => ({ ok: true, bytes: typeof given === 'string' ? given : JSON.stringify(given) }),
};

/**
 * Writes keys or values in the registry's wire format. They carry no header beside it: a client that finds the header takes
 * the whole payload for data, prefix and all, of a schema that nobody has checked.
 */
export function framedParts(
  { schemaId, format, encode }: MessageEncoder,
  header: (typeof schemaIdHeaders)[keyof typeof schemaIdHeaders],
): PartWriter {
  return {
    schemaId,
    write: (given, headers) => {
      if (headers !== undefined && Object.hasOwn(headers, header))
        return refused(`is written with its schema before it, so the header ${header} may not name one`);
      const encoded = encode(given);
      if (!encoded.ok) return encoded;
      const messageIndexes = format === 'PROTOBUF' ? [0] : null;
      return { ok: true, bytes: Buffer.from(frameMessage({ schemaId, messageIndexes, payload: encoded.payload })) };
    },
  };
}

/** Writes bytes that are given as text, or as base64. */
export function bytesOf(kind: 'STRING' | 'BINARY', given: unknown): WrittenPart & { readonly bytes?: Buffer } {
  if (typeof given !== 'string') return refused(kind === 'STRING' ? 'must be a text' : 'must be a text of base64');
  if (kind === 'STRING') return { ok: true, bytes: Buffer.from(given, 'utf8') };
  const bytes = Buffer.from(given, 'base64');
  // Buffer leaves out what is no base64.
  const isWhole = bytes.toString('base64').replace(/=+$/, '') === given.replace(/=+$/, '');
  return isWhole ? { ok: true, bytes } : refused('must be a text of base64 (RFC 4648 §4)');
}

/** Writes keys that are given as bytes; what they hold is the sender's matter, as with all keys without a schema. */
export function bytesKeys(kind: 'STRING' | 'BINARY'): PartWriter {
  return { schemaId: null, write: (given) => bytesOf(kind, given) };
}

function refused(message: string): WrittenPart & { readonly ok: false } {
  return { ok: false, faults: [{ path: '(message)', message }] };
}

function ofKey({ path, message }: MessageFault): MessageFault {
  return { path: path === '(message)' ? 'key' : `key.${path}`, message };
}
