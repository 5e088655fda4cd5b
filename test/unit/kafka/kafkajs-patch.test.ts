import { createRequire } from 'node:module';
import { expect, test } from 'vitest';

const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder');
const Encoder = require('kafkajs/src/protocol/encoder');
const groupMessages = require('kafkajs/src/producer/groupMessagesPerPartition');
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder');
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
