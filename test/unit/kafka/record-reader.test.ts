import avsc from 'avsc';
import { describe, expect, it } from 'vitest';
import { UnreadableRecords } from '../../../src/domain/kafka/record-content.ts';
import { recordKeys } from '../../../src/domain/kafka/table-view.ts';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';
import { frameMessage, guidHeader, schemaIdHeaders } from '../../../src/domain/registry/wire-format.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { RecordReader } from '../../../src/services/kafka/record-reader.ts';
import { recordsOf, testGuid } from '../../testkit/records.ts';

const avro = JSON.stringify({
  type: 'record',
  name: 'Call',
  fields: [
    { name: 'account', type: ['null', 'string'] },
    { name: 'user', type: 'long' },
  ],
});
const proto = `syntax = "proto3"; message Call { string account = 1; uint64 user = 2; }
  message Other { string user = 1; message In { string account = 1; } }`;
const json = '{"type":"object"}';
const records = recordsOf(['AVRO', avro], ['JSON', json], ['PROTOBUF', proto]);

const framed = (schemaId: number, payload: Uint8Array, messageIndexes: number[] | null = null) =>
  Buffer.from(frameMessage({ schemaId, messageIndexes, payload }));
const protoBytes = (value: unknown): Uint8Array => {
  const answer = parseProtobufSchema({ text: proto, references: [] }).encode(value);
  return answer.ok ? answer.payload : Buffer.of(0xff);
};
const avroBytes = avsc.Type.forSchema(JSON.parse(avro), { wrapUnions: false }).toBuffer({ account: null, user: 7 });
const read = async (value: Buffer, headers: Record<string, Buffer> = {}) => {
  const content = await records.pass().read(value, headers);
  return content.ok ? { ok: true, record: content.record } : content;
};
const byGuid = (indexes: number[] | null = null) => ({
  [schemaIdHeaders.value]: Buffer.from(guidHeader(testGuid, indexes)),
});

describe('reading the values of a topic', () => {
  it.each([
    ['bare JSON', Buffer.from('{"user":1}'), { user: 1 }],
    ['bare JSON behind blanks', Buffer.from('\n {"user":1}'), { user: 1 }],
    ['Avro', framed(1, avroBytes), { account: null, user: 7 }],
    ['JSON Schema', framed(2, Buffer.from('{"user":9007199254740993}')), { user: 9_007_199_254_740_993n }],
    [
      'Protobuf',
      framed(3, protoBytes({ account: 'A', user: '18446744073709551615' }), [0]),
      { account: 'A', user: 18_446_744_073_709_551_615n },
    ],
    ['another message of a Protobuf file', framed(3, Buffer.from('0a0161', 'hex'), [1]), { user: 'a' }],
    ['a message within another', framed(3, Buffer.from('0a0161', 'hex'), [1, 0]), { account: 'a' }],
  ])('reads %s', async (_what, value, record) => {
    expect(await read(value)).toEqual({ ok: true, record });
  });

  it('goes by a header that names the schema, whose payload may begin like a frame', async () => {
    expect(avroBytes[0]).toBe(0);
    expect(await read(avroBytes, byGuid())).toEqual({ ok: true, record: { account: null, user: 7 } });
  });

  it('takes JSON beside a header for what it is, as the produce API writes it', async () => {
    expect(await read(Buffer.from('{"user":1}'), byGuid())).toEqual({ ok: true, record: { user: 1 } });
  });

  it('does without a header that is none', async () => {
    const headers = { [schemaIdHeaders.value]: Buffer.from('x') };
    expect(await read(framed(1, avroBytes), headers)).toMatchObject({ ok: true });
  });

  it.each([
    ['neither JSON nor framed', Buffer.from('canary'), { kind: 'NOT_JSON' }],
    ['text that is no UTF-8', Buffer.from('7b2261223a22ff227d', 'hex'), { kind: 'NOT_JSON' }],
    ['a list', Buffer.from('[1]'), { kind: 'NOT_JSON' }],
    ['nothing', Buffer.alloc(0), { kind: 'NOT_JSON' }],
    ['a frame that is cut short', Buffer.from([0, 0, 0]), { kind: 'NOT_JSON' }],
    ['an id that nobody gave', framed(99, avroBytes), { kind: 'SCHEMA_UNKNOWN', schema: 99 }],
    ['bytes that do not fit', framed(1, Buffer.from('canary')), { kind: 'MISFIT', schema: 1 }],
    ['JSON that is no object', framed(2, Buffer.from('7')), { kind: 'MISFIT', schema: 2 }],
    ['a message that the file does not have', framed(3, Buffer.alloc(0), [7]), { kind: 'MISFIT', schema: 3 }],
    ['message indexes that are cut short', framed(3, Buffer.of(4)), { kind: 'MISFIT', schema: 3 }],
  ])('says why it cannot read %s', async (_what, value, fault) => {
    expect(await read(value)).toEqual({ ok: false, fault });
  });

  it('looks each schema up once in a pass, one that does not exist, too, and anew in the next', async () => {
    const asked: unknown[] = [];
    const counting = new RecordReader({
      gate: {
        schemaNamed: async (name) => {
          asked.push(name);
          throw new LinewardError('SCHEMA_NOT_FOUND');
        },
      },
    });
    const pass = counting.pass();
    for (const id of [5, 6, 5]) await pass.read(framed(id, avroBytes), {});
    await counting.pass().read(framed(5, avroBytes), {});
    expect(asked).toEqual([5, 6, 5]);
  });

  it('gives nothing up when the registry does not answer', async () => {
    const away = new RecordReader({ gate: { schemaNamed: async () => Promise.reject(new LinewardError('INTERNAL')) } });
    await expect(away.pass().read(framed(1, avroBytes), {})).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

it.each([
  ['AVRO', 'long', avsc.Type.forSchema('long').toBuffer(-7), '-7'],
  ['AVRO', 'long', Buffer.from('8280808080808020', 'hex'), '9007199254740993'],
  ['AVRO', { type: 'enum', name: 'E', symbols: ['A', 'B'] }, Buffer.of(2), 'B'],
  ['AVRO', { type: 'fixed', name: 'F', size: 4 }, Buffer.from('AC01'), 'AC01'],
  [
    'AVRO',
    { type: 'fixed', name: 'F', size: 16, logicalType: 'uuid' },
    Buffer.from(testGuid.replaceAll('-', ''), 'hex'),
    testGuid,
  ],
  ['PROTOBUF', 'int64', Buffer.from('08ffffffffffffffff7f', 'hex'), '9223372036854775807'],
  ['PROTOBUF', 'sint64', Buffer.from('08ffffffffffffffffff01', 'hex'), '-9223372036854775808'],
  ['PROTOBUF', 'uint64', Buffer.from('088180808080808010', 'hex'), '9007199254740993'],
] as const)(
  'an id of %s in a %j is the text of the subject, to the last digit',
  async (format, type, payload, text) => {
    const schema =
      format === 'AVRO'
        ? JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'user', type }] })
        : `syntax = "proto3"; message R { ${String(type)} user = 1; }`;
    const value = framed(1, payload, format === 'AVRO' ? null : [0]);
    const content = await recordsOf([format, schema]).pass().read(value, {});
    expect(content.ok && recordKeys(content.record, 'user', []).accountId).toBe(text);
  },
);

describe('counting what cannot be read', () => {
  it('names each schema with a number, and says nothing else', () => {
    const records = new UnreadableRecords();
    records.add({ kind: 'NOT_JSON' });
    for (let n = 0; n < 3; n += 1) records.add({ kind: 'SCHEMA_UNKNOWN', schema: 99 });
    records.add({ kind: 'MISFIT', schema: 99 });
    expect(records.reasons()).toEqual([
      '1 message(s) are not JSON objects',
      '3 message(s) name the schema 99, which is not registered',
      '1 message(s) do not hold a record of the schema 99 that they name',
    ]);
  });

  it('does not grow with the ids that somebody makes up', () => {
    const records = new UnreadableRecords();
    for (let schema = 1; schema <= 1_000; schema += 1) records.add({ kind: 'SCHEMA_UNKNOWN', schema });
    expect(records.reasons()).toHaveLength(21);
    expect(records.reasons().at(-1)).toContain('980 message(s)');
  });
});
