import { expect, test } from 'vitest';
import { Utf8Arena } from '../../src/domain/utf8-arena.ts';

test('texts keep their bytes, whatever is written behind them', () => {
  const arena = new Utf8Arena();
  const texts = Array.from({ length: 3_000 }, (_, n) => `${'aé😀\ud800'.repeat(n % 90)}${n}`);
  const bytes = texts.map((text) => arena.bytesOf(text));
  for (const [index, text] of texts.entries()) expect(bytes[index]?.equals(Buffer.from(text))).toBe(true);
});

test('a text of any length has a place', () => {
  const arena = new Utf8Arena();
  for (const length of [0, 1, 10_000, 11_000, 90_000, 300_000])
    expect(arena.bytesOf('é'.repeat(length)).equals(Buffer.from('é'.repeat(length)))).toBe(true);
});
