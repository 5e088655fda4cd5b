import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openEnvelope } from '../../../src/domain/privacy/envelope.ts';
import {
  type AccountKey,
  holderId,
  type KeyHolder,
  type KeyVersionName,
  versionId,
} from '../../../src/domain/privacy/key-holder.ts';
import { sealUnderKey } from '../../../src/domain/privacy/seal-under-key.ts';
import { parseSchema } from '../../../src/domain/registry/parse-schema.ts';
import type { SchemaFormat } from '../../../src/domain/registry/schema-format.ts';
import { frameMessage, guidHeader, schemaIdHeaders } from '../../../src/domain/registry/wire-format.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import type { KafkaMessage } from '../../../src/services/kafka/ports.ts';
import { TopicRewrap } from '../../../src/services/kafka/topic-rewrap.ts';
import type { AccountKeyService } from '../../../src/services/privacy/account-key.service.ts';
import { recordsOf, testGuid } from '../../testkit/records.ts';

const secret = createSecretKey(randomBytes(32));
const keyOf = ({ accountId, scope, version }: KeyVersionName): AccountKey => ({
  id: `${accountId}-${version}`,
  ...{ accountId, scope, version, key: secret },
});
/** Every account has version 2 in force; those of GONE and their versions are destroyed. */
const keys = {
  keyVersions: async (names: readonly KeyVersionName[]) =>
    new Map(names.map((name) => [versionId(name), name.accountId === 'GONE' ? gone : keyOf(name)])),
  activeKeys: async (holders: readonly KeyHolder[]) =>
    new Map(holders.map((one) => [holderId(one), one.accountId === 'GONE' ? gone : keyOf({ ...one, version: 2 })])),
  charge: () => {},
} as unknown as AccountKeyService;
const gone = new LinewardError('KEY_DESTROYED');

const sealed = (
  accountId: string,
  value: unknown,
  more: { version?: number; scope?: string; suite?: 1 | 2 | 3 } = {},
) =>
  sealUnderKey(keyOf({ accountId, scope: more.scope ?? '', version: more.version ?? 1 }), value, {
    ...{ semanticType: 'phonenumber', suite: more.suite ?? 1, padding: false },
  });
const opened = (accountId: string, envelope: string, scope = ''): unknown =>
  openEnvelope({ accountId, keyVersion: 2, key: secret, ...(scope === '' ? {} : { subjectScope: scope }) }, envelope);

const avro = JSON.stringify({
  type: 'record',
  name: 'Call',
  fields: [
    { name: 'account', type: 'string' },
    { name: 'from', type: ['null', 'string'] },
    { name: 'raw', type: 'bytes' },
    { name: 'legs', type: { type: 'map', values: { type: 'array', items: 'string' } } },
    { name: 'next', type: ['null', 'Call'] },
    { name: 'id', type: { type: 'fixed', name: 'Id', size: 2 } },
  ],
});
const proto = `syntax = "proto3"; message Call { string account = 1; optional string from = 2; bytes raw = 3;
  map<string, Legs> legs = 4; Call next = 5; message Legs { repeated string to = 1; } }`;
const schemas: Readonly<Record<SchemaFormat, string>> = { AVRO: avro, PROTOBUF: proto, JSON: '{"type":"object"}' };
const ids: Readonly<Record<SchemaFormat, number>> = { AVRO: 1, PROTOBUF: 2, JSON: 3 };
const records = recordsOf(['AVRO', avro], ['PROTOBUF', proto], ['JSON', schemas.JSON]);

/** A record as each format takes it. */
function callOf(format: SchemaFormat, account: string, texts: readonly [string, string, string, string]) {
  const [from, raw, to, deep] = texts;
  const binary = (text: string) => (format === 'AVRO' ? text : Buffer.from(text).toString('base64'));
  const union = (branch: string, value: unknown) => (format === 'AVRO' ? { [branch]: value } : value);
  const legs = (all: readonly string[]) => (format === 'PROTOBUF' ? { to: all } : all);
  const call = (own: string, more: Record<string, unknown>) => ({
    account,
    from: union('string', own),
    raw: binary(raw),
    ...(format === 'AVRO' ? { id: 'id', next: null } : {}),
    ...more,
  });
  return call(from, { legs: { a: legs([to, 'x']) }, next: union('Call', call(deep, { legs: {} })) });
}

function payloadOf(format: SchemaFormat, record: unknown): Uint8Array {
  const encoded = parseSchema(format, { text: schemas[format], references: [] }).encode(record);
  if (!encoded.ok) throw new Error(JSON.stringify(encoded.faults));
  return encoded.payload;
}

const message = (value: Buffer | null, headers: KafkaMessage['headers'] = {}): KafkaMessage => ({
  ...{ partition: 0, offset: '0', timestamp: '0', key: null, value, headers },
});
function framed(format: SchemaFormat, record: unknown): Buffer {
  const messageIndexes = format === 'PROTOBUF' ? [0] : null;
  return Buffer.from(frameMessage({ schemaId: ids[format], messageIndexes, payload: payloadOf(format, record) }));
}

const everybody = { act: [{ accountId: 'AC1' }, { accountId: 'GONE' }], keep: [] };
const rewrap = new TopicRewrap({ keys, records }, 'account');
const fateOf = async (value: Buffer, headers = {}) => (await rewrap.fates([message(value, headers)], everybody))[0];
const concernOf = async (value: Buffer, headers = {}) =>
  (await rewrap.concerns([message(value, headers)], everybody))[0];

/** The new value; fails where the record is kept. */
async function changed(value: Buffer, headers = {}): Promise<Buffer> {
  const fate = await fateOf(value, headers);
  if (fate?.kind !== 'CHANGED') throw new Error(`it is ${fate?.kind}`);
  expect(await concernOf(value, headers)).toBe(true);
  expect(await concernOf(Buffer.from(fate.value), headers)).toBe(false);
  return Buffer.from(fate.value);
}

/** A byte behind an envelope may look like base64, too; envelopes come in fours. */
const envelopesIn = (value: Buffer): string[] =>
  (value.toString('latin1').match(/eyJjcnlwdG9faWQi[\w+/=]*/gu) ?? []).map((one) => one.slice(0, one.length & ~3));

describe.each<SchemaFormat>(['AVRO', 'PROTOBUF', 'JSON'])('sealing anew in framed %s', (format) => {
  const binary = (text: string) => (format === 'JSON' ? 'raw' : text);
  const oldCall = () => {
    const person = sealed('AC1', 'Ada', { scope: 'A'.repeat(22) });
    const texts = [sealed('AC1', '+1'), binary(sealed('AC1', 42)), person, sealed('AC1', true, { suite: 3 })] as const;
    return framed(format, callOf(format, 'AC1', [...texts]));
  };

  it('reaches fields, bytes, lists in maps and records in records, with types, suites and persons', async () => {
    const given = oldCall();
    const value = await changed(given);
    const [before, after] = [envelopesIn(given), envelopesIn(value)];
    expect(after).toHaveLength(before.length);
    expect(after.length).toBeGreaterThanOrEqual(3);
    // What is between the envelopes is as it was, lengths but for their digits included: a version has as many.
    expect(value.length).toBe(given.length);
    let rest = value.toString('latin1');
    for (const [index, envelope] of before.entries()) rest = rest.replace(after[index] ?? '', () => envelope);
    expect(rest).toBe(given.toString('latin1'));
    const header = (envelope: string) => JSON.parse(Buffer.from(envelope, 'base64').toString());
    expect(after.map((one) => header(one).kv)).toEqual(after.map(() => 2));
    expect(after.map((one) => header(one).crypto_id)).toEqual(before.map((one) => header(one).crypto_id));
    const values = after.map((one) => opened('AC1', one, header(one).sub));
    expect(new Set(values)).toEqual(new Set(format === 'JSON' ? ['+1', 'Ada', true] : ['+1', 42, 'Ada', true]));
  });

  it('leaves what is of another account, destroyed, no envelope, or under the key in force', async () => {
    const broken = `${sealed('AC1', 'x').slice(0, -8)}AAAAAAA=`;
    const texts = ['eyJjcnlwdG9faWQiOj no envelope', 'raw', sealed('AC1', 'x', { version: 2 }), broken] as const;
    const kept = framed(format, callOf(format, 'AC1', [...texts]));
    expect(await fateOf(kept)).toEqual({ kind: 'KEPT' });
    expect(await concernOf(kept)).toBe(false);
    const shredded = framed(format, callOf(format, 'GONE', [sealed('GONE', 'x'), 'raw', '', '']));
    expect(await fateOf(shredded)).toEqual({ kind: 'KEPT' });
    expect(await concernOf(shredded)).toBe(false);
    const moved = framed(format, callOf(format, 'AC1', [sealed('AC2', 'x'), 'raw', '', '']));
    expect(await fateOf(moved)).toEqual({ kind: 'KEPT' });
    // It is under an older version and stays: the proof tells.
    expect(await concernOf(moved)).toBe(true);
  });

  it('does not touch records of others, tombstones, and what cannot be read, and says so of these', async () => {
    const others = framed(format, callOf(format, 'AC2', [sealed('AC2', 'x'), 'raw', '', '']));
    expect([await fateOf(others), await concernOf(others)]).toEqual([{ kind: 'KEPT' }, false]);
    const [unknown, cut] = [Buffer.from(oldCall()), oldCall().subarray(0, -1)];
    unknown.writeUInt32BE(99, 1);
    expect([await fateOf(unknown), await concernOf(unknown)]).toEqual([
      { kind: 'KEPT' },
      { kind: 'SCHEMA_UNKNOWN', schema: 99 },
    ]);
    expect([await fateOf(cut), await concernOf(cut)]).toEqual([
      { kind: 'KEPT' },
      { kind: 'MISFIT', schema: ids[format] },
    ]);
    expect(await rewrap.fates([message(null)], everybody)).toEqual([{ kind: 'KEPT' }]);
    expect(await rewrap.concerns([message(null)], everybody)).toEqual([false]);
  });
});

describe('sealing anew', () => {
  it('goes by a header that names the schema, also where the payload begins like JSON text', async () => {
    const headers = { [schemaIdHeaders.value]: Buffer.from(guidHeader(testGuid)) };
    const quoted = `{"a":"${sealed('AC1', 'inner')}"}`;
    // Sixteen characters make the first byte of the payload a blank, and the first of these is a brace.
    const account = '{"account"}     ';
    const payload = Buffer.from(payloadOf('AVRO', callOf('AVRO', account, [sealed(account, 'x'), quoted, '', ''])));
    expect(payload.subarray(0, 2).toString()).toBe(' {');
    const who = { act: [{ accountId: account }], keep: [] };
    const [fate] = await rewrap.fates([message(payload, headers)], who);
    if (fate?.kind !== 'CHANGED') throw new Error('it is kept');
    const shown = parseSchema('AVRO', { text: avro, references: [] }).decode(Buffer.from(fate.value), null);
    const { from, raw } = shown as { from: string; raw: string };
    expect(opened(account, from)).toBe('x');
    expect(Buffer.from(raw, 'base64').toString()).toBe(quoted);
  });

  it('counts what it cannot reach: an envelope that would not fill its fixed any more', async () => {
    const old = sealed('AC1', 'x'.repeat(20));
    const schema = JSON.stringify({
      type: 'record',
      name: 'F',
      fields: [
        { name: 'account', type: 'string' },
        { name: 'f', type: { type: 'fixed', name: 'Fixed', size: old.length } },
      ],
    });
    const encoded = parseSchema('AVRO', { text: schema, references: [] }).encode({ account: 'AC1', f: old });
    if (!encoded.ok) throw new Error('no fixed');
    const value = Buffer.from(frameMessage({ schemaId: 1, messageIndexes: null, payload: encoded.payload }));
    const inForce = { ...keys, activeKeys: atVersion(1_000_000) } as unknown as AccountKeyService;
    const action = new TopicRewrap({ keys: inForce, records: recordsOf(['AVRO', schema]) }, 'account');
    expect(await action.fates([message(value)], everybody)).toEqual([{ kind: 'KEPT' }]);
    expect(await action.concerns([message(value)], everybody)).toEqual([true]);
  });
});

const atVersion = (version: number) => async (holders: readonly KeyHolder[]) =>
  new Map(holders.map((one) => [holderId(one), keyOf({ ...one, version })]));
