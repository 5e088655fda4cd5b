import { rm, stat } from 'node:fs/promises';
import type { KeysRequest, KeysResult } from '../../../domain/lake/key-reading.ts';
import type {
  ColumnTexts,
  FileFinding,
  ProfileResult,
  RewriteResult,
  SurveyedFile,
  VerifyResult,
} from '../../../services/lake/ports.ts';
import { fsyncFile, sha256OfFile } from '../../store/local/durable-file.ts';
import { failedFinding, reading } from '../duckdb/duckdb-failure.ts';
import { type Outcome, outcomesOf } from '../duckdb/outcome.ts';
import { expectWritable } from '../duckdb/parquet-copy.ts';
import { expectFile } from '../duckdb/parquet-facts.ts';
import { inexact, type RewriteEvidence, rewriteFaults } from '../duckdb/rewrite-check.ts';
import type { EngineParts, LakeFileFormat, SelectedRows, TransformWork } from '../file-format.ts';
import { refused, tooManyRows, unreadable } from './record-failure.ts';
import type { CopiedRecords, RecordFormat } from './record-format.ts';
import { JudgedRecords } from './record-proof.ts';
import { RecordTransform } from './record-transform.ts';

const nothingStaged: RewriteEvidence['staged'] = { rows: 0, hits: 0, misplaced: 0, schemaDifferences: [] };

/** The verbs of the engine for a format that is read record by record. */
export class RecordFileFormat implements LakeFileFormat {
  readonly #format: RecordFormat;

  constructor(format: RecordFormat) {
    this.#format = format;
  }

  async find(rows: SelectedRows, files: readonly string[]): Promise<readonly FileFinding[]> {
    const findings: FileFinding[] = [];
    for (const path of files)
      findings.push(await this.#find(rows, path).catch((error: unknown) => failedFinding(error, path)));
    return findings;
  }

  async #find({ judge }: SelectedRows, path: string): Promise<FileFinding> {
    let [rows, matches, held, undated, retained, within, withinUndated] = [0, 0, 0, 0, 0, 0, 0];
    let daysLeft: number | null = null;
    await reading(path, async () => {
      await expectFile(path);
      await this.#format.scan(path, judge.asked, (record) => {
        const judged = judge.judge(record);
        rows += 1;
        if (judged.hit) matches += 1;
        if (judged.held) held += 1;
        if (judged.undated) undated += 1;
        if (judged.within) within += 1;
        if (judged.within && record.day === null) withinUndated += 1;
        if (judged.daysLeft === null) return;
        retained += 1;
        daysLeft = Math.max(daysLeft ?? 0, judged.daysLeft);
      });
    });
    const age = { held, undated, retained, daysLeft, within, withinUndated };
    return { path, rows, matches, ...(judge.asked.date !== null && { age }) };
  }

  async rewrite(
    rows: SelectedRows,
    files: readonly { readonly source: string; readonly staged: string }[],
  ): Promise<readonly Outcome<RewriteResult>[]> {
    return outcomesOf(files, (file) => this.#rewrite(rows, file));
  }

  async #rewrite(
    rows: SelectedRows,
    { source, staged }: { readonly source: string; readonly staged: string },
  ): Promise<RewriteResult> {
    try {
      const { judge } = rows;
      const copied = await reading(source, async () => {
        await expectFile(source);
        await expectWritable(staged);
        return this.#format.copy({ source, staged }, judge.asked, (record) => judge.judge(record).hit);
      });
      const { rows: rowsBefore, found } = copied;
      const stays = found < rowsBefore;
      await this.#check(rows, { source, staged: stays ? staged : null }, copied);
      const { sourceSha256 } = copied;
      const result = { rowsBefore, rowsAfter: rowsBefore - found, found, ...(sourceSha256 && { sourceSha256 }) };
      if (!stays) {
        await rm(staged);
        return { ...result, bytesAfter: 0, stagedSha256: null };
      }
      await fsyncFile(staged);
      return { ...result, bytesAfter: (await stat(staged)).size, stagedSha256: await sha256OfFile(staged) };
    } catch (error) {
      await rm(staged, { force: true });
      throw error;
    }
  }

  /** Lays the copy beside its source, both read by the parser that did not write it. */
  async #check(
    rows: SelectedRows,
    { source, staged }: { readonly source: string; readonly staged: string | null },
    copied: CopiedRecords,
  ): Promise<void> {
    const read = <T>(path: string, work: (judged: JudgedRecords) => Promise<T>): Promise<T> =>
      JudgedRecords.using(rows, this.#format, { path, like: source }, work);
    const evidence = await reading(source, () =>
      read(source, async (before) => {
        const seen = { rows: before.rows, matches: before.matches, disputed: 0 };
        if (staged === null) return { source: seen, staged: nothingStaged };
        return read(staged, async (after) => {
          const misplaced = await before.misplacedIn(after);
          return { source: seen, staged: { ...nothingStaged, rows: after.rows, hits: after.matches, misplaced } };
        });
      }),
    );
    const faults = rewriteFaults({ ...copied, ...evidence });
    if (faults.length > 0) throw inexact(source, faults);
  }

  async verify(rows: SelectedRows, paths: readonly string[]): Promise<readonly Outcome<VerifyResult>[]> {
    return outcomesOf(paths, (path) => this.#verify(rows, path));
  }

  /** Both parsers must see the same rows; of their matches the larger number counts. */
  async #verify(rows: SelectedRows, path: string): Promise<VerifyResult> {
    const found = await this.#find(rows, path);
    const counted = await reading(path, () =>
      JudgedRecords.using(rows, this.#format, { path, like: path }, async (judged) => judged),
    );
    if (found.error !== undefined || found.rows !== counted.rows)
      throw unreadable(path, 'two parsers see different numbers of records in it');
    const matches = Math.max(found.matches, counted.matches);
    return { rows: counted.rows, matches, sha256: await sha256OfFile(path) };
  }

  async keys(_parts: EngineParts, { path, columns, rowsMax }: Omit<KeysRequest, 'signal'>): Promise<KeysResult> {
    let rows = 0;
    const found = columns.map(() => new Set<string>());
    await reading(path, async () => {
      await expectFile(path);
      await this.#format.scan(path, { keys: columns, date: null }, ({ keys }) => {
        rows += 1;
        if (rows > rowsMax) throw refused(path, tooManyRows(rowsMax));
        for (const [index, text] of keys.entries()) if (text !== null) found[index]?.add(text);
      });
    });
    return { rows, keys: columns.map((column, index) => ({ column, values: [...(found[index] ?? [])] })) };
  }

  async survey(
    _parts: EngineParts,
    { files, keyColumns }: { readonly files: readonly string[]; readonly keyColumns: readonly string[] },
  ): Promise<readonly SurveyedFile[]> {
    const surveyed: SurveyedFile[] = [];
    for (const path of files) {
      try {
        await expectFile(path);
        surveyed.push({ path, ...(await this.#format.survey(path, keyColumns)) });
      } catch (error) {
        surveyed.push(failedFinding(error, path));
      }
    }
    return surveyed;
  }

  async profile(_parts: EngineParts, path: string): Promise<ProfileResult> {
    return reading(path, async () => {
      await expectFile(path);
      return this.#format.profile(path);
    });
  }

  transform(
    rows: SelectedRows,
    request: TransformWork,
    exchange: (batch: ColumnTexts) => Promise<ColumnTexts>,
  ): Promise<RewriteResult> {
    return new RecordTransform(rows, this.#format, { ...request, exchange }).run();
  }
}
