import type { IHeaders, KafkaMessage as VendorMessage } from 'kafkajs';
import type { KafkaMessage, OutgoingMessage } from '../../services/kafka/ports.ts';

/**
 * kafkajs writes each send as one record batch per partition, and the broker refuses a batch over `max.message.bytes`
 * (1 MiB unless set): sends stay well below.
 */
export const SEND_BYTES_MAX = 512 * 1024;

/** Of a header that is repeated the last value counts, as in Kafka's own `lastHeader`. */
function headersOf(headers: IHeaders | undefined): Record<string, Buffer> {
  const result: Record<string, Buffer> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    result[name] = typeof last === 'string' ? Buffer.from(last) : (last ?? Buffer.alloc(0));
  }
  return result;
}

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
export function toVendorMessage(message: OutgoingMessage) {
  return {
    key: message.key,
    value: message.value,
    ...(message.partition === undefined ? {} : { partition: message.partition }),
    ...(message.timestamp === undefined ? {} : { timestamp: message.timestamp }),
    ...(message.headers === undefined ? {} : { headers: { ...message.headers } }),
  };
}

/** Upper estimate of the bytes a message takes in a batch. */
export function byteSize(message: OutgoingMessage): number {
  const length = (part: Buffer | string | null) => (part === null ? 0 : Buffer.byteLength(part));
  let bytes = 32 + length(message.key) + length(message.value);
  for (const [name, value] of Object.entries(message.headers ?? {}))
    bytes += 10 + Buffer.byteLength(name) + length(value);
  return bytes;
}

/** Splits in order so that no part exceeds `SEND_BYTES_MAX`; a single larger message stands alone. */
export function inSends<T>(items: readonly T[], sizeOf: (item: T) => number): T[][] {
  const sends: T[][] = [];
  let current: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (current.length > 0 && bytes + size > SEND_BYTES_MAX) {
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
