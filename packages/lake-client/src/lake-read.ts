import type { LakeReadColumn, LakeReadFile, LakeReadGrant } from './grant.ts';
import { LakeReadError } from './lake-read-error.ts';
import { type DuckdbConnection, relationOfFiles, relationOfRows } from './relation.ts';
import { rowLines } from './row-stream.ts';
import { type LakeRow, rowOf } from './values.ts';

export interface RowsOptions {
  /** Most rows. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RelationOptions extends RowsOptions {
  /** Name of the relation; one that is there is replaced. */
  readonly name?: string | undefined;
  /** `files`: only by the files; `service`: only by rows of the service. By itself it takes files that it can reach. */
  readonly from?: 'files' | 'service' | undefined;
}

/** How a read asks the service. */
export interface ReadWays {
  grant(): Promise<LakeReadGrant>;
  fetchPath(path: string, signal?: AbortSignal): Promise<Response>;
}

/** A read that was granted: its schema and files, and its rows when they are asked for, any number of times. */
export class LakeRead implements AsyncIterable<LakeRow> {
  readonly #ways: ReadWays;
  #grant: LakeReadGrant;

  constructor(grant: LakeReadGrant, ways: ReadWays) {
    this.#grant = grant;
    this.#ways = ways;
  }

  /** All that the service has told. Another one once files were replaced and the read had to be opened again. */
  get grant(): LakeReadGrant {
    return this.#grant;
  }

  get columns(): readonly LakeReadColumn[] {
    return this.#grant.columns;
  }

  get files(): readonly LakeReadFile[] {
    return this.#grant.files;
  }

  [Symbol.asyncIterator](): AsyncGenerator<LakeRow> {
    return this.rows();
  }

  /**
   * The rows, no faster than they are taken. A file that is replaced before the first row makes the read begin anew, once; later
   * it ends with LAKE_FILE_CHANGED, since rows have gone out that may not be there any more. @throws LakeReadError
   */
  async *rows(options: RowsOptions = {}): AsyncGenerator<LakeRow> {
    let isBegun = false;
    for (let attempt = 0; ; attempt += 1) {
      try {
        for await (const lines of this.#lines(options)) {
          isBegun = true;
          for (const line of lines) yield rowOf(this.columns, JSON.parse(line) as unknown[]);
        }
        return;
      } catch (error) {
        if (isBegun || attempt > 0 || !isChanged(error)) throw error;
        this.#grant = await this.#ways.grant();
      }
    }
  }

  /**
   * Makes a relation of a DuckDB connection, and answers its name: a view of the files where this reader may read them and can, else a
   * temporary table of the rows that the service answers. @throws LakeReadError
   */
  async relation(connection: DuckdbConnection, options: RelationOptions = {}): Promise<string> {
    const { name = 'lake_read', from, limit, signal } = options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        const isDone =
          from !== 'service' &&
          (await relationOfFiles(connection, name, { grant: this.#grant, limit, isForced: from === 'files' }));
        if (!isDone)
          await relationOfRows(connection, name, { columns: this.columns, lines: this.#lines({ limit, signal }) });
        return name;
      } catch (error) {
        if (attempt > 0 || !isChanged(error)) throw error;
        this.#grant = await this.#ways.grant();
      }
    }
  }

  async *#lines({ limit, signal }: RowsOptions): AsyncGenerator<readonly string[]> {
    const gone = new AbortController();
    const stop = signal === undefined ? gone.signal : AbortSignal.any([signal, gone.signal]);
    try {
      const query = limit === undefined ? '' : `?limit=${limit}`;
      yield* rowLines(await this.#ways.fetchPath(`${this.#grant.rows}${query}`, stop));
    } finally {
      gone.abort();
    }
  }
}

const isChanged = (error: unknown): boolean => error instanceof LakeReadError && error.code === 'LAKE_FILE_CHANGED';
