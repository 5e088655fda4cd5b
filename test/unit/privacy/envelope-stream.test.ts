import { createSecretKey, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  openStream,
  type SealStreamContext,
  sealStream,
  sealStreamWith,
} from '../../../src/domain/privacy/envelope-stream.ts';
import {
  readStreamHeader,
  streamHeaderBytes,
  streamHeaderBytesMax,
} from '../../../src/domain/privacy/stream-header.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import file from '../../vectors/envelope-stream.json' with { type: 'json' };
import { bitFlips, bytes } from './envelope-parts.ts';

const context: SealStreamContext = {
  ...{ accountId: 'AC1', subjectScope: 'person 1', keyVersion: 3, ctx: 'c', chunkBytes: 16 },
  key: createSecretKey(randomBytes(32)),
};

async function* inPieces(whole: Uint8Array, size = whole.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
}

async function collected(parts: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

const sealed = (plaintext: Uint8Array, size?: number, changes: Partial<SealStreamContext> = {}): Promise<Buffer> =>
  collected(sealStream({ ...context, ...changes }, inPieces(plaintext, size)));
const opened = (stream: Uint8Array, size?: number, changes: Partial<SealStreamContext> = {}): Promise<Buffer> =>
  collected(openStream({ ...context, ...changes }, inPieces(stream, size)));

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof LinewardError ? error.code : String(error);
  }
  return 'nothing thrown';
}

/** Header and chunks of a sealed stream. */
function partsOf(stream: Buffer, chunkBytes = 16): readonly [Buffer, ...Buffer[]] {
  const start = streamHeaderBytes(stream);
  const chunks: Buffer[] = [];
  for (let at = start; at < stream.length; at += chunkBytes + 16)
    chunks.push(stream.subarray(at, at + chunkBytes + 16));
  return [stream.subarray(0, start), ...chunks];
}

describe('streams that another implementation sealed', () => {
  it.each(file.vectors)('$note', async ({ keyHex, saltHex, plaintextHex, sealedHex, ...vector }) => {
    const known = { ...vector, key: createSecretKey(bytes(keyHex)) };
    const stream = await collected(sealStreamWith(bytes(saltHex), known, inPieces(bytes(plaintextHex), 7)));
    expect(stream.toString('hex')).toBe(sealedHex);
    expect((await collected(openStream(known, inPieces(stream, 5)))).toString('hex')).toBe(plaintextHex);
  });

  it.each(file.refused.streams)('refuses: $note', async ({ sealedHex }) => {
    const { keyHex, ...rest } = file.refused.context;
    const known = { ...rest, key: createSecretKey(bytes(keyHex)) };
    expect(await codeOf(collected(openStream(known, inPieces(bytes(sealedHex)))))).toBe(file.refused.code);
  });
});

describe('a sealed stream', () => {
  it('gives back bytes of any length, in whatever pieces they come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 16, max: 64 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 100 }),
        async (plaintext, chunkBytes, sealSize, openSize) => {
          const stream = await sealed(plaintext, sealSize, { chunkBytes });
          expect(await opened(stream, openSize)).toEqual(Buffer.from(plaintext));
          const chunks = Math.max(1, Math.ceil(plaintext.length / chunkBytes));
          expect(stream.length - streamHeaderBytes(stream)).toBe(plaintext.length + chunks * 16);
        },
      ),
    );
  });

  it('takes empty pieces and ones that their maker uses again', async () => {
    const reused = Buffer.alloc(10);
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let piece = 0; piece < 5; piece += 1) {
        yield Buffer.alloc(0);
        yield reused.fill(piece);
      }
    }
    const stream = await collected(sealStream(context, source()));
    expect((await opened(stream)).toString('hex')).toBe([0, 1, 2, 3, 4].map((n) => `0${n}`.repeat(10)).join(''));
  });

  it('says in its header whose it is', async () => {
    const { key: _, ctx: __, ...rest } = context;
    expect(readStreamHeader(await sealed(Buffer.from('a')))).toMatchObject(rest);
    const { subjectScope: ___, ...ofAccount } = context;
    expect(readStreamHeader(await collected(sealStream(ofAccount, inPieces(Buffer.from('a')))))).not.toHaveProperty(
      'subjectScope',
    );
  });

  it('has a header of known length at most, which is read from its beginning', async () => {
    const longest = { accountId: '€'.repeat(200), subjectScope: '\u0001'.repeat(200), keyVersion: 0x7fffffff };
    const stream = await sealed(Buffer.alloc(5_000), undefined, longest);
    expect(readStreamHeader(stream.subarray(0, streamHeaderBytesMax))).toMatchObject(longest);
    expect(await opened(stream, 100, longest)).toHaveLength(5_000);
  });

  it('never shares a key with another of the same bytes', async () => {
    const [one, two] = [await sealed(Buffer.alloc(16)), await sealed(Buffer.alloc(16))];
    expect(partsOf(one)[1]).not.toEqual(partsOf(two)[1]);
  });

  it('takes memory for a chunk at a time and no more', async () => {
    let [asked, given] = [0, 0];
    async function* long(): AsyncGenerator<Uint8Array> {
      for (; asked < 100_000; asked += 1000) yield Buffer.alloc(1000);
    }
    let aheadMax = 0;
    for await (const plaintext of openStream(context, sealStream(context, long()))) {
      given += plaintext.length;
      aheadMax = Math.max(aheadMax, asked + 1000 - given);
    }
    expect(given).toBe(100_000);
    expect(aheadMax).toBeLessThan(2_100);
  });

  it('is let go of when its reader stops, and passes on what its source throws', async () => {
    let closed = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.alloc(100);
        throw new RangeError('disk');
      } finally {
        closed += 1;
      }
    }
    for await (const part of sealStream(context, source())) {
      expect(part.length).toBeGreaterThan(0);
      if (part.length === 32) break;
    }
    expect(closed).toBe(1);
    expect(await codeOf(collected(sealStream(context, source())))).toBe('RangeError: disk');
    expect(await codeOf(collected(openStream(context, sealStream(context, source()))))).toBe('RangeError: disk');
  });
});

describe('opening a stream', () => {
  const plaintext = Buffer.from('0123456789abcdef'.repeat(3).slice(0, 40));

  it('refuses every flip of one bit and every truncation', async () => {
    const stream = await sealed(plaintext);
    for (const flipped of bitFlips(stream)) {
      const suite = /^\{"crypto_id":(?!4,)[1-9]?\d,/.test(flipped.toString('latin1', 8));
      const known = suite ? 'SUITE_UNKNOWN' : 'DECRYPT_FAILED';
      expect(await codeOf(opened(flipped)), flipped.toString('latin1')).toBe(known);
    }
    for (let length = 0; length < stream.length; length += 1)
      expect(await codeOf(opened(stream.subarray(0, length))), `${length} bytes`).toBe('DECRYPT_FAILED');
  });

  it('refuses any other arrangement of the chunks of two streams', async () => {
    const [header, ...own] = partsOf(await sealed(plaintext));
    const [, ...others] = partsOf(await sealed(plaintext));
    const all = [...own, ...others];
    const arrangement = fc.array(fc.nat({ max: all.length - 1 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(arrangement, async (order) => {
        const stream = Buffer.concat([header, ...order.map((index) => all[index]!)]);
        const right = order.join() === own.map((_, index) => index).join();
        expect(await codeOf(opened(stream))).toBe(right ? 'nothing thrown' : 'DECRYPT_FAILED');
      }),
    );
    expect(await opened(Buffer.concat([header, ...own]))).toEqual(plaintext);
  });

  it('refuses bytes behind the end', async () => {
    const stream = await sealed(plaintext);
    for (const more of [1, 15, 16, 32, 1000])
      expect(await codeOf(opened(Buffer.concat([stream, Buffer.alloc(more)])))).toBe('DECRYPT_FAILED');
  });

  it('gives out no byte of a chunk whose tag does not fit', async () => {
    const stream = Buffer.from(await sealed(plaintext));
    stream[streamHeaderBytes(stream) + 32]! ^= 1;
    const given: Buffer[] = [];
    const reading = (async () => {
      for await (const part of openStream(context, inPieces(stream))) given.push(part);
    })();
    expect(await codeOf(reading)).toBe('DECRYPT_FAILED');
    expect(Buffer.concat(given)).toEqual(plaintext.subarray(0, 16));
  });

  it('answers another account, subject, version, context and key alike, and says nothing of them', async () => {
    const stream = await sealed(plaintext);
    const others: Partial<SealStreamContext>[] = [
      ...[{ accountId: 'AC2' }, { subjectScope: 'person 2' }, { subjectScope: undefined }, { keyVersion: 4 }],
      ...[{ ctx: 'd' }, { ctx: '' }, { key: createSecretKey(randomBytes(32)) }],
    ];
    for (const other of others) {
      const error: unknown = await opened(stream, undefined, other).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'LinewardError', code: 'DECRYPT_FAILED' });
      expect(inspect(error)).not.toContain('0123');
    }
  });

  it('refuses a header that names another owner, even for that owner', async () => {
    const stream = await sealed(plaintext);
    const json = (from: string, to: string): Buffer =>
      Buffer.from(stream.toString('latin1').replace(from, to), 'latin1');
    const forged = [
      [json('"AC1"', '"AC2"'), { accountId: 'AC2' }],
      [json('person 1', 'person 2'), { subjectScope: 'person 2' }],
      [json('"kv":3', '"kv":4'), { keyVersion: 4 }],
      [json('"chunk":16', '"chunk":61'), {}],
    ] as const;
    for (const [bad, changes] of forged) {
      expect(readStreamHeader(bad)).toBeDefined();
      expect(await codeOf(opened(bad, undefined, changes))).toBe('DECRYPT_FAILED');
    }
  });

  it('names a suite that it does not know, and does not fail on any bytes', async () => {
    const stream = await sealed(plaintext);
    const other = Buffer.from(stream.toString('latin1').replace('"crypto_id":4', '"crypto_id":5'), 'latin1');
    expect(await codeOf(opened(other))).toBe('SUITE_UNKNOWN');
    const endless = bytes('4c575354ffffffff');
    expect(() => streamHeaderBytes(endless)).toThrow(expect.objectContaining({ code: 'DECRYPT_FAILED' }));
    expect(await codeOf(opened(endless))).toBe('DECRYPT_FAILED');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.boolean(), async (any, begun) => {
        const bad = begun ? Buffer.concat([Buffer.from('LWST\0\0\0'), any]) : any;
        expect(await codeOf(opened(bad))).toBe('DECRYPT_FAILED');
      }),
    );
  });
});

describe('what cannot be sealed or read', () => {
  it('is refused before a byte is read', () => {
    const changes: Partial<SealStreamContext>[] = [
      ...[{ accountId: '' }, { accountId: 'a\n' }, { subjectScope: '' }, { subjectScope: 'a'.repeat(201) }],
      ...[{ subjectScope: '\ud800' }, { keyVersion: 0 }, { ctx: '\ud800' }, { chunkBytes: 15 }],
      ...[{ chunkBytes: 5 * 1024 * 1024 }, { chunkBytes: 16.5 }],
    ];
    for (const change of changes)
      expect(() => sealStream({ ...context, ...change }, inPieces(Buffer.alloc(1)))).toThrow(
        expect.objectContaining({ code: 'VALUE_INVALID' }),
      );
  });

  it('is refused where the source gives no bytes', async () => {
    async function* words(): AsyncGenerator<Uint8Array> {
      yield 'geheim' as unknown as Uint8Array;
    }
    expect(await codeOf(collected(sealStream(context, words())))).toBe('VALUE_INVALID');
    expect(await codeOf(collected(openStream(context, words())))).toBe('VALUE_INVALID');
  });
});
