import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { prepareConnection } from './duckdb-session.ts';
import { type SentSelection, selectionsKeptMax } from './engine-protocol.ts';
import { SelectionTables } from './selection-tables.ts';

interface Kept {
  readonly connection: DuckDBConnection;
  readonly tables: SelectionTables;
}

/**
 * Selections of the child with the connections that hold their tables: the files of an operation are asked about the same
 * selectors, of which there may be hundreds of thousands.
 */
export class KeptSelections {
  readonly #instance: DuckDBInstance;
  /** The one used longest ago first. */
  readonly #kept = new Map<number, Kept>();

  constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  async use<T>(sent: SentSelection, work: (connection: DuckDBConnection, tables: SelectionTables) => Promise<T>) {
    const { connection, tables } = await this.#of(sent);
    return work(connection, tables);
  }

  async #of({ number, selection }: SentSelection): Promise<Kept> {
    const known = this.#kept.get(number);
    this.#kept.delete(number);
    const kept = known ?? (await this.#load(selection));
    this.#kept.set(number, kept);
    for (const [oldest, { connection }] of this.#kept) {
      if (this.#kept.size <= selectionsKeptMax) break;
      connection.closeSync();
      this.#kept.delete(oldest);
    }
    return kept;
  }

  async #load(selection: SentSelection['selection']): Promise<Kept> {
    if (selection === null) throw new LinewardError('INTERNAL', 'A selection was not sent, and is not known either.');
    const connection = await this.#instance.connect();
    await prepareConnection(connection);
    return { connection, tables: await SelectionTables.load(connection, selection) };
  }
}
