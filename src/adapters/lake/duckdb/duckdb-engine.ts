import { rm } from 'node:fs/promises';
import { formatOf } from '../../../domain/lake/file-format.ts';
import type { IndexRequest, IndexResult, KeysRequest, KeysResult } from '../../../domain/lake/key-reading.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type {
  FileFinding,
  FindRequest,
  LakeEngine,
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
import { crashed, EngineProcess, type EngineProcessOptions } from './engine-process.ts';
import { FileRequests } from './file-requests.ts';

/** Files of one request: bounds a request's time, and how much is asked again after a crash. */
const filesPerRequest = 256;

/** The answer about a file that takes the child down. */
interface Crashed {
  readonly path: string;
  readonly error: 'UNREADABLE';
  readonly reason: string;
}

const crashReason = 'the engine process crashed reading it';

/**
 * The default lake engine: DuckDB in a child process. Use one per worker slot; requests of one engine queue up. Those about
 * single files that are made at one time share a turn.
 */
export class DuckdbEngine implements LakeEngine {
  readonly #process: EngineProcess;
  readonly #rewrites: FileRequests<Pick<RewriteRequest, 'source' | 'staged'>, RewriteResult>;
  readonly #verifications: FileRequests<string, VerifyResult>;

  /** `memoryLimitMb`, `threads`: DuckDB's; `timeoutMs` per request; `tempDir` holds spilled rows while they are needed. */
  constructor(options: EngineProcessOptions) {
    this.#process = new EngineProcess(options);
    this.#rewrites = new FileRequests(
      ({ source }) => source,
      (files, { selection, signal }) =>
        this.#process.request('rewrite', () => ({ files: files(), selection }), { signal }),
    );
    this.#verifications = new FileRequests(
      (path) => path,
      (files, { selection, signal }) =>
        this.#process.request('verify', () => ({ files: files(), selection }), { signal }),
    );
  }

  /** Process id of the running child, for diagnosis. */
  get childPid(): number | undefined {
    return this.#process.pid;
  }

  async write({ signal, ...request }: WriteRequest): Promise<{ readonly rows: number; readonly bytes: number }> {
    return this.#cleaning(request.path, () => this.#process.request('write', request, { signal }));
  }

  find({ files, selection, signal }: FindRequest): Promise<readonly FileFinding[]> {
    return inTurn(files, (some) =>
      this.#among(some, (asked) => this.#process.request('find', { files: asked, selection }, { signal })),
    );
  }

  survey({ files, keyColumns, signal }: SurveyRequest): Promise<readonly SurveyedFile[]> {
    return inTurn(files, (some) =>
      this.#among(some, (asked) => this.#process.request('survey', { files: asked, keyColumns }, { signal })),
    );
  }

  async keys({ signal, ...request }: KeysRequest): Promise<KeysResult> {
    return this.#blaming(request.path, () => this.#process.request('keys', request, { signal }));
  }

  async index({ signal, ...request }: IndexRequest): Promise<IndexResult> {
    return this.#blaming(request.path, () => this.#process.request('index', request, { signal }));
  }

  async rewrite({ source, staged, selection, signal }: RewriteRequest): Promise<RewriteResult> {
    return this.#cleaning(staged, () =>
      this.#blaming(source, () => this.#rewrites.ask({ source, staged }, { selection, signal })),
    );
  }

  async profile({ signal, ...request }: ProfileRequest): Promise<ProfileResult> {
    return this.#blaming(request.path, () => this.#process.request('profile', request, { signal }));
  }

  async transform({ signal, transform: replace, ...request }: TransformRequest): Promise<RewriteResult> {
    const work = () =>
      this.#blaming(request.source, () => this.#process.request('transform', request, { signal, replace }));
    return request.staged === null ? work() : this.#cleaning(request.staged, work);
  }

  async verify({ path, selection, signal }: VerifyRequest): Promise<VerifyResult> {
    return this.#blaming(path, () => this.#verifications.ask(path, { selection, signal }));
  }

  async close(): Promise<void> {
    await this.#process.close();
  }

  /** A file that takes the child down is found by halves, so that it does not hide the others. */
  async #among<T>(
    files: readonly string[],
    ask: (files: readonly string[]) => Promise<readonly T[]>,
  ): Promise<readonly (T | Crashed)[]> {
    const [first, ...others] = files;
    if (first === undefined) return [];
    try {
      return await ask(files);
    } catch (error) {
      if (!isFileFault(error)) throw error;
      if (others.length === 0) return [{ path: first, error: 'UNREADABLE', reason: crashReason }];
      const middle = Math.ceil(files.length / 2);
      const answers: (T | Crashed)[] = [];
      for (const half of [files.slice(0, middle), files.slice(middle)]) answers.push(...(await this.#among(half, ask)));
      return answers;
    }
  }

  async #blaming<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isCrash(error)) throw error;
      throw new LinewardError('LAKE_FILE_UNREADABLE', `The lake file ${path} cannot be read: ${crashReason}.`, {
        cause: error,
        details: { path, reason: crashReason },
      });
    }
  }

  /** A killed child cannot remove its half-written file. */
  async #cleaning<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await Promise.all([path, `${path}.probe`].map((file) => rm(file, { force: true })));
      throw error;
    }
  }
}

async function inTurn<T>(
  files: readonly string[],
  ask: (some: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const answers: T[] = [];
  for (const some of requestsFor(files)) answers.push(...(await ask(some)));
  return answers;
}

/** Of Parquet a few columns or the end are read; a file that is read whole has the time of a request for itself. */
function requestsFor(files: readonly string[]): readonly (readonly string[])[] {
  const requests: string[][] = [];
  let isShared = false;
  for (const path of files) {
    const last = requests.at(-1);
    const mayShare = formatOf(path) === 'PARQUET';
    if (isShared && mayShare && last !== undefined && last.length < filesPerRequest) last.push(path);
    else requests.push([path]);
    isShared = mayShare;
  }
  return requests;
}

const isCrash = (error: unknown): boolean =>
  error instanceof LinewardError && error.code === 'LAKE_ENGINE_FAILED' && error.details.reason === crashed;

/** A crash, or a file that made DuckDB call its own state broken. */
const isFileFault = (error: unknown): boolean =>
  isCrash(error) || (error instanceof LinewardError && error.code === 'LAKE_FILE_UNREADABLE');
