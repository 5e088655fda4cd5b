import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { jsonDocuments } from '../../../src/http/produce/json-documents.ts';

async function read(chunks: readonly Buffer[], bytesMax = 1_000): Promise<string[]> {
  const found: string[] = [];
  for await (const texts of jsonDocuments(Readable.from(chunks), bytesMax)) found.push(...texts);
  return found;
}

describe('objects that follow each other', () => {
  test('are found wherever chunks end, whatever is in them', async () => {
    const document = fc.dictionary(
      fc.string({ unit: 'binary' }).filter((name) => name !== '__proto__'),
      fc.jsonValue(),
    );
    const blank = fc.constantFrom('', ' ', '\n', '\r\n\t');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(document, blank)),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        async (all, cuts) => {
          const texts = all.map(([value]) => JSON.stringify(value));
          const bytes = Buffer.from(all.map(([, after], index) => `${texts[index]}${after}`).join(''));
          const chunks: Buffer[] = [];
          for (let start = 0; start < bytes.length; ) {
            const end = start + (cuts.next().value ?? 1);
            chunks.push(bytes.subarray(start, end));
            start = end;
          }
          expect(await read(chunks, 100_000)).toEqual(texts);
        },
      ),
    );
  });

  it.each([
    ['a list', '{"a":1}[1]', 'MESSAGE_INVALID'],
    ['a comma between them', '{"a":1},{"a":2}', 'MESSAGE_INVALID'],
    ['a closing brace alone', '{"a":1}}', 'MESSAGE_INVALID'],
    ['an object that does not end', '{"a":1}{"a":', 'MESSAGE_INVALID'],
    ['a text that does not end', '{"a":1}{"a":"}', 'MESSAGE_INVALID'],
    [
      'bytes that are no UTF-8',
      Buffer.from([...Buffer.from('{"a":1}{"a":"'), 0xff, ...Buffer.from('"}')]),
      'MESSAGE_INVALID',
    ],
    ['one that is too long', `{"a":1}{"a":"${'x'.repeat(2_000)}"}`, 'LIMIT_EXCEEDED'],
    ['one that is too long and never ends', `{"a":1}{"a":"${'x'.repeat(2_000)}`, 'LIMIT_EXCEEDED'],
  ])('end at %s, after what came before it', async (_, given, code) => {
    const found: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const texts of jsonDocuments(Readable.from([Buffer.from(given)]), 1_000)) found.push(...texts);
    };
    await expect(reading()).rejects.toMatchObject({ code });
    expect(found).toEqual(['{"a":1}']);
  });

  it('may be none', async () => {
    expect(await read([])).toEqual([]);
    expect(await read([Buffer.from(' \n')])).toEqual([]);
  });
});
