import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { ColumnTexts } from '../../../services/lake/ports.ts';
import type {
  ChildSettings,
  EngineBatch,
  EngineCall,
  EngineReply,
  EngineVerb,
  EngineVerbs,
} from './engine-protocol.ts';
import { SentSelections } from './sent-selections.ts';

/** Node runs the source as it is and the build as it is; only the ending differs. */
const childModule = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './engine-child.ts' : './engine-child.js', import.meta.url),
);

export interface EngineProcessOptions {
  readonly memoryLimitMb: number;
  readonly threads: number;
  readonly timeoutMs: number;
  readonly tempDir: string;
  readonly logger?: { warn(facts: object, message: string): void } | undefined;
}

interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly replace?: ((texts: ColumnTexts) => Promise<ColumnTexts>) | undefined;
}

/** Signals by which a process dies of its own doing; SIGKILL comes from outside (an operator, the OOM killer). */
const crashSignals: readonly NodeJS.Signals[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP'];

/** How a child ended under a request, in `details.reason` of LAKE_ENGINE_FAILED. */
export const crashed = 'CRASHED';

/**
 * One child process that answers one request at a time. It starts with the first request, is killed on timeout and on
 * abort, and is started again with the request after its end.
 */
export class EngineProcess {
  readonly #options: EngineProcessOptions;
  #child: ChildProcess | null = null;
  #selections = new SentSelections();
  #tail: Promise<unknown> = Promise.resolve();
  #lastId = 0;
  #closed = false;

  constructor(options: EngineProcessOptions) {
    this.#options = options;
  }

  /** Process id of the running child, if there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Queues one request; one that is a function is asked for when its turn comes. LAKE_ENGINE_FAILED when the child dies or takes too long, CANCELLED by `signal`. `replace` answers
   * the batches of a transformation, each of which begins the time anew; what it throws ends the request and the child.
   */
  request<V extends EngineVerb>(
    verb: V,
    request: EngineVerbs[V]['request'] | (() => EngineVerbs[V]['request']),
    { signal, replace }: RequestOptions = {},
  ): Promise<EngineVerbs[V]['result']> {
    const answer = this.#tail.then(() =>
      this.#send(verb, typeof request === 'function' ? request() : request, { signal, replace }),
    );
    this.#tail = answer.catch(() => undefined);
    return answer;
  }

  /** Ends the child; running and queued requests fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (child === null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  #send<V extends EngineVerb>(
    verb: V,
    request: EngineVerbs[V]['request'],
    { signal, replace }: RequestOptions,
  ): Promise<EngineVerbs[V]['result']> {
    if (signal?.aborted) return Promise.reject(cancelled());
    if (this.#closed) return Promise.reject(ended('CLOSED', 'was closed'));
    const child = this.#child ?? this.#start();
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        child.off('message', onMessage).off('exit', onExit).off('error', onError);
        act();
      };
      const onMessage = (reply: EngineReply | EngineBatch): void => {
        if (reply.id !== id) return;
        if ('texts' in reply) {
          timer.refresh();
          // A stage that fails leaves a child that waits for ever.
          const fail = (error: unknown): void => {
            this.#discard(child);
            settle(() => reject(error));
          };
          void replaceIn(reply, replace).then((answer) => child.send(answer, (error) => error && onError(error)), fail);
          return;
        }
        // The verb of a reply is the verb of its request; the type cannot say so across the process border.
        if (reply.ok) settle(() => resolve(reply.result as EngineVerbs[V]['result']));
        else {
          if (reply.retire) this.#discard(child);
          const { code, message, details } = reply.failure;
          settle(() => reject(new LinewardError(code, message, { details })));
        }
      };
      const onExit = (code: number | null, by: NodeJS.Signals | null): void =>
        settle(() => reject(this.#closed ? ended('CLOSED', 'was closed') : exitFailure(code, by)));
      const onError = (error: Error): void => {
        this.#discard(child);
        settle(() => reject(ended('UNREACHABLE', 'could not be started or reached', error)));
      };
      const onAbort = (): void => {
        this.#discard(child);
        settle(() => reject(cancelled()));
      };
      const timer = setTimeout(() => {
        this.#discard(child);
        this.#options.logger?.warn({ verb, timeoutMs: this.#options.timeoutMs }, 'lake engine killed on timeout');
        settle(() => reject(ended('TIMEOUT', `took longer than ${this.#options.timeoutMs} ms and was stopped`)));
      }, this.#options.timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      child.on('message', onMessage).on('exit', onExit).on('error', onError);
      const sent = 'selection' in request ? { ...request, selection: this.#selections.of(request.selection) } : request;
      child.send({ id, verb, request: sent } as EngineCall, (error) => error && onError(error));
    });
  }

  #start(): ChildProcess {
    const { memoryLimitMb, threads } = this.#options;
    mkdirSync(this.#options.tempDir, { recursive: true });
    const tempDir = mkdtempSync(join(this.#options.tempDir, 'duckdb-'));
    const settings: ChildSettings = { memoryLimitMb, threads, tempDir };
    const child = fork(childModule, [JSON.stringify(settings)], {
      serialization: 'advanced',
      execArgv: [],
      // The process that reads foreign files gets no secrets, and its output could quote what it reads.
      env: { TZ: 'UTC' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#child = null;
      // Rows that DuckDB spilled to disk must not outlive it.
      rmSync(tempDir, { recursive: true, force: true });
      if (signal !== null && !this.#closed) this.#options.logger?.warn({ code, signal }, 'lake engine process ended');
    });
    child.on('error', () => child.kill('SIGKILL'));
    this.#child = child;
    this.#selections = new SentSelections();
    return child;
  }

  #discard(child: ChildProcess): void {
    if (this.#child === child) this.#child = null;
    child.kill('SIGKILL');
  }
}

async function replaceIn({ texts, ...place }: EngineBatch, replace: RequestOptions['replace']): Promise<EngineBatch> {
  if (replace === undefined) throw new LinewardError('INTERNAL', 'A request without a transformation got a batch.');
  return { ...place, texts: await replace(texts) };
}

function cancelled(): LinewardError {
  return new LinewardError('CANCELLED', 'The work of the lake engine was cancelled.');
}

function exitFailure(code: number | null, signal: NodeJS.Signals | null): LinewardError {
  const isCrash = signal === null ? code !== 0 : crashSignals.includes(signal);
  return ended(isCrash ? crashed : 'KILLED', `ended under the request (${signal ?? `exit code ${code}`})`);
}

function ended(reason: string, what: string, cause?: Error): LinewardError {
  return new LinewardError('LAKE_ENGINE_FAILED', `The lake engine's process ${what}; try again.`, {
    details: { reason },
    cause,
  });
}
