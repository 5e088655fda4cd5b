import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../domain/id.ts';
import type { Logger } from '../../domain/logger.ts';
import { isFileOfRun, type RunOutputs } from '../../domain/transform/run-state.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import { toLinewardError } from '../../errors/lineward-error.ts';
import type { FileIdentity, LakeStore } from '../lake/ports.ts';
import type { KeyColumns, SubjectIndex } from '../lake/subject-index.ts';

export interface PublisherDeps {
  readonly em: EntityManager;
  readonly store: LakeStore;
  readonly index: SubjectIndex;
  readonly logger: Logger;
}

/**
 * Puts the files of a run into its table and takes away those that they replace. New files come first, under names of their own: until
 * the last of them is there nothing is lost by beginning anew, and from then on nothing but removals is left to do.
 */
export class TablePublisher {
  readonly #deps: PublisherDeps;
  readonly #table: LakeTable;
  readonly #run: { readonly id: string; readonly number: number };

  constructor(deps: PublisherDeps, table: LakeTable, run: { readonly id: string; readonly number: number }) {
    this.#deps = deps;
    this.#table = table;
    this.#run = run;
  }

  /** Where files of the run are made aside. */
  get folder(): string {
    return `${this.#table.location}/_transform/${this.#run.id}`;
  }

  /** Takes back what the run has made, aside and in the table. */
  async undo(): Promise<void> {
    const { store } = this.#deps;
    await this.clean();
    for (const file of await store.list(this.#table.location))
      if (isFileOfRun(file.path, this.#run.number)) {
        await store.removeIf(file);
        await store.forgetVersions(file.path);
      }
  }

  /** Removes what lies aside. */
  async clean(): Promise<void> {
    const { store } = this.#deps;
    for (const name of await store.names(this.folder)) await store.remove(`${this.folder}/${name}`);
    await store.remove(this.folder);
    await store.remove(`${this.#table.location}/_transform`);
  }

  /**
   * Publishes all files; null when one is neither aside nor in the table, so that the run has to make them again. `assertHeld` comes
   * before each: a worker that lost the lease must not put rows where somebody erases.
   */
  async publish(
    { files }: RunOutputs,
    assertHeld: () => Promise<void>,
  ): Promise<readonly (FileIdentity & { readonly rows: number })[] | null> {
    const { store } = this.#deps;
    const published: (FileIdentity & { readonly rows: number })[] = [];
    for (const { staged, path, rows } of files) {
      await assertHeld();
      const isAside = (await store.stat(staged)) !== null;
      const identity = isAside ? await store.publish(staged, path) : await store.stat(path);
      if (identity === null) return null;
      published.push({ ...identity, rows });
    }
    return published;
  }

  async registerIn(tx: EntityManager, files: readonly (FileIdentity & { readonly rows: number })[]): Promise<void> {
    await tx.execute(
      `insert into lake_file (id, table_id, path, bytes, version, rows, created_at, updated_at)
       select f.id, ?, f.path, f.bytes, f.version, f.rows, now(), now()
       from jsonb_to_recordset(?::jsonb) as f(id text, path text, bytes bigint, version text, rows bigint)
       on conflict (table_id, path) do nothing`,
      [this.#table.id, JSON.stringify(files.map((file) => ({ id: newId(), ...file })))],
    );
  }

  /** What is replaced goes, whatever became of it meanwhile: its rows are in the new files. */
  async settle({ files, replaced }: RunOutputs, keys: KeyColumns | null): Promise<void> {
    const { em, store, index } = this.#deps;
    for (const path of replaced) {
      const file = await store.stat(path);
      if (file !== null) await store.removeIf(file);
      await store.forgetVersions(path);
      await em.fork().transactional(async (tx) => {
        const [known] = await tx.execute<{ id: string }[]>(
          'select id from lake_file where table_id = ? and path = ? for update',
          [this.#table.id, path],
        );
        if (known === undefined) return;
        await index.purge(this.#table, known.id);
        await tx.execute('delete from lake_file where id = ?', [known.id]);
      });
    }
    await this.clean();
    if (keys === null) return;
    await this.#index(
      files.map(({ path }) => path),
      keys,
    );
  }

  /** An index only saves work: what is not indexed now is by its own rounds. */
  async #index(paths: readonly string[], keys: KeyColumns): Promise<void> {
    try {
      await this.#deps.index.refresh(this.#table, paths, keys);
    } catch (error) {
      const { code } = toLinewardError(error);
      this.#deps.logger.warn({ tableId: this.#table.id, code }, 'files of a transformer were not indexed yet');
    }
  }
}
