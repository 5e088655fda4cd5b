import { open } from 'node:fs/promises';
import type { ProfileResult } from '../../../services/lake/ports.ts';
import { writeFailure } from '../duckdb/duckdb-failure.ts';
import { unreadable } from '../records/record-failure.ts';
import type {
  CopiedRecords,
  CopyPaths,
  RecordFormat,
  RecordPiece,
  RecordSurvey,
  WalkRequest,
} from '../records/record-format.ts';
import type { AskedColumns, KeyedRecord } from '../records/row-judge.ts';
import { BlockPiece, blockOf, recordsOf } from './avro-blocks.ts';
import { columnTypeOf, keyRefusal, RecordKeys } from './avro-columns.ts';
import { AvroContainer, headerWith } from './avro-container.ts';
import { secondReaderFault, valuesRelation } from './avro-relation.ts';
import { FieldValues, formOf } from './avro-values.ts';

/**
 * Avro object container files. Of a copy the header is the source's, byte for byte, and so are blocks without a record that
 * goes or changes; of others the records are put together anew, as the bytes that they were but for new values.
 */
export const avroFormat: RecordFormat = {
  scan: (path, asked, visit) =>
    AvroContainer.using(path, async (container) => {
      const keys = new RecordKeys(path, container.schema, asked);
      for await (const block of container.blocks())
        for (const { record } of recordsOf(container, block, keys)) visit(record);
    }),
  copy: copyContainer,
  walk: walkContainer,
  write: writeContainer,
  headFault,
  relation: valuesRelation,
  written: (sql) => sql,
  survey: surveyContainer,
  profile: profileContainer,
  hasMetadata: true,
};

async function copyContainer(
  files: CopyPaths,
  asked: AskedColumns,
  leaves: (record: KeyedRecord) => boolean,
): Promise<CopiedRecords> {
  let [rows, found] = [0, 0];
  await writeContainer(files, {}, (write) =>
    AvroContainer.using(files.source, async (container) => {
      const keys = new RecordKeys(files.source, container.schema, asked);
      for await (const block of container.blocks()) {
        const kept: Buffer[] = [];
        for (const { record, bytes } of recordsOf(container, block, keys)) if (!leaves(record)) kept.push(bytes);
        rows += block.records;
        found += block.records - kept.length;
        if (kept.length === block.records) await write(block.raw);
        else if (kept.length > 0) await write(blockOf(container, kept));
      }
    }),
  );
  return { rows, found };
}

function walkContainer(
  { path, asked, valued }: WalkRequest,
  visit: (piece: RecordPiece) => Promise<void>,
): Promise<void> {
  return AvroContainer.using(path, async (container) => {
    const keys = new RecordKeys(path, container.schema, asked);
    const values = new FieldValues(path, container.schema, valued);
    for await (const block of container.blocks())
      await visit(new BlockPiece(container, block, { read: [...recordsOf(container, block, keys)], values }));
  });
}

function writeContainer(
  { source, staged }: CopyPaths,
  metadata: Readonly<Record<string, string>>,
  work: (write: (bytes: Buffer) => Promise<void>) => Promise<void>,
): Promise<void> {
  return AvroContainer.using(source, (container) =>
    writing(staged, async (write) => {
      await write(headerWith(container, metadata).bytes);
      await work(write);
    }),
  );
}

function headFault({ source, staged }: CopyPaths, metadata: Readonly<Record<string, string>>): Promise<string | null> {
  return AvroContainer.using(source, async (before) =>
    AvroContainer.using(staged, async (after) => {
      const isSame =
        sameEntries(headerWith(before, metadata).metadata, after.metadata) && before.sync.equals(after.sync);
      return isSame ? null : 'the header of the copy is another one than it should be';
    }),
  );
}

const sameEntries = (one: ReadonlyMap<string, Buffer>, other: ReadonlyMap<string, Buffer>): boolean =>
  one.size === other.size && [...one].every(([key, value]) => other.get(key)?.equals(value) === true);

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
async function countRecords(container: AvroContainer): Promise<number> {
  let rows = 0;
  for await (const { records } of container.blocks({ headsOnly: true })) rows += records;
  if (!Number.isSafeInteger(rows)) throw unreadable(container.path, 'its blocks claim more records than there can be');
  return rows;
}

function profileContainer(path: string): Promise<ProfileResult> {
  return AvroContainer.using(path, async (container) => ({
    rows: await countRecords(container),
    columns: container.schema.fields.map(({ name, type }) => ({ name, form: formOf(type) })),
    metadata: Object.fromEntries([...container.metadata].map(([key, value]) => [key, value.toString('utf8')])),
  }));
}

function surveyContainer(path: string, keyColumns: readonly string[]): Promise<RecordSurvey> {
  return AvroContainer.using(path, async (container) => {
    const { schema, codecName } = container;
    const rows = await countRecords(container);
    const faults = [...keyColumns.map((column) => keyRefusal(schema, column)), secondReaderFault(container)];
    return {
      rows,
      codec: codecName,
      columns: schema.fields.map(({ name, type }) => ({ name, type: columnTypeOf(type) })),
      refusals: faults.filter((fault) => fault !== null),
    };
  });
}
