import { describe, expect, test } from 'vitest';
import { OutputSends } from '../../../src/adapters/kafka/output-sends.ts';
import type { ErrorCode } from '../../../src/errors/codes.ts';
import type { KafkaMessage, TransformedMessage } from '../../../src/services/kafka/ports.ts';

const sourceOf = (offset: number): KafkaMessage => ({
  partition: 0,
  offset: String(offset),
  timestamp: '0',
  key: null,
  value: null,
  headers: {},
});
const made = (offset: number, bytes: number, key: string | null = 'k'): TransformedMessage => ({
  key,
  value: Buffer.alloc(bytes),
  source: sourceOf(offset),
});
const stream = {
  target: 'clean',
  refused: (source: KafkaMessage, code: ErrorCode) => ({ topic: 'dead', key: null, value: `${code} ${source.offset}` }),
};
const limits = { messageBytes: 1_000, needsKeys: false };

/** Sends until a broker that takes messages for which `fits` holds has taken all; answers what it has, and the tries. */
function sent(output: OutputSends, fits: (message: TransformedMessage) => boolean, code: ErrorCode, known = limits) {
  for (let tries = 1; ; tries += 1) {
    const refused = output.sends.find(({ topic, messages }) => topic === 'clean' && !messages.every(fits));
    if (refused === undefined) return { tries, taken: taken(output) };
    if (!output.narrow(refused, code, known)) return { tries, taken: null };
  }
}
const taken = (output: OutputSends) => {
  const of = (topic: string) => output.sends.filter((send) => send.topic === topic).flatMap(({ messages }) => messages);
  return {
    clean: of('clean').map(({ source }) => Number(source?.offset)),
    dead: of('dead').map(({ value }) => String(value)),
  };
};

describe('output that a topic does not take', () => {
  test('goes to the dead letters at once where its size says so; the others stay in their order', () => {
    const output = new OutputSends(
      stream,
      [0, 1, 2, 3, 4].map((offset) => made(offset, offset % 2 === 1 ? 5_000 : 100)),
    );
    expect(sent(output, ({ value }) => (value?.length ?? 0) < 900, 'LIMIT_EXCEEDED')).toEqual({
      tries: 2,
      taken: { clean: [0, 2, 4], dead: ['LIMIT_EXCEEDED 1', 'LIMIT_EXCEEDED 3'] },
    });
  });

  test('is found by halves where nothing tells it', () => {
    const output = new OutputSends(
      stream,
      Array.from({ length: 64 }, (_, offset) => made(offset, 1)),
    );
    const { tries, taken: result } = sent(output, ({ source }) => source?.offset !== '41', 'MESSAGE_INVALID');
    expect(result).toEqual({
      clean: Array.from({ length: 64 }, (_, offset) => offset).filter((offset) => offset !== 41),
      dead: ['MESSAGE_INVALID 41'],
    });
    expect(tries).toBeLessThanOrEqual(8);
  });

  test('without a key goes together where the topic needs keys', () => {
    const output = new OutputSends(stream, [made(0, 1), made(1, 1, null), made(2, 1), made(3, 1, null)]);
    const needsKeys = { messageBytes: 1_000, needsKeys: true };
    expect(sent(output, ({ key }) => key !== null, 'MESSAGE_INVALID', needsKeys)).toEqual({
      tries: 2,
      taken: { clean: [0, 2], dead: ['MESSAGE_INVALID 1', 'MESSAGE_INVALID 3'] },
    });
  });

  test('larger than any request may be is never sent', () => {
    const output = new OutputSends(stream, [made(0, 1), made(1, 65 * 1024 * 1024)]);
    expect(taken(output)).toEqual({ clean: [0], dead: ['LIMIT_EXCEEDED 1'] });
  });

  test('stands where nothing can be written instead, be it a copy or a notice itself', () => {
    const copy = new OutputSends({ target: 'clean' }, [made(0, 5_000)]);
    expect(sent(copy, () => false, 'LIMIT_EXCEEDED')).toEqual({ tries: 1, taken: null });
    const notice = new OutputSends({ ...stream, target: 'clean' }, [{ key: null, value: 'notice' }]);
    expect(sent(notice, () => false, 'MESSAGE_INVALID')).toEqual({ tries: 1, taken: null });
  });
});
