import type { DuckDBConnection } from '@duckdb/node-api';
import type { KeysRequest, KeysResult } from '../../domain/lake/key-reading.ts';
import type {
  ColumnTexts,
  FileFinding,
  ProfileResult,
  RewriteResult,
  SurveyedFile,
  SurveyRequest,
  TransformRequest,
  VerifyResult,
} from '../../services/lake/ports.ts';
import type { Outcome } from './duckdb/outcome.ts';
import type { SelectionTables } from './duckdb/selection-tables.ts';
import type { RowJudge } from './records/row-judge.ts';

/** What work on files needs of the engine's process. */
export interface EngineParts {
  readonly connection: DuckDBConnection;
  /** A directory of the process alone. */
  readonly tempDir: string;
}

/** A selection, as tables for SQL and as a judge of single records. */
export interface SelectedRows extends EngineParts {
  readonly tables: SelectionTables;
  readonly judge: RowJudge;
}

export type TransformWork = Omit<TransformRequest, 'signal' | 'transform' | 'selection'>;

/** What the engine does with files of one format; see `LakeEngine` for what each verb promises. */
export interface LakeFileFormat {
  find(rows: SelectedRows, files: readonly string[]): Promise<readonly FileFinding[]>;
  rewrite(
    rows: SelectedRows,
    files: readonly { readonly source: string; readonly staged: string }[],
  ): Promise<readonly Outcome<RewriteResult>[]>;
  verify(rows: SelectedRows, paths: readonly string[]): Promise<readonly Outcome<VerifyResult>[]>;
  transform(
    rows: SelectedRows,
    request: TransformWork,
    exchange: (batch: ColumnTexts) => Promise<ColumnTexts>,
  ): Promise<RewriteResult>;
  keys(parts: EngineParts, request: Omit<KeysRequest, 'signal'>): Promise<KeysResult>;
  survey(parts: EngineParts, request: Omit<SurveyRequest, 'signal'>): Promise<readonly SurveyedFile[]>;
  profile(parts: EngineParts, path: string): Promise<ProfileResult>;
}
