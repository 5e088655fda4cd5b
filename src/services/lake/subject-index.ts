import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { SubjectSelector } from '../../domain/governance/selection.ts';
import { keyHash, risingNumbers, secretDigits, segmentHolds } from '../../domain/lake/index-segment.ts';
import type { Logger } from '../../domain/logger.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { Notary } from '../operations/ports.ts';
import { textArray } from '../sql.ts';
import { groupsOf } from './file-groups.ts';
import { isSameContent } from './file-identity.ts';
import type { FileIdentity, LakeEngine, LakeStore } from './ports.ts';

/** Columns by which the records of a place name accounts and subjects. */
export interface KeyColumns {
  readonly accountField: string;
  readonly subjectFields: readonly string[];
}

export interface SubjectIndexDeps {
  readonly em: EntityManager;
  readonly store: LakeStore;
  readonly engine: LakeEngine;
  readonly notary: Notary;
  readonly logger: Logger;
}

/** Files above this are not indexed but scanned: their distinct keys would not fit the engine's memory. */
const indexedRowsMax = 5_000_000;
/** Segments that are held in memory at a time. */
const segmentBytesMax = 64 * 1024 * 1024;

const registeredRow = z.object({
  id: z.string(),
  path: z.string(),
  bytes: z.coerce.number(),
  version: z.string(),
  rows: z.coerce.number(),
  segment_bytes: z.coerce.number(),
});

/** What becomes of the segment of one file. */
export interface SegmentBuild {
  readonly fileId: string;
  /** The first names accounts. */
  readonly columns: readonly string[];
  /** Only for the content that the registry has; otherwise the registry takes over what is there. */
  readonly asRegistered: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Which subjects a file may hold: one small segment per file with the sorted keyed hashes of its distinct keys.
 * It spares scans and is never the authority: a file without a segment made for exactly its present content and for the
 * asked columns is scanned. It tells that a subject was there, so an erasure removes it with the rows.
 */
export class SubjectIndex {
  readonly #deps: SubjectIndexDeps;

  constructor(deps: SubjectIndexDeps) {
    this.#deps = deps;
  }

  /** Removes what the index knows of a file; the caller holds the lock of the file's row. */
  async purge(table: LakeTable, fileId: string): Promise<void> {
    const segment = placeOf(table, fileId);
    for (const path of [segment, stagedOf(segment)]) await this.#deps.store.remove(path);
  }

  /**
   * Makes the segments of those registered files that lack a good one, and brings the registry up to what the store
   * has. A file that cannot be indexed stays without; only the search for it is slower.
   */
  async refresh(table: LakeTable, paths: readonly string[], keys: KeyColumns): Promise<void> {
    const columns = columnsOf(keys);
    const stale = await this.#deps.em.fork().execute<{ id: string }[]>(
      `select id from lake_file where table_id = ? and path = any(?::text[])
         and (indexed_version is distinct from version or not indexed_columns @> ?::text[]) order by path`,
      [table.id, textArray(paths), textArray(columns)],
    );
    for (const { id } of stale) await this.build(table, { fileId: id, columns, asRegistered: false });
  }

  /** Makes the segment of one file, or notes why there is none: the file is scanned then. */
  async build(table: LakeTable, build: SegmentBuild): Promise<void> {
    const em = this.#deps.em.fork();
    const { fileId } = build;
    // First, so that a segment which a crash leaves between store and registry is never taken for that of another content.
    await em.execute('update lake_file set indexed_version = null, segment_bytes = null where id = ?', [fileId]);
    // The row lock keeps two writers of one segment apart, so that the segment of erased rows cannot come back.
    const make = () => em.transactional((tx) => this.#indexIn(tx, table, build));
    try {
      await make().catch((error: unknown) => (isKill(error) ? make() : Promise.reject(error)));
    } catch (error) {
      if (!isLeftToScan(error)) throw error;
      this.#deps.logger.warn({ tableId: table.id, fileId, code: error.code }, 'a lake file was not indexed');
      await em.transactional((tx) => this.#leaveIn(tx, table, build, error));
    }
  }

  /** Rows by path of those files that the index proves to hold no record under `act`. */
  async withoutMatch(
    table: LakeTable,
    files: readonly FileIdentity[],
    act: {
      readonly accountField: string;
      readonly selectors: readonly SubjectSelector[];
      readonly signal?: AbortSignal;
    },
  ): Promise<ReadonlyMap<string, number>> {
    const keys = act.selectors.map(({ accountId, subject }) =>
      subject === undefined
        ? { column: act.accountField, value: accountId }
        : { column: subject.field, value: subject.value },
    );
    const asked = new Set(keys.map(({ column }) => column));
    const segments = await this.#segmentsOf(table, files, { accountField: act.accountField, asked });
    const secret = this.#secretOf(table);
    const hashes = risingNumbers(keys.map((key) => keyHash(secret, key)));
    const free = new Map<string, number>();
    for (const group of groupsOf(segments, Math.min(this.#deps.store.readBytesMax, segmentBytesMax))) {
      act.signal?.throwIfAborted();
      const contents = await this.#deps.store.contents(group.map(({ segment }) => segment));
      for (const [index, { path, rows }] of group.entries()) {
        const content = contents[index] ?? null;
        if (content !== null && segmentHolds(content, hashes) === false) free.set(path, rows);
      }
    }
    return free;
  }

  /** Segments that speak of exactly these files; the account column first, since files are refused by it. */
  async #segmentsOf(
    table: LakeTable,
    files: readonly FileIdentity[],
    { accountField, asked }: { readonly accountField: string; readonly asked: ReadonlySet<string> },
  ) {
    const found = await this.#deps.em.fork().execute(
      `select id, path, bytes, version, rows, coalesce(segment_bytes, 0) as segment_bytes from lake_file
       where table_id = ? and path = any(?::text[]) and indexed_version = version
         and indexed_columns[1] = ? and indexed_columns @> ?::text[]`,
      [table.id, textArray(files.map(({ path }) => path)), accountField, textArray([...asked])],
    );
    const now = new Map(files.map((file) => [file.path, file]));
    const good = found.map((raw) => registeredRow.parse(raw)).filter((row) => isSameContent(now.get(row.path), row));
    return good.map(({ id, path, rows, segment_bytes }) => {
      return { segment: placeOf(table, id), path, rows, bytes: segment_bytes };
    });
  }

  async #indexIn(tx: EntityManager, table: LakeTable, build: SegmentBuild): Promise<void> {
    const { store, engine } = this.#deps;
    const { fileId, columns, asRegistered, signal } = build;
    const [row] = await tx.execute<{ path: string; bytes: string; version: string }[]>(
      'select path, bytes, version from lake_file where id = ? for update',
      [fileId],
    );
    if (row === undefined) return;
    const source = await store.stat(row.path);
    if (asRegistered && !isSameContent(source, { bytes: Number(row.bytes), version: row.version })) throw changed(row);
    if (source === null) {
      await this.purge(table, fileId);
      await tx.execute('delete from lake_file where id = ?', [fileId]);
      return;
    }
    const { rows, segment: hashed } = await store.reading([row.path], ([path = '']) =>
      engine.index({ path, columns, rowsMax: indexedRowsMax, secret: this.#secretOf(table), signal }),
    );
    const segment = placeOf(table, fileId);
    const staged = stagedOf(segment);
    await store.stage(staged, hashed);
    // What was read is what the segment speaks of only if nobody wrote the file meanwhile.
    if (!isSameContent(await store.stat(row.path), source)) {
      await store.remove(staged);
      throw changed(row);
    }
    await store.remove(segment);
    const { bytes } = await store.publish(staged, segment);
    await tx.execute(
      `update lake_file set bytes = ?, version = ?, rows = ?, indexed_version = ?, indexed_columns = ?::text[],
         segment_bytes = ?, index_fault = null, index_fault_version = null, updated_at = now() where id = ?`,
      [source.bytes, source.version, rows, source.version, textArray(columns), bytes, fileId],
    );
  }

  /** What was known of an earlier content goes: it tells of subjects that may be gone. */
  async #leaveIn(tx: EntityManager, table: LakeTable, { fileId, columns }: SegmentBuild, { code }: LinewardError) {
    const [row] = await tx.execute<unknown[]>(
      'select 1 from lake_file where id = ? and indexed_version is null for update',
      [fileId],
    );
    // Another has indexed it meanwhile.
    if (row === undefined) return;
    await this.purge(table, fileId);
    await tx.execute(
      `update lake_file set index_fault = ?, index_fault_version = version, indexed_columns = ?::text[], updated_at = now()
       where id = ?`,
      [code, textArray(columns), fileId],
    );
  }

  /** Of a table: what reads its files is told it, and could read their keys anyway. */
  #secretOf({ id }: LakeTable): string {
    return this.#deps.notary.digest(`subject index ${id}`).slice(0, secretDigits);
  }
}

/**
 * Segment of a registered file, relative to the store's root. Nothing is laid into directories of others, whose readers may
 * take every file for data.
 */
const placeOf = (table: LakeTable, fileId: string): string =>
  `${table.origin === 'LANDED' ? `${table.location}/_index` : `_lineward/index/${table.id}`}/${fileId}.keys`;

const stagedOf = (segment: string): string => `${segment}.staged`;

export const columnsOf = ({ accountField, subjectFields }: KeyColumns): readonly string[] => [
  ...new Set([accountField, ...subjectFields]),
];

const isLeftToScan = (error: unknown): error is LinewardError =>
  error instanceof LinewardError &&
  ['LAKE_FILE_UNREADABLE', 'LAKE_TABLE_REFUSED', 'LAKE_ENGINE_FAILED', 'LAKE_FILE_CHANGED'].includes(error.code);

/** An engine that is killed from outside says nothing of the file; once more tells whether it was the file after all. */
const isKill = (error: unknown): boolean =>
  error instanceof LinewardError && error.code === 'LAKE_ENGINE_FAILED' && error.details.reason === 'KILLED';

const changed = ({ path }: { readonly path: string }): LinewardError =>
  new LinewardError('LAKE_FILE_CHANGED', `The lake file ${path} changed while it was indexed.`, { details: { path } });
