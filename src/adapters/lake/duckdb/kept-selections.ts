import type { DuckDBInstance } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { EngineSelection } from '../../../services/lake/ports.ts';
import type { SelectedRows } from '../file-format.ts';
import { RowJudge } from '../records/row-judge.ts';
import { prepareConnection } from './duckdb-session.ts';
import type { SentSelection } from './engine-protocol.ts';
import { RecentSelections } from './recent-selections.ts';
import { SelectionTables } from './selection-tables.ts';

interface Kept extends Omit<SelectedRows, 'judge'> {
  readonly selection: EngineSelection;
  judge: RowJudge | null;
}

/**
 * Selections of the child with the connections that hold their tables: the files of an operation are asked about the same
 * selectors, of which there may be hundreds of thousands.
 */
export class KeptSelections {
  readonly #instance: DuckDBInstance;
  readonly #recent = new RecentSelections();
  readonly #kept = new Map<number, Kept>();
  readonly #tempDir: string;

  constructor(instance: DuckDBInstance, tempDir: string) {
    this.#instance = instance;
    this.#tempDir = tempDir;
  }

  async use<T>(sent: SentSelection, work: (rows: SelectedRows) => Promise<T>): Promise<T> {
    const kept = await this.#of(sent);
    const { connection, tables, tempDir, selection } = kept;
    const rows = {
      connection,
      tables,
      tempDir,
      /** Made when it is asked for: it holds all selectors once more. */
      get judge(): RowJudge {
        kept.judge ??= new RowJudge(selection);
        return kept.judge;
      },
    };
    return work(rows);
  }

  async #of({ number, selection }: SentSelection): Promise<Kept> {
    const kept = this.#kept.get(number) ?? (await this.#load(selection));
    this.#kept.set(number, kept);
    for (const old of this.#recent.use(number, kept.selection)) {
      this.#kept.get(old)?.connection.closeSync();
      this.#kept.delete(old);
    }
    return kept;
  }

  async #load(selection: SentSelection['selection']): Promise<Kept> {
    if (selection === null) throw new LinewardError('INTERNAL', 'A selection was not sent, and is not known either.');
    const connection = await this.#instance.connect();
    await prepareConnection(connection);
    const tables = await SelectionTables.load(connection, selection);
    return { connection, tables, tempDir: this.#tempDir, selection, judge: null };
  }
}
