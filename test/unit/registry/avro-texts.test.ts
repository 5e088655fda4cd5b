import avsc from 'avsc';
import { describe, expect, it } from 'vitest';
import { type AvroSchema, parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import { replaceAvroTexts } from '../../../src/domain/registry/avro/avro-texts.ts';

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const parsed = (schema: unknown): AvroSchema => parseAvroSchema({ text: JSON.stringify(schema), references: [] });
/** Replaces `old` by a longer text, and nothing else. */
const longer = (content: Buffer): Buffer | null => (String(content) === 'old' ? Buffer.from('newer') : null);
const replaced = (schema: unknown, bytes: Uint8Array, replace = longer): Buffer =>
  replaceAvroTexts(parsed(schema).root, bytes, replace);

const record = (fields: Record<string, unknown>, name = 'R') => ({
  type: 'record',
  name,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
});

describe('putting other texts into Avro', () => {
  it('reaches texts and bytes wherever they stand, and writes what an encoder would', () => {
    const schema = record({
      before: 'long',
      text: 'string',
      bytes: 'bytes',
      maybe: ['null', 'string', record({ inner: { type: 'map', values: ['long', 'string'] } }, 'In')],
      list: { type: 'array', items: { type: 'array', items: 'string' } },
      kind: { type: 'enum', name: 'Kind', symbols: ['old', 'b'] },
      next: ['null', 'R'],
    });
    const value = (text: string, next: unknown) => ({
      before: -3,
      text,
      bytes: Buffer.from(text),
      maybe: { In: { inner: { a: { long: 1 }, [text]: { string: text } } } },
      list: [[text, 'kept'], [], [text]],
      kind: 'old',
      next,
    });
    const type = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: true });
    const given = type.toBuffer(value('old', { R: value('old', null) }));
    expect(replaced(schema, given)).toEqual(type.toBuffer(value('newer', { R: value('newer', null) })));
    expect(replaced(schema, given, () => null)).toEqual(given);
  });

  it('keeps blocks as they were cut, with the sizes that they get', () => {
    const schema = record({ list: { type: 'array', items: { type: 'array', items: 'string' } }, end: 'string' });
    // Two blocks, the first with a size; in it a block with a size of its own.
    const given = bytesOf('01 14  01 08 06 6f6c64 02 02 61 00   02 00  00  06 6f6c64');
    const expected = bytesOf('01 18  01 0c 0a 6e65776572 02 02 61 00   02 00  00  0a 6e65776572');
    expect(parsed(schema).decode(given)).toEqual({ list: [['old', 'a'], []], end: 'old' });
    expect(replaced(schema, given)).toEqual(expected);
  });

  it('leaves a fixed that the content does not fill', () => {
    const schema = record({ id: { type: 'fixed', name: 'F', size: 3 } });
    const given = Buffer.from('old');
    expect(replaced(schema, given)).toEqual(given);
    expect(replaced(schema, given, () => Buffer.from('new'))).toEqual(Buffer.from('new'));
  });

  it.each([
    ['cut', '06 6f6c'],
    ['longer than the record', '06 6f6c64 00'],
    ['of a negative length', '01'],
  ])('refuses bytes that are %s', (_what, hex) => {
    expect(() => replaced(record({ text: 'string' }), bytesOf(hex))).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    );
  });

  it('refuses what is nested deeper than data may be', () => {
    const schema = record({ next: ['null', 'R'] });
    const nested = (depth: number): Buffer => Buffer.concat([Buffer.alloc(depth, 2), Buffer.of(0)]);
    expect(replaced(schema, nested(100))).toEqual(nested(100));
    expect(() => replaced(schema, nested(100_000))).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }));
  });
});
