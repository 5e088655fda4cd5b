import type { DuckDBConnection } from '@duckdb/node-api';
import type { FileLayout } from './parquet-facts.ts';

/**
 * How many threads DuckDB works with. The unit of its work is a row group: a file that has only one is copied no sooner by two
 * threads, and at up to twice the processor time.
 */
export class EngineThreads {
  readonly #most: number;
  #now: number;

  constructor(most: number) {
    this.#most = most;
    this.#now = most;
  }

  /** As many as a file has row groups, and no more than there are. */
  fitTo(connection: DuckDBConnection, { rows, rowGroupRows }: FileLayout): Promise<void> {
    return this.#set(connection, rows > rowGroupRows ? this.#most : 1);
  }

  all(connection: DuckDBConnection): Promise<void> {
    return this.#set(connection, this.#most);
  }

  async #set(connection: DuckDBConnection, threads: number): Promise<void> {
    if (threads === this.#now) return;
    await connection.run(`SET threads = ${threads}`);
    this.#now = threads;
  }
}
