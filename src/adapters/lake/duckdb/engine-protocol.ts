import type { IndexRequest, IndexResult, KeysRequest, KeysResult } from '../../../domain/lake/key-reading.ts';
import type { ErrorCode } from '../../../errors/codes.ts';
import type {
  ColumnTexts,
  EngineSelection,
  FileFinding,
  FindRequest,
  ProfileRequest,
  ProfileResult,
  RewriteRequest,
  RewriteResult,
  SurveyedFile,
  SurveyRequest,
  TransformRequest,
  VerifyRequest,
  VerifyResult,
  WriteRequest,
} from '../../../services/lake/ports.ts';
import type { RowsRequest } from '../../../services/lake-reads/ports.ts';
import type {
  ExtractRequest,
  ExtractResult,
  HitsRequest,
  HitsResult,
  LookupRequest,
  LookupResult,
  MergeRequest,
  MergeResult,
  PreviewRequest,
  PreviewResult,
  ShapeRequest,
  ShapeResult,
} from '../../../services/transform/ports.ts';

/** What the parent hands to a child at its start, as JSON in its first argument. */
export interface ChildSettings {
  readonly memoryLimitMb: number;
  readonly threads: number;
  /** A directory of this child alone; removed when it ends. DuckDB spills rows into it. */
  readonly tempDir: string;
}

/** Files about which one selection is asked at once. */
interface SelectedFiles<File> {
  readonly files: readonly File[];
  readonly selection: EngineSelection;
}

/** What came of one of several files, in the order of the request. */
export type FileAnswer<T> =
  | { readonly result: T; readonly failure?: undefined }
  | { readonly result?: undefined; readonly failure: EngineFailure };

/** Requests and results of the engine's verbs between parent and child. */
export interface EngineVerbs {
  readonly write: { readonly request: Omit<WriteRequest, 'signal'>; readonly result: { rows: number; bytes: number } };
  readonly find: { readonly request: Omit<FindRequest, 'signal'>; readonly result: readonly FileFinding[] };
  readonly keys: { readonly request: Omit<KeysRequest, 'signal'>; readonly result: KeysResult };
  readonly index: { readonly request: Omit<IndexRequest, 'signal'>; readonly result: IndexResult };
  readonly rewrite: {
    readonly request: SelectedFiles<Pick<RewriteRequest, 'source' | 'staged'>>;
    readonly result: readonly FileAnswer<RewriteResult>[];
  };
  readonly survey: { readonly request: Omit<SurveyRequest, 'signal'>; readonly result: readonly SurveyedFile[] };
  readonly profile: { readonly request: Omit<ProfileRequest, 'signal'>; readonly result: ProfileResult };
  readonly transform: {
    readonly request: Omit<TransformRequest, 'signal' | 'transform'>;
    readonly result: RewriteResult;
  };
  readonly verify: {
    readonly request: SelectedFiles<VerifyRequest['path']>;
    readonly result: readonly FileAnswer<VerifyResult>[];
  };
  readonly rows: { readonly request: RowsRequest; readonly result: null };
  readonly extract: { readonly request: ExtractRequest; readonly result: ExtractResult };
  readonly lookup: { readonly request: LookupRequest; readonly result: LookupResult };
  readonly shape: { readonly request: ShapeRequest; readonly result: ShapeResult };
  readonly hits: { readonly request: HitsRequest; readonly result: HitsResult };
  readonly merge: { readonly request: MergeRequest; readonly result: MergeResult };
  readonly preview: { readonly request: PreviewRequest; readonly result: PreviewResult };
}

export type EngineVerb = keyof EngineVerbs;

/** Verbs about the rows of a selection. */
export type SelectingVerb = 'find' | 'rewrite' | 'transform' | 'verify';

/** A selection on its way: its number, and what it is unless the child has been told before. */
export interface SentSelection {
  readonly number: number;
  readonly selection: EngineSelection | null;
}

/** A request as it is sent: its selection apart, since hundreds of thousands of selectors go with every file. */
export type SentRequest<V extends EngineVerb> = V extends SelectingVerb
  ? Omit<EngineVerbs[V]['request'], 'selection'> & { readonly selection: SentSelection }
  : EngineVerbs[V]['request'];

/** One request as it crosses to the child. */
export type EngineCall = {
  readonly [V in EngineVerb]: { readonly id: number; readonly verb: V; readonly request: SentRequest<V> };
}[EngineVerb];

export interface EngineFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** `retire` asks the parent to start a new child: DuckDB calls its own state broken. */
export type EngineReply =
  | { readonly id: number; readonly ok: true; readonly result: EngineVerbs[EngineVerb]['result'] }
  | { readonly id: number; readonly ok: false; readonly failure: EngineFailure; readonly retire: boolean };

/** Values on their way from the child, which waits for an answer of the same `id`; `batch` counts from 1 for each request. */
export interface EngineBatch {
  readonly id: number;
  readonly batch: number;
  readonly texts: ColumnTexts;
}
