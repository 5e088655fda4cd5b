import { describe, expect, it } from 'vitest';
import {
  frameMessage,
  guidHeader,
  readFrame,
  readGuidHeader,
  readHeaderIndexes,
} from '../../../src/domain/registry/wire-format.ts';

const guid = '89791762-2336-186f-8e4d-2f0f0f0f0f0f';
const payload = new Uint8Array();
const invalid = expect.objectContaining({ code: 'MESSAGE_INVALID' });

describe('the wire format does not write', () => {
  it.each([0, -1, 1.5, 2 ** 31, Number.NaN])('the schema id %s', (schemaId) => {
    expect(() => frameMessage({ schemaId, messageIndexes: null, payload })).toThrow(invalid);
  });

  it.each([
    ['none', []],
    ['a negative one', [-1]],
    ['a fraction', [0, 0.5]],
    ['one of more than 31 bits', [2 ** 31]],
    ['65 of them', Array.from({ length: 65 }, () => 0)],
  ])('message indexes: %s', (_name, messageIndexes) => {
    expect(() => frameMessage({ schemaId: 1, messageIndexes, payload })).toThrow(invalid);
    expect(() => guidHeader(guid, messageIndexes)).toThrow(invalid);
  });

  it.each(['', 'zz', '8979', guid.slice(1), `${guid}0`, guid.replaceAll('-', ''), guid.replace('8', 'g')])(
    'the GUID "%s"',
    (text) => {
      expect(() => guidHeader(text)).toThrow(invalid);
    },
  );
});

describe('the wire format', () => {
  it('reads 64 indexes, and the largest', () => {
    const messageIndexes = [2 ** 31 - 1, ...Array.from({ length: 63 }, (_, index) => index)];
    expect(readFrame(frameMessage({ schemaId: 1, messageIndexes, payload }), true)).toMatchObject({ messageIndexes });
  });

  it('does not read an index of more than 31 bits', () => {
    expect(() => readFrame(Buffer.from('000000000102feffffff7f', 'hex'), true)).toThrow(invalid);
  });

  it.each([[[0]], [[1]], [[2, 0, 5]]])('reads the indexes %j of a header', (indexes) => {
    const header = guidHeader(guid.toUpperCase(), indexes);
    expect(readGuidHeader(header)).toBe(guid);
    expect(readHeaderIndexes(header)).toEqual(indexes);
  });

  it('does not read indexes of a header that has none, is cut short or goes on', () => {
    const header = guidHeader(guid, [1, 0]);
    expect(() => readHeaderIndexes(guidHeader(guid))).toThrow(invalid);
    expect(() => readHeaderIndexes(header.subarray(0, -1))).toThrow(invalid);
    expect(() => readHeaderIndexes(Buffer.concat([header, Buffer.of(0)]))).toThrow(invalid);
    expect(() => readHeaderIndexes(header.subarray(0, 16))).toThrow(invalid);
  });
});
