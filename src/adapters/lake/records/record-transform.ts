import { createHash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { ColumnTexts, RewriteResult } from '../../../services/lake/ports.ts';
import { fsyncFile, sha256OfFile } from '../../store/local/durable-file.ts';
import { reading } from '../duckdb/duckdb-failure.ts';
import { expectWritable } from '../duckdb/parquet-copy.ts';
import { expectFile } from '../duckdb/parquet-facts.ts';
import type { SelectedRows, TransformWork } from '../file-format.ts';
import { refused } from './record-failure.ts';
import type { NewTexts, RecordFormat, RecordPiece } from './record-format.ts';
import { ReplacementProof } from './replacement-proof.ts';

/** Records that cross to the service and back at a time, and values of them. */
const recordsPerBatch = 8_192;
const valuesPerBatch = 1_000_000;
/** Columns of one file: more are names that are data, of which each record has a few, and a place for all. */
const columnsMax = 1_000;
/** About how many bytes wait to be written meanwhile; what crosses is less. */
const bytesPerBatch = 8_388_608;

/** A piece that waits for its new values. */
interface Waiting {
  readonly piece: RecordPiece;
  /** Indexes of its records under the selection, with their texts. */
  readonly hits: readonly { readonly index: number; readonly texts: readonly (string | null)[] }[];
}

/**
 * Copies a file of records with other values in some columns of the records under the selection, as the service answers them,
 * and proves the copy. Nothing is staged when no value was replaced.
 */
export class RecordTransform {
  readonly #rows: SelectedRows;
  readonly #format: RecordFormat;
  readonly #work: TransformWork & { exchange(batch: ColumnTexts): Promise<ColumnTexts> };
  /** Names of the columns that are read; those that are replaced come first. */
  readonly #read: readonly string[];
  readonly #proof: ReplacementProof | null;
  #waiting: Waiting[] = [];
  #waitingRecords = 0;
  #waitingBytes = 0;
  #records = 0;
  #hits = 0;
  #found = 0;
  #write: (bytes: Buffer) => Promise<void> = async () => undefined;

  constructor(
    rows: SelectedRows,
    format: RecordFormat,
    work: TransformWork & { exchange(batch: ColumnTexts): Promise<ColumnTexts> },
  ) {
    this.#rows = rows;
    this.#format = format;
    this.#work = work;
    this.#read = [...work.columns, ...work.keyColumns.filter((name) => !work.columns.includes(name))];
    this.#proof = work.staged === null ? null : new ReplacementProof(rows, format, work.columns);
  }

  async run(): Promise<RewriteResult> {
    const { source, staged } = this.#work;
    try {
      return await reading(source, async () => {
        await expectFile(source);
        if (this.#read.length > columnsMax) throw refused(source, `it has more than ${columnsMax} columns to read`);
        return staged === null ? this.#result(await this.#walk()) : await this.#stage(staged);
      });
    } catch (error) {
      if (staged !== null) await rm(staged, { force: true });
      throw error;
    } finally {
      await this.#proof?.end();
    }
  }

  async #stage(staged: string): Promise<RewriteResult> {
    const { source, metadata } = this.#work;
    await expectWritable(staged);
    await this.#proof?.begin();
    let sourceSha256: string | undefined;
    await this.#format.write({ source, staged }, metadata, async (write) => {
      this.#write = write;
      sourceSha256 = await this.#walk();
    });
    const result = this.#result(sourceSha256);
    if (this.#found === 0) {
      await rm(staged);
      return result;
    }
    await this.#proof?.check({ source, staged }, metadata, { records: this.#records, hits: this.#hits });
    await fsyncFile(staged);
    const [{ size: bytesAfter }, stagedSha256] = [await stat(staged), await sha256OfFile(staged)];
    return { ...result, bytesAfter, stagedSha256 };
  }

  #result(sourceSha256: string | undefined): RewriteResult {
    const rows = this.#records;
    const counted = { rowsBefore: rows, rowsAfter: rows, found: this.#found, bytesAfter: 0, stagedSha256: null };
    return { ...counted, ...(sourceSha256 !== undefined && { sourceSha256 }) };
  }

  /** Answers the digest of the source, where its format has no metadata. */
  async #walk(): Promise<string | undefined> {
    const { judge } = this.#rows;
    const digest = this.#format.hasMetadata ? null : createHash('sha256');
    const request = {
      path: this.#work.source,
      asked: judge.asked,
      valued: this.#read,
      ...(digest !== null && { onBytes: (bytes: Buffer) => void digest.update(bytes) }),
    };
    await this.#format.walk(request, async (piece) => {
      const hits = piece.records.flatMap((record, index) =>
        judge.judge(record).hit ? [{ index, texts: piece.textsAt(index) }] : [],
      );
      this.#waiting.push({ piece, hits });
      this.#waitingRecords += piece.records.length;
      this.#waitingBytes += piece.size;
      if (this.#isEnough()) await this.#replace();
    });
    await this.#replace();
    return digest?.digest('hex');
  }

  #isEnough(): boolean {
    if (this.#waitingRecords >= recordsPerBatch || this.#waitingBytes >= bytesPerBatch) return true;
    return this.#waitingRecords * this.#read.length >= valuesPerBatch;
  }

  /** Records outside the selection never leave the engine. */
  async #replace(): Promise<void> {
    const { columns, exchange } = this.#work;
    const hits = this.#waiting.flatMap((waiting) => waiting.hits);
    const given = this.#read.map((name, column) => [name, hits.map(({ texts }) => texts[column] ?? null)] as const);
    const answer = hits.length === 0 ? {} : await exchange(Object.fromEntries(given));
    const answered = columns.map((name) => answer[name] ?? []);
    if (answered.some((texts) => texts.length !== hits.length))
      throw new LinewardError('INTERNAL', 'A transformation answered another number of values than it was given.');
    let place = 0;
    for (const { piece, hits: own } of this.#waiting) {
      const news = new Map<number, NewTexts>();
      for (const { index, texts } of own) {
        const changed = answered.map((column, at) => {
          const text = column[place] ?? null;
          return text === (texts[at] ?? null) ? undefined : text;
        });
        if (changed.some((text) => text !== undefined)) news.set(index, changed);
        place += 1;
      }
      await this.#put(piece, news);
    }
    this.#hits += hits.length;
    [this.#waiting, this.#waitingRecords, this.#waitingBytes] = [[], 0, 0];
  }

  async #put(piece: RecordPiece, news: ReadonlyMap<number, NewTexts>): Promise<void> {
    this.#found += news.size;
    if (this.#proof !== null) {
      const { bytes, written } = piece.rendered(news);
      await this.#write(bytes);
      for (const [index, texts] of written) this.#proof.expect(this.#records + index + 1, texts);
    }
    this.#records += piece.records.length;
  }
}
