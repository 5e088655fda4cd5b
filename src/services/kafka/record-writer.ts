import { faultsText, type MessageFault } from '../../domain/registry/message.ts';
import { frameMessage, guidHeader, schemaIdHeaders } from '../../domain/registry/wire-format.ts';
import type { MessageCheck, MessageEncoder } from '../registry/message-gate.ts';
import type { OutgoingMessage } from './ports.ts';

export interface RecordToProduce {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly partition?: number | undefined;
}

/** Makes messages of records that fit. */
export interface RecordWriter {
  readonly keySchemaId: number | null;
  readonly valueSchemaId: number;
  /** The message, or why the record does not fit; never what it holds. */
  write(record: RecordToProduce): OutgoingMessage | string;
}

export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/** Writes plain JSON, checked by the newest version of an entity. */
export function plainWriter(check: MessageCheck): RecordWriter {
  // Clients that read the header find the schema without a prefix in the payload, which stays plain JSON.
  const headers = { [schemaIdHeaders.value]: Buffer.from(guidHeader(check.guid)) };
  return {
    keySchemaId: null,
    valueSchemaId: check.schemaId,
    write: ({ key, value, partition }) => {
      const faults = check.faults(value);
      if (faults.length > 0) return faultsText(faults);
      const text = isAbsent(key) ? null : typeof key === 'string' ? key : JSON.stringify(key);
      return { key: text, value: JSON.stringify(value), partition, headers };
    },
  };
}

/**
 * Writes keys and values in the registry's wire format. They carry no header beside it: a client that finds the header takes
 * the whole payload for data, prefix and all.
 */
export function framedWriter(keys: MessageEncoder | null, values: MessageEncoder): RecordWriter {
  return {
    keySchemaId: keys?.schemaId ?? null,
    valueSchemaId: values.schemaId,
    write: (record) => {
      const key = keys === null || isAbsent(record.key) ? null : framed(keys, record.key);
      const value = framed(values, record.value);
      const faults = [...(isFaults(key) ? key.map(ofKey) : []), ...(isFaults(value) ? value : [])];
      if (isFaults(key) || isFaults(value)) return faultsText(faults);
      return { key, value, partition: record.partition };
    },
  };
}

function framed({ schemaId, format, encode }: MessageEncoder, message: unknown): Buffer | readonly MessageFault[] {
  const encoded = encode(message ?? null);
  if (!encoded.ok) return encoded.faults;
  const messageIndexes = format === 'PROTOBUF' ? [0] : null;
  return Buffer.from(frameMessage({ schemaId, messageIndexes, payload: encoded.payload }));
}

function isFaults(written: Buffer | readonly MessageFault[] | null): written is readonly MessageFault[] {
  return Array.isArray(written);
}

function ofKey({ path, message }: MessageFault): MessageFault {
  return { path: path === '(message)' ? 'key' : `key.${path}`, message };
}
