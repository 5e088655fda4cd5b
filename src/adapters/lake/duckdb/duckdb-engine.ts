import { rm } from 'node:fs/promises';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type {
  FileFinding,
  FindRequest,
  KeysRequest,
  KeysResult,
  LakeEngine,
  ProfileRequest,
  ProfileResult,
  RewriteRequest,
  RewriteResult,
  TransformRequest,
  VerifyRequest,
  VerifyResult,
  WriteRequest,
} from '../../../services/lake/ports.ts';
import { crashed, EngineProcess, type EngineProcessOptions } from './engine-process.ts';

/** Files of one request: bounds a request's time, and how much is asked again after a crash. */
const filesPerRequest = 256;

const crashReason = 'the engine process crashed reading it';

/** The default lake engine: DuckDB in a child process. Use one per worker slot; requests of one engine queue up. */
export class DuckdbEngine implements LakeEngine {
  readonly #process: EngineProcess;

  /** `memoryLimitMb`, `threads`: DuckDB's; `timeoutMs` per request; `tempDir` holds spilled rows while they are needed. */
  constructor(options: EngineProcessOptions) {
    this.#process = new EngineProcess(options);
  }

  /** Process id of the running child, for diagnosis. */
  get childPid(): number | undefined {
    return this.#process.pid;
  }

  async write({ signal, ...request }: WriteRequest): Promise<{ readonly rows: number; readonly bytes: number }> {
    return this.#cleaning(request.path, () => this.#process.request('write', request, { signal }));
  }

  async find({ files, selection, signal }: FindRequest): Promise<readonly FileFinding[]> {
    const findings: FileFinding[] = [];
    for (let start = 0; start < files.length; start += filesPerRequest) {
      const some = files.slice(start, start + filesPerRequest);
      findings.push(...(await this.#findAmong({ files: some, selection, signal })));
    }
    return findings;
  }

  async keys({ signal, ...request }: KeysRequest): Promise<KeysResult> {
    return this.#blaming(request.path, () => this.#process.request('keys', request, { signal }));
  }

  async rewrite({ signal, ...request }: RewriteRequest): Promise<RewriteResult> {
    return this.#cleaning(request.staged, () =>
      this.#blaming(request.source, () => this.#process.request('rewrite', request, { signal })),
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

  async verify({ signal, ...request }: VerifyRequest): Promise<VerifyResult> {
    return this.#blaming(request.path, () => this.#process.request('verify', request, { signal }));
  }

  async close(): Promise<void> {
    await this.#process.close();
  }

  /** A file that takes the child down is found by halves, so that it does not hide the others. */
  async #findAmong({ signal, ...request }: FindRequest): Promise<readonly FileFinding[]> {
    const [first, ...others] = request.files;
    if (first === undefined) return [];
    try {
      return await this.#process.request('find', request, { signal });
    } catch (error) {
      if (!isFileFault(error)) throw error;
      if (others.length === 0) return [{ path: first, error: 'UNREADABLE', reason: crashReason }];
      const middle = Math.ceil(request.files.length / 2);
      const halves = [request.files.slice(0, middle), request.files.slice(middle)];
      const findings: FileFinding[] = [];
      for (const files of halves) findings.push(...(await this.#findAmong({ ...request, files, signal })));
      return findings;
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

const isCrash = (error: unknown): boolean =>
  error instanceof LinewardError && error.code === 'LAKE_ENGINE_FAILED' && error.details.reason === crashed;

/** A crash, or a file that made DuckDB call its own state broken. */
const isFileFault = (error: unknown): boolean =>
  isCrash(error) || (error instanceof LinewardError && error.code === 'LAKE_FILE_UNREADABLE');
