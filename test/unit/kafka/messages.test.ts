import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inSends, nextOffset, SEND_BYTES_MAX, toKafkaMessage } from '../../../src/adapters/kafka/messages.ts';

test('sends keep the order, lose nothing, and exceed the limit only with a single message', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: SEND_BYTES_MAX + 1000 }), { maxLength: 60 }), (sizes) => {
      const sends = inSends(sizes, (size) => size);
      expect(sends.flat()).toEqual(sizes);
      for (const send of sends) {
        const bytes = send.reduce((sum, size) => sum + size, 0);
        expect(send.length === 1 || bytes <= SEND_BYTES_MAX).toBe(true);
      }
    }),
  );
});

test('offsets beyond 2^53 are counted exactly', () => {
  expect(nextOffset('9007199254740993')).toBe('9007199254740994');
});

test('of a repeated header the last value counts', () => {
  const message = toKafkaMessage(2, {
    key: null,
    value: null,
    timestamp: '1',
    attributes: 0,
    offset: '7',
    headers: { trace: [Buffer.from('a'), Buffer.from('b')], none: undefined },
  });
  expect(message.headers).toEqual({ trace: Buffer.from('b'), none: Buffer.alloc(0) });
  expect(message).toMatchObject({ partition: 2, offset: '7', key: null, value: null });
});
