import { type LakeTable, LakeTableSchema } from '../../entities/lake-table.entity.ts';
import type { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';
import { FileRegistry, type FileRegistryDeps } from './file-registry.ts';
import { columnsOf, type SubjectIndex } from './subject-index.ts';

export interface TableIndexerDeps extends FileRegistryDeps {
  readonly index: SubjectIndex;
  /**
   * How long a file must be known unchanged before it is indexed: the time stamps of a disk are coarse, and a change right
   * behind the reading could hide in one.
   */
  readonly restMs: number;
  /** A step ends after about this long, so that one large table does not keep others waiting. */
  readonly stepMs: number;
}

interface Run {
  readonly signal: AbortSignal;
  readonly report: (progress: { readonly done: number; readonly total: number }) => Promise<void>;
}

interface Round {
  readonly table: LakeTable;
  /** The first names accounts. */
  readonly columns: readonly string[];
}

const filesPerQuery = 100;

/**
 * Files of a table that the index neither speaks of as they are nor has given up. What lands after the look is of the next
 * round, so that this one has an end.
 */
const pending = `table_id = ? and standing <> 'MISSING'
  and (standing = 'FOUND' or created_at <= (select listed_at from lake_index where id = table_id))
  and (indexed_columns[1] is distinct from ?
  or not indexed_columns @> ?::text[]
  or (indexed_version is distinct from version and index_fault_version is distinct from version))`;

/**
 * Keeps the subject index of tables. A round lists a table that others write, and indexes what is new or changed, or what a
 * landing was kept from indexing, file by file, in steps; each file is on record when it is done, so a step after a kill goes on behind it.
 */
export class TableIndexer {
  readonly #deps: TableIndexerDeps;
  readonly #registry: FileRegistry;

  constructor(deps: TableIndexerDeps) {
    this.#deps = deps;
    this.#registry = new FileRegistry(deps);
  }

  /** One step of a round, the first of a new one when the last has ended. */
  async run(tableId: string, { signal, report }: Run): Promise<void> {
    const until = performance.now() + this.#deps.stepMs;
    const round = await this.#roundOf(tableId);
    if (round === null) return;
    await this.#begin(round.table, signal);
    const total = await this.#count(`table_id = ? and standing <> 'MISSING'`, [tableId]);
    let left = await this.#count(pending, pendingOf(round));
    await report({ done: total - left, total });
    for (let some = await this.#next(round); some.length > 0; some = await this.#next(round))
      for (const fileId of some) {
        signal.throwIfAborted();
        if (performance.now() > until) return;
        await this.#deps.index.build(round.table, { fileId, columns: round.columns, asRegistered: true, signal });
        left -= 1;
        await report({ done: Math.min(total, total - left), total });
      }
    if ((await this.#count(pending, pendingOf(round))) > 0) return;
    await this.#deps.em
      .fork()
      .execute('update lake_index set as_of = listed_at, fault = null, failed_at = null where id = ?', [tableId]);
  }

  /** Puts on record why a step failed, so that it is not tried again at once. */
  async fail(tableId: string, { code }: LinewardError): Promise<void> {
    await this.#deps.em
      .fork()
      .execute('update lake_index set fault = ?, failed_at = now() where id = ?', [code, tableId]);
  }

  async #begin(table: LakeTable, signal: AbortSignal): Promise<void> {
    const em = this.#deps.em.fork();
    const [worked] = await em.execute<{ at: string }[]>(
      'select now()::text as at from lake_index where id = ? and listed_at is not distinct from as_of',
      [table.id],
    );
    if (worked === undefined) return;
    // What may be otherwise by now. A file that is too much for the engine must not take its time in each round.
    await em.execute(
      `update lake_file set index_fault = null, index_fault_version = null
       where table_id = ? and (index_fault = 'LAKE_FILE_CHANGED'
         or (index_fault = 'LAKE_ENGINE_FAILED' and updated_at < now() - interval '1 hour'))`,
      [table.id],
    );
    // Landings register what they write themselves.
    if (table.origin === 'REGISTERED') await this.#registry.bringUpToDate(table, signal);
    await em.execute('update lake_index set listed_at = ?::timestamptz where id = ?', [worked.at, table.id]);
  }

  /** Columns of the oldest mapping, and of others that find accounts by the same one. */
  async #roundOf(tableId: string): Promise<Round | null> {
    const em = this.#deps.em.fork();
    const table = await em.findOne(LakeTableSchema, { id: tableId });
    if (table === null) return null;
    const mappings = await em.execute<{ account_field: string; subject_fields: string[] }[]>(
      `select account_field, subject_fields from mapping where dataset_id = ? and role = 'LAKE_TABLE'
       order by created_at, id`,
      [table.datasetId],
    );
    const [first] = mappings;
    if (first === undefined) return null;
    const alike = mappings.filter(({ account_field }) => account_field === first.account_field);
    const subjectFields = alike.flatMap(({ subject_fields }) => subject_fields);
    return { table, columns: columnsOf({ accountField: first.account_field, subjectFields }) };
  }

  async #next(round: Round): Promise<readonly string[]> {
    const rows = await this.#deps.em.fork().execute<{ id: string }[]>(
      `select id from lake_file where ${pending} and updated_at <= now() - make_interval(secs => ?)
       order by path limit ${filesPerQuery}`,
      [...pendingOf(round), this.#deps.restMs / 1_000],
    );
    return rows.map(({ id }) => id);
  }

  async #count(condition: string, values: readonly unknown[]): Promise<number> {
    const [row] = await this.#deps.em
      .fork()
      .execute<{ files: string }[]>(`select count(*) as files from lake_file where ${condition}`, [...values]);
    return Number(row?.files);
  }
}

const pendingOf = ({ table, columns }: Round): readonly unknown[] => [table.id, columns[0], textArray(columns)];
