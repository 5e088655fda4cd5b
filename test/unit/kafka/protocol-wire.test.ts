import { expect, test } from 'vitest';
import { metadata } from '../../../src/adapters/kafka/protocol/metadata-request.ts';
import { WireReader, WireWriter } from '../../../src/adapters/kafka/protocol/wire.ts';

test('compact texts and lists of any length come back', () => {
  const texts = ['', 'a', 'é'.repeat(63), 'x'.repeat(127), 'y'.repeat(300), 'z'.repeat(20_000)];
  const writer = new WireWriter();
  writer.compactList(texts, (text) => writer.compactText(text)).noTags();
  const reader = new WireReader(writer.bytes);
  expect(reader.compactList(() => reader.compactText())).toEqual(texts);
  reader.tags();
  expect(() => reader.int8()).toThrow(RangeError);
});

test('tagged fields that nobody knows are walked over, and an id of zeros is none', () => {
  const known = Buffer.from('0123456789abcdef');
  const reader = new WireReader(
    Buffer.concat([Buffer.from([2, 7, 3, 1, 2, 3, 9, 0]), known, Buffer.alloc(16), Buffer.of(42)]),
  );
  reader.tags();
  expect([reader.uuid(), reader.uuid(), reader.int8()]).toEqual([known.toString('base64url'), null, 42]);
});

test('a broker without topic ids is asked as it understands', () => {
  const { older } = metadata(['a-topic']);
  if (older === undefined) throw new Error('there is an older version');
  const answer = new WireWriter();
  answer.int32(0).list([1], () => answer.int32(1).text('host').int32(9092).text(null));
  answer.text('cluster').int32(1);
  answer.list(['a-topic'], (name) =>
    answer
      .int16(0)
      .text(name)
      .flag(false)
      .list([], () => undefined),
  );
  expect(older.read(new WireReader(answer.bytes))).toMatchObject({
    clusterId: 'cluster',
    topics: [{ name: 'a-topic', id: null, isInternal: false, partitions: [] }],
  });
  expect(older.body.includes('a-topic')).toBe(true);
});
