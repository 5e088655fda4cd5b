import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, describe, expect, it } from 'vitest';
import { avroFormat } from '../../../src/adapters/lake/avro/avro-format.ts';
import { SelectionTables } from '../../../src/adapters/lake/duckdb/selection-tables.ts';
import { ndjsonFormat } from '../../../src/adapters/lake/ndjson/ndjson-format.ts';
import { RecordFileFormat } from '../../../src/adapters/lake/records/record-file-format.ts';
import type { NewTexts, RecordFormat, RecordPiece } from '../../../src/adapters/lake/records/record-format.ts';
import { RowJudge } from '../../../src/adapters/lake/records/row-judge.ts';
import { ndjson, put, type TestRecord, writeAvro } from '../../testkit/record-files.ts';

const root = mkdtempSync(join(tmpdir(), 'lineward-replaced-'));
afterAll(() => rm(root, { recursive: true, force: true }));

const selection = { accountColumn: 'acc', act: [{ account: 'A' }], keep: [] };
const records: readonly TestRecord[] = Array.from({ length: 600 }, (_, n) => ({
  acc: n % 3 === 0 ? 'A' : 'B',
  phone: `+${n}`,
  n,
}));

type Render = RecordPiece['rendered'];
/** What a faulty format makes of a piece, which it could render well. */
type Fault = (render: Render, news: ReadonlyMap<number, NewTexts>, again: RecordPiece) => ReturnType<Render>;

const cases = [
  {
    name: 'lines',
    format: ndjsonFormat,
    ending: 'ndjson',
    shown: (text: string) => JSON.stringify(text),
    write: (path: string) => put(path, ndjson(records)),
  },
  {
    name: 'Avro',
    format: avroFormat,
    ending: 'avro',
    shown: (text: string) => text,
    write: (path: string) => writeAvro(path, records, { codec: 'null', blockSize: 1_000_000 }),
  },
];

describe.each(cases)('a copy of $name with new values', ({ format, ending, shown, write }) => {
  const source = join(root, `source.${ending}`);
  const staged = join(root, `copy.${ending}.staged`);
  const other = shown('other');

  async function replacedBy(faulty: Partial<RecordFormat>) {
    await write(source);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    try {
      const tables = await SelectionTables.load(connection, selection);
      const rows = { connection, tables, judge: new RowJudge(selection), tempDir: root };
      const request = { source, staged, columns: ['phone'], keyColumns: [], metadata: { 'lineward.test': 'yes' } };
      return await new RecordFileFormat({ ...format, ...faulty }).transform(rows, request, async ({ phone = [] }) => ({
        phone: phone.map(() => shown('new')),
      }));
    } finally {
      connection.closeSync();
    }
  }
  const rendering = (fault: Fault): Partial<RecordFormat> => ({
    walk: (request, visit) =>
      format.walk(request, (piece) =>
        visit({
          size: piece.size,
          records: piece.records,
          textsAt: (index) => piece.textsAt(index),
          rendered: (news) => fault((some) => piece.rendered(some), news, piece),
        }),
      ),
  });
  /** Says that it wrote what was asked for, and wrote something else. */
  const lying = (what: (news: Map<number, NewTexts>) => unknown): Fault => {
    return (render, news) => {
      const wrong = new Map(news);
      what(wrong);
      return { bytes: render(wrong).bytes, written: render(news).written };
    };
  };

  it.each<[string, string, Partial<RecordFormat>]>([
    ['another value', 'values that were to be written', rendering(lying((news) => news.set(0, [other])))],
    ['an old value', 'values that were to be written', rendering(lying((news) => news.delete(3)))],
    ['a record outside the selection', 'records that stay are other', rendering(lying((news) => news.set(1, [other])))],
    [
      'a record outside the selection, said aloud',
      'outside the selection were changed',
      rendering((render, news) => render(new Map([...news, [1, [other]]]))),
    ],
    [
      'a file twice',
      '600 records became 1200',
      {
        write: (files, metadata, work) =>
          format.write(files, metadata, (put) =>
            work(async (bytes) => {
              await put(bytes);
              await put(bytes);
            }),
          ),
      },
    ],
    [
      'nothing',
      '600 records became 0',
      { write: (files, metadata, work) => format.write(files, metadata, () => work(async () => undefined)) },
    ],
  ])('is thrown away when it holds %s', async (_name, fault, faulty) => {
    await expect(replacedBy(faulty)).rejects.toMatchObject({
      code: 'LAKE_CHECK_FAILED',
      details: { faults: expect.arrayContaining([expect.stringContaining(fault)]) },
    });
    expect(await readdir(root)).not.toContain(`copy.${ending}.staged`);
  });

  it('is thrown away when another field changed, or records changed places', async () => {
    const swapped = (from: string, to: string): Partial<RecordFormat> =>
      rendering((render, news) => {
        const { bytes, written } = render(news);
        const text = bytes.toString('latin1');
        return { bytes: Buffer.from(text.replace(from, to), 'latin1'), written };
      });
    // The account of the fourth record, whose telephone number is replaced; in both formats it stands before that.
    const [a, b] =
      ending === 'avro'
        ? ['\u0002\u0002A\u0002\u0006new', '\u0002\u0002C\u0002\u0006new']
        : ['"A","phone":"new"', '"C","phone":"new"'];
    await expect(replacedBy(swapped(a, b))).rejects.toMatchObject({
      code: 'LAKE_CHECK_FAILED',
      details: { faults: expect.arrayContaining([expect.stringContaining('differ in more than the replaced values')]) },
    });
    const reversed = rendering((render, news, piece) => {
      const { bytes, written } = render(news);
      if (ending === 'avro') return { bytes: render(new Map([...news].slice(1))).bytes, written };
      expect(piece.records.length).toBe(600);
      return { bytes: Buffer.from(`${bytes.toString().trim().split('\n').reverse().join('\n')}\n`), written };
    });
    await expect(replacedBy(reversed)).rejects.toMatchObject({ code: 'LAKE_CHECK_FAILED' });
  });

  it('is thrown away when it has not the metadata that it should have', async () => {
    const bare: Partial<RecordFormat> = { write: (files, _metadata, work) => format.write(files, {}, work) };
    if (format.hasMetadata)
      await expect(replacedBy(bare)).rejects.toMatchObject({
        details: { faults: ['the header of the copy is another one than it should be'] },
      });
    else expect(await replacedBy(bare)).toMatchObject({ found: 200 });
  });

  it('is taken when it is exact', async () => {
    expect(await replacedBy({})).toMatchObject({ rowsBefore: 600, rowsAfter: 600, found: 200 });
  });
});
