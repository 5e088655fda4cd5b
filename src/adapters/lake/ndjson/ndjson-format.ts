import { isGzipped } from '../../../domain/lake/file-format.ts';
import type { CopiedRecords, RecordFormat } from '../records/record-format.ts';
import type { AskedColumns, KeyedRecord } from '../records/row-judge.ts';
import { hasMark, LineKeys } from './line-keys.ts';
import { byteOrderMark } from './line-members.ts';
import { LineWriter, readLines } from './line-stream.ts';
import { surveyLines } from './line-survey.ts';
import { linesRelation } from './lines-relation.ts';

/** Lines of JSON objects. Of a copy every line that stays is there byte for byte, blank ones and the kind of line breaks too. */
export const ndjsonFormat: RecordFormat = {
  scan: scanLines,
  copy: copyLines,
  relation: linesRelation,
  survey: surveyLines,
  transformRefusal: 'values in lines of JSON are not replaced, since such a file cannot say what of it is done',
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
  { source, staged }: { readonly source: string; readonly staged: string },
  asked: AskedColumns,
  leaves: (record: KeyedRecord) => boolean,
): Promise<CopiedRecords> {
  const reader = new LineKeys(source, asked);
  const writer = new LineWriter(staged, isGzipped(source));
  let [rows, found, isFirst] = [0, 0, true];
  try {
    for await (const lines of readLines(source, isGzipped(source))) {
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
      await writer.write(kept);
    }
    reader.end();
    await writer.close();
    return { rows, found };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
