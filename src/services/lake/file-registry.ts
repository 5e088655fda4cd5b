import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { newId } from '../../domain/id.ts';
import type { LakeFileStanding, LakeTable } from '../../entities/lake-table.entity.ts';
import { isSameContent } from './file-identity.ts';
import type { FileIdentity, LakeStore } from './ports.ts';
import type { SubjectIndex } from './subject-index.ts';

export interface FileRegistryDeps {
  readonly em: EntityManager;
  readonly store: LakeStore;
  readonly index: Pick<SubjectIndex, 'purge'>;
}

interface KnownFile extends FileIdentity {
  readonly id: string;
  readonly standing: LakeFileStanding;
}

const knownRow = z.object({
  id: z.string(),
  path: z.string(),
  bytes: z.coerce.number(),
  version: z.string(),
  standing: z.enum(['EXPECTED', 'FOUND', 'MISSING']),
});

const rowsPerStatement = 1_000;

/**
 * Brings what is registered of a table that others write up to a listing of it. What the index knows of files that are gone or
 * other than they were goes with that; rows that a verification asks for stay, since a disk may only be away.
 */
export class FileRegistry {
  readonly #deps: FileRegistryDeps;

  constructor(deps: FileRegistryDeps) {
    this.#deps = deps;
  }

  /** Safe to repeat after a kill, and beside operations on the table. */
  async bringUpToDate(table: LakeTable, signal: AbortSignal): Promise<void> {
    // Before the listing: what lands in the registry in between is then listed, and not taken for gone.
    const known = await this.#known(table);
    const listed = await this.#deps.store.list(table.location);
    const gone = new Map(known);
    const [added, changed]: [FileIdentity[], (FileIdentity & Pick<KnownFile, 'id'> & { was: string })[]] = [[], []];
    for (const file of listed) {
      const row = known.get(file.path);
      gone.delete(file.path);
      if (row === undefined) added.push(file);
      else if (!isSameContent(row, file) || row.standing === 'MISSING')
        changed.push({ ...file, id: row.id, was: row.version });
    }
    for (const some of chunksOf(added)) {
      signal.throwIfAborted();
      await this.#add(table, some);
    }
    for (const some of chunksOf(changed)) {
      signal.throwIfAborted();
      await this.#change(some);
    }
    for (const row of gone.values()) {
      signal.throwIfAborted();
      if (row.standing !== 'MISSING') await this.#drop(table, row);
    }
  }

  async #known(table: LakeTable): Promise<ReadonlyMap<string, KnownFile>> {
    const rows = await this.#deps.em
      .fork()
      .execute('select id, path, bytes, version, standing from lake_file where table_id = ?', [table.id]);
    return new Map(rows.map((raw) => knownRow.parse(raw)).map((row) => [row.path, row]));
  }

  async #add(table: LakeTable, files: readonly FileIdentity[]): Promise<void> {
    await this.#deps.em.fork().execute(
      `insert into lake_file (id, table_id, path, bytes, version, rows, standing, created_at, updated_at)
       select f.id, ?, f.path, f.bytes, f.version, 0, 'FOUND', now(), now()
       from jsonb_to_recordset(?::jsonb) as f(id text, path text, bytes bigint, version text)
       on conflict (table_id, path) do nothing`,
      [table.id, JSON.stringify(files.map((file) => ({ id: newId(), ...file })))],
    );
  }

  /** An operation may have rewritten a file since it was listed: its record is the newer one and stays. */
  async #change(files: readonly object[]): Promise<void> {
    await this.#deps.em.fork().execute(
      `update lake_file f set bytes = n.bytes, version = n.version, indexed_version = null, segment_bytes = null,
         standing = case f.standing when 'MISSING' then 'EXPECTED' else f.standing end, updated_at = now()
       from jsonb_to_recordset(?::jsonb) as n(id text, was text, bytes bigint, version text)
       where f.id = n.id and f.version = n.was`,
      [JSON.stringify(files)],
    );
  }

  async #drop(table: LakeTable, { id, path, standing }: KnownFile): Promise<void> {
    await this.#deps.em.fork().transactional(async (tx) => {
      const [row] = await tx.execute<unknown[]>('select 1 from lake_file where id = ? for update', [id]);
      // Somebody put it back after the listing, or an operation removed it.
      if (row === undefined || (await this.#deps.store.stat(path)) !== null) return;
      await this.#deps.index.purge(table, id);
      if (standing === 'FOUND') await tx.execute('delete from lake_file where id = ?', [id]);
      else
        await tx.execute(
          `update lake_file set standing = 'MISSING', indexed_version = null, segment_bytes = null, updated_at = now()
           where id = ?`,
          [id],
        );
    });
  }
}

const chunksOf = <File>(files: readonly File[]): readonly (readonly File[])[] =>
  Array.from({ length: Math.ceil(files.length / rowsPerStatement) }, (_, index) =>
    files.slice(index * rowsPerStatement, (index + 1) * rowsPerStatement),
  );
