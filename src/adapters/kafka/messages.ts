import type { IHeaders, KafkaMessage as VendorMessage, Message as VendorOutgoing } from 'kafkajs';
import type { ErrorCode } from '../../errors/codes.ts';
import type { KafkaMessage, OutgoingMessage } from '../../services/kafka/ports.ts';

/**
 * kafkajs writes each send as one record batch per partition, and the broker refuses a batch over `max.message.bytes`
 * (1 MiB unless set): sends stay well below.
 */
export const SEND_BYTES_MAX = 512 * 1024;
/** A request above the broker's `socket.request.max.bytes` (100 MB) loses the connection instead of an answer. */
export const REQUEST_BYTES_MAX = 64 * 1024 * 1024;

/** By what the broker says that nothing of a send was appended because of what is in it; null for any other answer. */
export function refusalOf(type: string | null): ErrorCode | null {
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') return 'LIMIT_EXCEEDED';
  return type === 'INVALID_RECORD' || type === 'INVALID_TIMESTAMP' ? 'MESSAGE_INVALID' : null;
}

/** Of a header that is repeated the last value counts, as in Kafka's own `lastHeader`. */
function headersOf(headers: IHeaders | undefined): Readonly<Record<string, Buffer>> {
  if (headers === undefined || Object.keys(headers).length === 0) return noHeaders;
  const result: Record<string, Buffer> = {};
  for (const [name, value] of Object.entries(headers)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    result[name] = typeof last === 'string' ? Buffer.from(last) : (last ?? Buffer.alloc(0));
  }
  return result;
}

const noHeaders: Readonly<Record<string, Buffer>> = Object.freeze({});

export function toKafkaMessage(partition: number, message: VendorMessage): KafkaMessage {
  return {
    partition,
    offset: message.offset,
    timestamp: message.timestamp,
    key: message.key,
    value: message.value,
    headers: headersOf(message.headers),
  };
}

/** In the client's shape. */
export function toVendorMessage({ key, value, partition, timestamp, headers }: OutgoingMessage): VendorOutgoing {
  const message: VendorOutgoing = { key, value };
  if (partition !== undefined) message.partition = partition;
  if (timestamp !== undefined) message.timestamp = timestamp;
  if (headers !== undefined) message.headers = headers;
  return message;
}

const lengthOf = (part: Buffer | string | null): number => (part === null ? 0 : Buffer.byteLength(part));

/** Upper estimate of the bytes a message takes in a batch. */
export function byteSize(message: OutgoingMessage): number {
  let bytes = 32 + lengthOf(message.key) + lengthOf(message.value);
  for (const name in message.headers) bytes += 10 + Buffer.byteLength(name) + lengthOf(message.headers[name] ?? null);
  return bytes;
}

/** The bytes that a message takes at the least. */
export const payloadSize = ({ key, value }: OutgoingMessage): number => lengthOf(key) + lengthOf(value);

/** Splits in order so that no part exceeds `bytesMax`; a single larger message stands alone. */
export function inSends<T>(items: readonly T[], sizeOf: (item: T) => number, bytesMax = SEND_BYTES_MAX): T[][] {
  const sends: T[][] = [];
  let current: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (current.length > 0 && bytes + size > bytesMax) {
      sends.push(current);
      current = [];
      bytes = 0;
    }
    current.push(item);
    bytes += size;
  }
  if (current.length > 0) sends.push(current);
  return sends;
}

/** The offset behind `offset`. */
export const nextOffset = (offset: string): string => String(BigInt(offset) + 1n);
