import { createHash } from 'node:crypto';
import { isGzipped } from '../../../domain/lake/file-format.ts';
import type { CopiedRecords, CopyPaths, RecordFormat } from '../records/record-format.ts';
import type { AskedColumns, KeyedRecord } from '../records/row-judge.ts';
import { hasMark, LineKeys } from './line-keys.ts';
import { byteOrderMark } from './line-members.ts';
import { LineWriter, readLines } from './line-stream.ts';
import { profileLines, surveyLines } from './line-survey.ts';
import { walkLines } from './line-values.ts';
import { linesRelation, writtenLine } from './lines-relation.ts';

/**
 * Lines of JSON objects. Of a copy every line that stays is there byte for byte, blank ones and the kind of line breaks too; of a
 * line with a new value all but that value is.
 */
export const ndjsonFormat: RecordFormat = {
  scan: scanLines,
  copy: copyLines,
  walk: walkLines,
  write: writeLines,
  headFault: async () => null,
  relation: linesRelation,
  written: writtenLine,
  survey: surveyLines,
  profile: profileLines,
  hasMetadata: false,
};

async function scanLines(path: string, asked: AskedColumns, visit: (record: KeyedRecord) => void): Promise<void> {
  const reader = new LineKeys(path, asked);
  for await (const lines of readLines(path, isGzipped(path)))
    for (const line of lines) {
      const record = reader.read(line);
      if (record !== null) visit(record);
    }
  reader.end();
}

async function copyLines(
  { source, staged }: CopyPaths,
  asked: AskedColumns,
  leaves: (record: KeyedRecord) => boolean,
): Promise<CopiedRecords> {
  const reader = new LineKeys(source, asked);
  const digest = createHash('sha256');
  let [rows, found, isFirst] = [0, 0, true];
  await writeLines({ source, staged }, {}, async (write) => {
    for await (const lines of readLines(source, isGzipped(source), (bytes) => digest.update(bytes))) {
      const kept: Buffer[] = [];
      for (const line of lines) {
        const record = reader.read(line);
        if (record !== null) rows += 1;
        if (record === null || !leaves(record)) kept.push(line);
        else {
          found += 1;
          // The mark is the file's and not the record's.
          if (isFirst && hasMark(line)) kept.push(byteOrderMark);
        }
        isFirst = false;
      }
      await write(Buffer.concat(kept));
    }
    reader.end();
  });
  return { rows, found, sourceSha256: digest.digest('hex') };
}

/** Lines have no head, and no metadata. */
async function writeLines(
  { source, staged }: CopyPaths,
  _metadata: unknown,
  work: (write: (bytes: Buffer) => Promise<void>) => Promise<void>,
): Promise<void> {
  const writer = new LineWriter(staged, isGzipped(source));
  try {
    await work((bytes) => writer.write(bytes));
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
