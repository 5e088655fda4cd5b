import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';
import {
  frameMessage,
  guidHeader,
  messageIndexesOf,
  messageNameOf,
  readFrame,
  readGuidHeader,
} from '../../../src/domain/registry/wire-format.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Buffer.from(text, 'hex');
const payload = bytes('abcd');

describe('the wire format', () => {
  it.each([
    [1, null, '0000000001abcd'],
    [0x01020304, null, '0001020304abcd'],
    [1, [0], '000000000100abcd'],
    [1, [1], '00000000010202abcd'],
    [1, [1, 0], '0000000001040200abcd'],
    [1, [0, 64], '000000000104008001abcd'],
  ])('frames schema %s with indexes %j', (schemaId, messageIndexes, expected) => {
    const framed = frameMessage({ schemaId, messageIndexes, payload });
    expect(hex(framed)).toBe(expected);
    const back = readFrame(framed, messageIndexes !== null);
    expect({ ...back, payload: hex(back.payload) }).toEqual({ schemaId, messageIndexes, payload: 'abcd' });
  });

  it('gives every frame back', () => {
    const frame = fc.record({
      schemaId: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      messageIndexes: fc.option(fc.array(fc.integer({ min: 0, max: 2 ** 30 }), { minLength: 1, maxLength: 8 })),
      payload: fc.uint8Array(),
    });
    fc.assert(
      fc.property(frame, (one) => {
        const back = readFrame(frameMessage(one), one.messageIndexes !== null);
        expect({ ...back, payload: hex(back.payload) }).toEqual({ ...one, payload: hex(one.payload) });
      }),
    );
  });

  it.each([
    ['nothing', '', false, /0 bytes/],
    ['too little', '00000001', false, /4 bytes/],
    ['another first byte', '7b000000010000', false, /first byte/],
    ['no id', '0000000000ab', false, /not positive/],
    ['a negative id', '00ffffffffab', false, /not positive/],
    ['no indexes', '0000000001', true, /ends within/],
    ['fewer indexes than it says', '000000000104', true, /ends within/],
    ['a huge number of indexes', '0000000001feffffff0f', true, /more than 64/],
    ['a negative number of indexes', '000000000101', true, /more than 64/],
    ['a negative index', '00000000010201', true, /negative/],
    ['an index that never ends', '0000000001ffffffffffff', true, /five bytes/],
  ])('refuses %s', (_name, text, hasIndexes, message) => {
    expect(() => readFrame(bytes(text), hasIndexes)).toThrow(message);
  });

  it('carries a GUID in a header, with indexes behind it', () => {
    const guid = '89791762-2336-886f-8e4d-2f0f0f0f0f0f';
    expect(hex(guidHeader(guid))).toBe('01897917622336886f8e4d2f0f0f0f0f0f');
    expect(readGuidHeader(guidHeader(guid, [1, 0]))).toBe(guid);
    for (const broken of ['', '00897917622336886f8e4d2f0f0f0f0f0f', '018979'])
      expect(() => readGuidHeader(bytes(broken))).toThrow('16 bytes of a GUID');
  });

  it('names messages of a file by their places', () => {
    const file = parseProtobufSchema({
      text: 'syntax = "proto3"; package a.b; enum K { X = 0; } message M { enum L { Y = 0; } message N { message O {} } } message P {}',
      references: [],
    });
    for (const [name, indexes] of [
      ['a.b.M', [0]],
      ['a.b.M.N', [0, 0]],
      ['a.b.M.N.O', [0, 0, 0]],
      ['a.b.P', [1]],
    ] as const) {
      expect(messageIndexesOf(file, name)).toEqual(indexes);
      expect(messageNameOf(file, indexes)).toBe(name);
    }
    for (const missing of ['a.b.Q', 'M', 'a.b.M.L']) expect(messageIndexesOf(file, missing)).toBeNull();
    for (const missing of [[2], [0, 1], []]) expect(messageNameOf(file, missing)).toBeNull();
  });
});
