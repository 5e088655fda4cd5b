import type { EntityManager } from '@mikro-orm/postgresql';
import { type FileState, moveFile } from '../../domain/lake/file-state.ts';
import {
  type OperationFile,
  type OperationFileFacts,
  OperationFileSchema,
} from '../../entities/operation-file.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';
import type { FileIdentity, KeptVersion } from './ports.ts';
import type { StagedFile } from './rewrite-action.ts';

/** A file as it is taken up under a selection; whatever was recorded of its path before gives way. */
export interface FileTaken {
  readonly file: FileIdentity;
  readonly state: Extract<FileState, 'PLANNED' | 'SKIPPED' | 'OPEN'>;
  readonly code?: string | undefined;
  readonly reason?: string | undefined;
  /** What stays undone in a file that can be read. */
  readonly gaps?: OperationFileFacts['gaps'] | undefined;
}

/** How many records of one file go on behalf of whom, where several operations share a pass. */
export interface FileShares {
  readonly own: number;
  readonly companions: readonly { readonly targetId: string; readonly digest: string; readonly found: number }[];
}

/** Each task writes its fencing token into its target first; a later token there means that this worker was replaced. */
const isCurrent = 'exists (select 1 from operation_target t where t.id = target_id and t.fencing_token <= ?)';

/**
 * The record of a target's files. Every write carries the fencing token of the lease, so that a worker which was thought
 * dead and comes back changes nothing: it gets LEASE_LOST.
 */
export class OperationFiles {
  readonly #em: EntityManager;
  readonly #targetId: string;
  readonly #fencingToken: number;

  constructor(em: EntityManager, target: { readonly targetId: string; readonly fencingToken: number }) {
    this.#em = em;
    this.#targetId = target.targetId;
    this.#fencingToken = target.fencingToken;
  }

  get targetId(): string {
    return this.#targetId;
  }

  /** Records of other targets of the table whose work was broken off between staging and the record of the swap. */
  async brokenOff(): Promise<readonly OperationFiles[]> {
    const rows = await this.#em.fork().execute<{ id: string }[]>(
      `select t.id from operation_target t join operation_target own on own.id = ? and own.dataset_id = t.dataset_id
       where t.id <> own.id and t.status = 'EXECUTING' and t.fencing_token <= ?
         and exists (select 1 from operation_file f where f.target_id = t.id and f.state = 'STAGED') order by t.id`,
      [this.#targetId, this.#fencingToken],
    );
    return rows.map(({ id }) => new OperationFiles(this.#em, { targetId: id, fencingToken: this.#fencingToken }));
  }

  async byPath(): Promise<ReadonlyMap<string, OperationFile>> {
    const records = await this.#em
      .fork()
      .find(OperationFileSchema, { targetId: this.#targetId }, { orderBy: { path: 'asc' } });
    return new Map(records.map((record) => [record.path, record]));
  }

  async take(files: readonly FileTaken[], selectionDigest: string): Promise<void> {
    if (files.length === 0) return;
    const records = files.map(({ file, state, code, reason, gaps }) => ({ ...file, state, code, reason, gaps }));
    const taken = await this.#em.fork().execute<unknown[]>(
      `insert into operation_file (target_id, path, state, source_bytes, source_version, selection_digest, code, reason,
                                   facts, updated_at)
       select t.id, f.path, f.state, f.bytes, f.version, ?, f.code, f.reason,
              case when f.gaps is not null then jsonb_build_object('counts', '{}'::jsonb, 'gaps', f.gaps) end, now()
       from jsonb_to_recordset(?::jsonb)
         as f(path text, state text, bytes bigint, version text, code text, reason text, gaps jsonb)
       join operation_target t on t.id = ? and t.fencing_token <= ?
       on conflict (target_id, path) do update set
         state = excluded.state, source_bytes = excluded.source_bytes, source_version = excluded.source_version,
         selection_digest = excluded.selection_digest, staged_sha256 = null, version_after = null, code = excluded.code,
         reason = excluded.reason, updated_at = excluded.updated_at,
         facts = case when excluded.facts is null then operation_file.facts
                 else coalesce(operation_file.facts, excluded.facts) || jsonb_build_object('gaps', excluded.facts -> 'gaps') end
       returning 1`,
      [selectionDigest, JSON.stringify(records), this.#targetId, this.#fencingToken],
    );
    if (taken.length < files.length) throw new LinewardError('LEASE_LOST');
  }

  /** Files that were rewritten before, and have no match under a newer selection either. */
  async confirm(paths: readonly string[], selectionDigest: string): Promise<void> {
    if (paths.length === 0) return;
    await this.#em.fork().execute(
      `update operation_file set selection_digest = ?, updated_at = now()
       where target_id = ? and path = any(?::text[]) and ${isCurrent}`,
      [selectionDigest, this.#targetId, textArray(paths), this.#fencingToken],
    );
  }

  stage(
    path: string,
    { result, shares }: { readonly result: StagedFile; readonly shares: FileShares | null },
    selectionDigest: string,
  ): Promise<void> {
    const facts = shares === null ? result.facts : sharedFacts(result, shares);
    return this.#move(
      this.#em.fork(),
      path,
      { from: 'PLANNED', to: 'STAGED' },
      {
        selection_digest: selectionDigest,
        staged_sha256: result.stagedSha256,
        rows_before: result.rowsBefore,
        rows_after: result.rowsAfter,
        found: shares?.own ?? result.found,
        facts: facts === undefined ? null : JSON.stringify(facts),
      },
    );
  }

  /** `after`: null when the file was removed. */
  async swappedIn(
    tx: EntityManager,
    path: string,
    { after, versionsKept }: { readonly after: FileIdentity | null; readonly versionsKept: readonly KeptVersion[] },
  ): Promise<void> {
    await this.#move(
      tx,
      path,
      { from: 'STAGED', to: 'SWAPPED' },
      {
        bytes_after: after?.bytes ?? 0,
        version_after: after?.version ?? null,
      },
    );
    if (versionsKept.length > 0)
      await tx.execute(
        `update operation_file set facts = coalesce(facts, '{"counts": {}, "gaps": []}') || jsonb_build_object('versionsKept', ?::jsonb)
         where target_id = ? and path = ?`,
        [JSON.stringify(versionsKept), this.#targetId, path],
      );
    // Once for each swap: the move above happens only from STAGED.
    await tx.execute('update operation_file set erased = erased + found where target_id = ? and path = ?', [
      this.#targetId,
      path,
    ]);
  }

  /**
   * Begins the work of those that come along with a staged file, right before the swap: one that is cancelled from here on has
   * a certificate, which says what was done. False when one of them was cancelled by now, or has ended.
   */
  async claim(path: string, { companions }: FileShares): Promise<boolean> {
    if (companions.length === 0) return true;
    const claimed = await this.#em.fork().execute<unknown[]>(
      `update operation_target t set status = 'EXECUTING', fencing_token = greatest(t.fencing_token, ?), updated_at = now()
       from operation_file f, jsonb_to_recordset(f.facts -> 'companions') as c("targetId" text)
       where f.target_id = ? and f.path = ? and t.id = c."targetId" and t.status in ('PENDING', 'EXECUTING') returning 1`,
      [this.#fencingToken, this.#targetId, path],
    );
    return claimed.length === companions.length;
  }

  /**
   * Puts a swap on the records of those that came along, as if they had done it: their own runs then find the file as it is to
   * be, and their certificates tell it. Whatever became of them since they were claimed: the swap took place.
   */
  async share(tx: EntityManager, path: string): Promise<void> {
    await tx.execute(
      `with mine as (
         select f.*, t.dataset_id from operation_file f join operation_target t on t.id = f.target_id
         where f.target_id = ? and f.path = ? and f.facts -> 'companions' is not null
       ), shared as (
         select t.id, c.digest, c.found
         from mine, jsonb_to_recordset(mine.facts -> 'companions') as c("targetId" text, digest text, found bigint),
           operation_target t where t.id = c."targetId" and t.dataset_id = mine.dataset_id
       )
       insert into operation_file (target_id, path, state, source_bytes, source_version, selection_digest, staged_sha256,
         rows_before, rows_after, found, erased, bytes_after, version_after, facts, updated_at)
       select shared.id, mine.path, 'SWAPPED', mine.source_bytes, mine.source_version, shared.digest, mine.staged_sha256,
         mine.rows_before, mine.rows_after, shared.found, shared.found, mine.bytes_after, mine.version_after,
         jsonb_strip_nulls(jsonb_build_object('gaps', '[]'::jsonb, 'versionsKept', mine.facts -> 'versionsKept', 'counts',
           jsonb_build_object('erasedForOthers', mine.rows_before - mine.rows_after - shared.found))), now()
       from shared, mine
       on conflict (target_id, path) do update set
         state = excluded.state, source_bytes = excluded.source_bytes, source_version = excluded.source_version,
         selection_digest = excluded.selection_digest, staged_sha256 = excluded.staged_sha256,
         rows_before = excluded.rows_before, rows_after = excluded.rows_after, found = excluded.found,
         erased = operation_file.erased + excluded.erased, bytes_after = excluded.bytes_after,
         version_after = excluded.version_after, facts = excluded.facts, code = null, reason = null, updated_at = now()`,
      [this.#targetId, path],
    );
  }

  async open(path: string, from: FileState, fault: { readonly code: string; readonly reason: string }): Promise<void> {
    await this.#move(this.#em.fork(), path, { from, to: 'OPEN' }, fault);
  }

  async verified(paths: readonly string[]): Promise<void> {
    const state = moveFile('SWAPPED', 'VERIFIED');
    await this.#em.fork().execute(
      `update operation_file set state = ?, updated_at = now()
       where target_id = ? and path = any(?::text[]) and state = 'SWAPPED' and ${isCurrent}`,
      [state, this.#targetId, textArray(paths), this.#fencingToken],
    );
  }

  async #move(
    em: EntityManager,
    path: string,
    states: { readonly from: FileState; readonly to: FileState },
    facts: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const columns = Object.keys(facts).map((column) => `${column} = ?`);
    const moved = await em.execute<unknown[]>(
      `update operation_file set ${columns.join(', ')}, state = ?, updated_at = now()
       where target_id = ? and path = ? and state = ? and ${isCurrent} returning 1`,
      [
        ...Object.values(facts),
        moveFile(states.from, states.to),
        this.#targetId,
        path,
        states.from,
        this.#fencingToken,
      ],
    );
    if (moved.length === 0) throw new LinewardError('LEASE_LOST');
  }
}

function sharedFacts(
  { rowsBefore, rowsAfter, facts }: StagedFile,
  { own, companions }: FileShares,
): OperationFileFacts {
  const counts = { ...facts?.counts, erasedForOthers: rowsBefore - rowsAfter - own };
  return { gaps: facts?.gaps ?? [], counts, companions };
}
