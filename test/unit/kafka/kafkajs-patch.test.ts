import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';

const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder');
const Encoder = require('kafkajs/src/protocol/encoder');
const groupMessages = require('kafkajs/src/producer/groupMessagesPerPartition');
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder');
const Record = require('kafkajs/src/protocol/recordBatch/record/v0');
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0');
const crc32C = require('kafkajs/src/protocol/recordBatch/crc32C');
const filterAborted = require('kafkajs/src/consumer/filterAbortedMessages');
const RequestQueue = require('kafkajs/src/network/requestQueue');

const record = (offset: number, producerId: string, key: Buffer | null = null, isControlRecord = false) => ({
  offset: String(offset),
  key,
  isControlRecord,
  batchContext: { producerId, inTransaction: true },
});
const abortMarkerKey = Buffer.alloc(4);
const offsetsOf = (records: readonly { offset: string }[]) => records.map(({ offset }) => offset);

test('a record batch that compaction has emptied still moves the reader behind its last offset', async () => {
  const bytes = Buffer.alloc(61);
  bytes.writeBigInt64BE(100n, 0);
  bytes.writeInt32BE(49, 8);
  bytes.writeInt8(2, 16);
  bytes.writeInt32BE(4, 23);
  const { records } = await decodeBatch(new Decoder(bytes));
  expect(records).toMatchObject([{ offset: '104', isControlRecord: true }]);
});

test('messages of two aborted transactions that are open where a fetch starts are hidden, in any order of the list', () => {
  const abortedTransactions = [
    { producerId: '2', firstOffset: '3' },
    { producerId: '1', firstOffset: '1' },
  ];
  const messages = [record(5, '2'), record(6, '1'), record(7, '3')];
  expect(offsetsOf(filterAborted({ messages, abortedTransactions }))).toEqual(['7']);
});

test('a data record whose key looks like an abort marker does not end an aborted transaction', () => {
  const messages = [
    record(1, '1', abortMarkerKey),
    record(2, '1'),
    record(3, '1', abortMarkerKey, true),
    record(4, '1'),
  ];
  const abortedTransactions = [{ producerId: '1', firstOffset: '1' }];
  expect(offsetsOf(filterAborted({ messages, abortedTransactions }))).toEqual(['3', '4']);
});

test('a request queue with nothing to send arms no timer', () => {
  const queue = new RequestQueue({ maxInFlightRequests: 1, requestTimeout: 1, logger: { debug: () => undefined } });
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).toBeNull();
});

test('numbers of few digits are encoded as numbers of many digits are, in as many bytes as are told', () => {
  const numbers = [0, 1, -1, 63, 64, -64, -65, 300, 2 ** 20, 2 ** 31 - 1, -(2 ** 31)];
  for (const number of numbers) {
    const written = new Encoder(1).writeVarLong(number).buffer;
    expect(written).toEqual(new Encoder(1).writeVarLong(String(number)).buffer);
    expect(Encoder.sizeOfVarLong(number)).toBe(written.length);
    expect(new Decoder(written).readVarLong().toString()).toBe(String(number));
    expect(new Decoder(new Encoder(1).writeVarInt(number).buffer).readVarInt()).toBe(number);
  }
  const beyond = new Encoder().writeVarLong(2 ** 40).buffer;
  expect(new Decoder(beyond).readVarLong().toString()).toBe(String(2 ** 40));
});

test('messages of a send are grouped by partition in their order', () => {
  const messages = Array.from({ length: 1_000 }, (_, n) => ({ n }));
  const partitioner = ({ message }: { message: { n: number } }) => message.n % 3;
  const grouped = groupMessages({ topic: 't', partitionMetadata: [{}], messages, partitioner });
  const of = (partition: number) => messages.filter(({ n }) => n % 3 === partition);
  expect(grouped).toEqual({ 0: of(0), 1: of(1), 2: of(2) });
});

test('the checksum of a batch is CRC-32C of any length', () => {
  const bytewise = (bytes: Buffer) => {
    let sum = 0xffffffff;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (0x82f63b78 & -(sum & 1));
    }
    return ~sum >>> 0;
  };
  expect(crc32C(Buffer.from('123456789'))).toBe(0xe3069283);
  for (let length = 0; length < 100; length += 1) {
    const bytes = randomBytes(length);
    expect(crc32C(bytes)).toBe(bytewise(bytes));
  }
});

test('what is large is kept in parts, and comes out as if it had been copied', () => {
  const [small, large] = [randomBytes(100), randomBytes(200_000)];
  const inner = new Encoder().writeInt32(1).writeBytes(large).writeString('behind');
  const outer = new Encoder()
    .writeInt32(inner.size())
    .writeEncoder(inner)
    .writeBytes(small)
    .writeEncoderArray([inner, inner]);
  const one = Buffer.concat([int32(1), int32(large.length), large, Buffer.from([0, 6]), Buffer.from('behind')]);
  const whole = Buffer.concat([int32(one.length), one, int32(small.length), small, one, one]);
  expect(outer.size()).toBe(whole.length);
  expect(outer.buffer.equals(whole)).toBe(true);
  expect(outer.size()).toBe(whole.length);
  expect(outer.writeInt8(7).buffer.equals(Buffer.concat([whole, Buffer.of(7)]))).toBe(true);
  expect(inner.buffer.equals(one)).toBe(true);
});

test('a batch of many records, and of one that is large, is read as it was written', async () => {
  for (const values of [
    Array.from({ length: 2_000 }, () => randomBytes(90)),
    [randomBytes(100_000), Buffer.from('x')],
  ]) {
    const records = values.map((value, offsetDelta) => Record({ offsetDelta, timestampDelta: 0, key: null, value }));
    const batch = await RecordBatch({ records, lastOffsetDelta: records.length - 1 });
    const decoded = await decodeBatch(new Decoder(batch.buffer));
    expect(decoded.records.map(({ value }: { value: Buffer }) => value)).toEqual(values);
  }
});

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
