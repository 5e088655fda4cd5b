import { open } from 'node:fs/promises';
import { AvroCursor } from '../../../domain/registry/avro/avro-cursor.ts';
import { zigZag } from '../../../domain/registry/byte-writer.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { writeFailure } from '../duckdb/duckdb-failure.ts';
import { unreadable } from '../records/record-failure.ts';
import type { CopiedRecords, RecordFormat, RecordSurvey } from '../records/record-format.ts';
import type { AskedColumns, KeyedRecord } from '../records/row-judge.ts';
import { columnTypeOf, keyRefusal, RecordKeys } from './avro-columns.ts';
import { type AvroBlock, AvroContainer } from './avro-container.ts';
import { secondReaderFault, valuesRelation } from './avro-relation.ts';

/**
 * Avro object container files. Of a copy the header is the source's, byte for byte, and so are blocks without a record that
 * goes; of others the records that stay are put together anew, as the bytes that they were.
 */
export const avroFormat: RecordFormat = {
  scan: (path, asked, visit) =>
    AvroContainer.using(path, async (container) => {
      const keys = new RecordKeys(path, container.schema, asked);
      for await (const block of container.blocks())
        for (const { record } of recordsOf(container, block, keys)) visit(record);
    }),
  copy: copyContainer,
  relation: valuesRelation,
  survey: surveyContainer,
  transformRefusal: 'values in Avro files are not replaced, since what protection leaves does not fit their schema',
};

/** Records of a block with the bytes that they are. */
function* recordsOf(
  container: AvroContainer,
  block: AvroBlock,
  keys: RecordKeys,
): Generator<{ readonly record: KeyedRecord; readonly bytes: Buffer }> {
  const content = container.contentOf(block);
  const damaged = () => unreadable(container.path, `records of its block at byte ${block.at} do not fit its schema`);
  // Every record has a key, and a key has at least one byte.
  if (block.records > content.length) throw damaged();
  const cursor = new AvroCursor(content);
  for (let index = 0; index < block.records; index += 1) {
    const start = cursor.at;
    const record = nextOf(keys, cursor);
    if (record === null) throw damaged();
    yield { record, bytes: content.subarray(start, cursor.at) };
  }
  if (cursor.at !== content.length) throw damaged();
}

function nextOf(keys: RecordKeys, cursor: AvroCursor): KeyedRecord | null {
  try {
    return keys.next(cursor);
  } catch (error) {
    if (error instanceof LinewardError && error.code === 'VALUE_INVALID') return null;
    throw error;
  }
}

function copyContainer(
  { source, staged }: { readonly source: string; readonly staged: string },
  asked: AskedColumns,
  leaves: (record: KeyedRecord) => boolean,
): Promise<CopiedRecords> {
  return AvroContainer.using(source, async (container) => {
    const keys = new RecordKeys(source, container.schema, asked);
    let [rows, found] = [0, 0];
    await writing(staged, async (write) => {
      await write(container.header);
      for await (const block of container.blocks()) {
        const kept: Buffer[] = [];
        for (const { record, bytes } of recordsOf(container, block, keys)) if (!leaves(record)) kept.push(bytes);
        rows += block.records;
        found += block.records - kept.length;
        if (kept.length === block.records) await write(block.raw);
        else if (kept.length > 0) await write(blockOf(container, kept));
      }
    });
    return { rows, found };
  });
}

function blockOf({ codec, sync }: AvroContainer, records: readonly Buffer[]): Buffer {
  const data = codec.compress(Buffer.concat(records));
  return Buffer.concat([zigZag(records.length), zigZag(data.length), data, sync]);
}

/** Writes a new file; what goes wrong with it is no fault of what is read meanwhile. */
async function writing(path: string, work: (write: (bytes: Buffer) => Promise<void>) => Promise<void>): Promise<void> {
  const failed = (error: unknown): never => {
    throw writeFailure(error, path);
  };
  const file = await open(path, 'w').catch(failed);
  try {
    await work((bytes) => file.writeFile(bytes).catch(failed));
  } finally {
    await file.close().catch(failed);
  }
}

/** Heads of blocks tell the number of records; the data between them is passed over. */
function surveyContainer(path: string, keyColumns: readonly string[]): Promise<RecordSurvey> {
  return AvroContainer.using(path, async (container) => {
    const { schema, codecName } = container;
    let rows = 0;
    for await (const { records } of container.blocks({ headsOnly: true })) rows += records;
    if (!Number.isSafeInteger(rows)) throw unreadable(path, 'its blocks claim more records than there can be');
    const faults = [...keyColumns.map((column) => keyRefusal(schema, column)), secondReaderFault(container)];
    return {
      rows,
      codec: codecName,
      columns: schema.fields.map(({ name, type }) => ({ name, type: columnTypeOf(type) })),
      refusals: faults.filter((fault) => fault !== null),
    };
  });
}
