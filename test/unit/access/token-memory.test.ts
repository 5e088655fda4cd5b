import { expect, test } from 'vitest';
import { type FoundToken, TokenMemory } from '../../../src/services/access/token-memory.ts';

const ann: FoundToken = { id: 'ann', roles: ['viewer'], msLeft: null };

/** A memory whose look-ups end when they are told to. */
function memory() {
  const reads: { readonly digest: string; readonly end: (token: FoundToken | null) => void }[] = [];
  const tokens = new TokenMemory((digest) => new Promise((end) => reads.push({ digest, end })));
  return { tokens, reads };
}

test('a token is looked up once, however many ask for it at once', async () => {
  const { tokens, reads } = memory();
  const asked = Array.from({ length: 20 }, () => tokens.find('a'));
  expect(reads).toHaveLength(1);
  reads[0]?.end(ann);
  expect(new Set(await Promise.all(asked))).toEqual(new Set([ann]));
  expect(tokens.find('a')).toBe(ann);
});

test.each(['forget', 'forgetAll'] as const)(
  'what a look-up read before a revocation that comes meanwhile (%s) is not kept',
  async (verb) => {
    const { tokens, reads } = memory();
    const before = tokens.find('a');
    tokens[verb]('a');
    const after = tokens.find('a');
    expect(reads).toHaveLength(2);
    reads[1]?.end(null);
    expect(await after).toBeNull();
    // The slower answer of before does not take its place.
    reads[0]?.end(ann);
    await before;
    expect(tokens.find('a')).toBeNull();
  },
);

test('a wrong token is asked for once, pushes no good one out, and many at once wait in turn', async () => {
  const { tokens, reads } = memory();
  const good = tokens.find('good');
  reads[0]?.end(ann);
  await good;
  const wrong = Array.from({ length: 12_000 }, (_, n) => tokens.find(`wrong-${n}`));
  let most = 0;
  for (let ended = 1; ended < 12_001; ended += 1) {
    most = Math.max(most, reads.length - ended);
    reads[ended]?.end(null);
    await wrong[ended - 1];
  }
  expect(most).toBeLessThanOrEqual(5);
  expect(tokens.find('wrong-11999')).toBeNull();
  expect(tokens.find('good')).toBe(ann);
  expect(reads).toHaveLength(12_001);
});

test('a failed look-up is not kept', async () => {
  let isDown = true;
  const tokens = new TokenMemory(async () => {
    if (isDown) throw new Error('down');
    return ann;
  });
  await expect(tokens.find('a')).rejects.toThrow('down');
  isDown = false;
  expect(await tokens.find('a')).toBe(ann);
});

test('a token that is over is looked up anew', async () => {
  const { tokens, reads } = memory();
  const first = tokens.find('a');
  reads[0]?.end({ ...ann, msLeft: -1 });
  await first;
  void tokens.find('a');
  expect(reads).toHaveLength(2);
});
