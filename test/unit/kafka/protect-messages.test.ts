import { describe, expect, it } from 'vitest';
import { parseSchema } from '../../../src/domain/registry/parse-schema.ts';
import { guidHeader, schemaIdHeaders } from '../../../src/domain/registry/wire-format.ts';
import type { ErrorCode } from '../../../src/errors/codes.ts';
import { MessageProtection } from '../../../src/services/kafka/protect-messages.ts';

import { testGuid } from '../../testkit/records.ts';

type Deps = ConstructorParameters<typeof MessageProtection>[0];

/** Answers each record with the code that it carries. */
function protection(): MessageProtection {
  const deps = {
    policies: { planOf: async () => ({}) },
    gate: { checkFor: async () => ({ faults: () => [] }) },
    protection: {
      protectTexts: async (_plan: unknown, texts: readonly { text: string; record: { code?: ErrorCode } }[]) =>
        texts.map(({ text, record }) =>
          record.code === undefined
            ? { ok: true, text, unknownRemoved: 0, faultsRemoved: 0 }
            : { ok: false, code: record.code, path: ['account'] },
        ),
    },
  };
  return new MessageProtection(deps as unknown as Deps);
}

/** Puts a `b` in the place of the last byte of each payload of a Protobuf schema. */
function protobufProtection(): MessageProtection {
  const schema = parseSchema('PROTOBUF', {
    text: 'message A { optional string a = 1; } message B { }',
    references: [],
  });
  const deps = {
    policies: { planOf: async () => ({}) },
    gate: { schemaNamed: async () => ({ schemaId: 7, guid: testGuid, schema }) },
    protection: {
      protectProtobufs: async (_plan: unknown, _message: unknown, payloads: readonly Uint8Array[]) =>
        payloads.map((payload) => ({ ok: true, bytes: Buffer.from([...payload.subarray(0, -1), 0x62]) })),
    },
  };
  return new MessageProtection(deps as unknown as Deps);
}
const stream = {
  source: { name: 'raw' },
  targetName: 'clean',
  accountField: 'account',
  subjectFields: [],
} as unknown as Parameters<MessageProtection['protect']>[0];
const messages = (...values: unknown[]) =>
  values.map((value, index) => ({
    topic: 'raw',
    partition: 0,
    offset: String(index),
    key: null,
    value: Buffer.from(JSON.stringify(value)),
    headers: {},
    timestamp: '0',
  })) as unknown as Parameters<MessageProtection['protect']>[1];

describe('protecting messages', () => {
  it('gives up a message whose key was destroyed, and goes on', async () => {
    const [first, second] = await protection().protect(stream, messages({ code: 'KEY_DESTROYED' }, { a: 1 }));
    expect(first).toMatchObject({ topic: 'clean.dead-letter', value: expect.stringContaining('KEY_DESTROYED') });
    expect(second?.value?.toString()).toBe('{"a":1}');
  });

  it('gives up a message that is no UTF-8 instead of changing it', async () => {
    const [message] = messages({ a: 1 });
    const broken = { ...message, value: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) };
    const [answer] = await protection().protect(stream, [broken] as Parameters<MessageProtection['protect']>[1]);
    expect(answer).toMatchObject({ topic: 'clean.dead-letter', value: expect.stringContaining('MESSAGE_INVALID') });
  });

  it('keeps the frame of Protobuf, and gives up other messages of its file than the first', async () => {
    const value = (hex: string) => ({ ...messages({})[0]!, value: Buffer.from(hex, 'hex') });
    const [plain, long, other, cut] = await protobufProtection().protect(stream, [
      value('0000000007000a0161'),
      value('000000000702000a0161'),
      value('000000000702020a0161'),
      value('00000000070a'),
    ]);
    expect(plain?.value).toEqual(Buffer.from('0000000007000a0162', 'hex'));
    expect(long?.value).toEqual(Buffer.from('000000000702000a0162', 'hex'));
    for (const one of [other, cut])
      expect(one).toMatchObject({ topic: 'clean.dead-letter', value: expect.stringContaining('MESSAGE_INVALID') });
  });

  it('keeps a payload whose schema a header names without a frame', async () => {
    const headers = { [schemaIdHeaders.value]: Buffer.from(guidHeader(testGuid, [0])) };
    const message = { ...messages({})[0]!, value: Buffer.from('0a0161', 'hex'), headers };
    const [answer] = await protobufProtection().protect(stream, [message]);
    expect(answer).toMatchObject({ value: Buffer.from('0a0162', 'hex'), headers });
  });

  it.each(['KEY_UNAVAILABLE', 'KEY_MISMATCH'] as const)('gives up nothing when a key answers %s', async (code) => {
    await expect(protection().protect(stream, messages({ a: 1 }, { code }))).rejects.toMatchObject({ code });
  });
});
