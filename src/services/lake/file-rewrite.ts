import type { EntityManager } from '@mikro-orm/postgresql';
import type { Selection } from '../../domain/governance/selection.ts';
import { asksForDigest, recoveryOf } from '../../domain/lake/file-state.ts';
import type { Gap } from '../../domain/operations/target.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import type { OperationFile } from '../../entities/operation-file.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ExecutionContext, Notary } from '../operations/ports.ts';
import { ContentMarks } from './content-marks.ts';
import { isSameContent } from './file-identity.ts';
import type { FileSearchDeps } from './file-search.ts';
import { apart, type JudgedSelection } from './joint-selection.ts';
import type { FileShares, FileTaken, OperationFiles } from './operation-files.ts';
import type { FileIdentity } from './ports.ts';
import type { RewriteAction, StagedFile } from './rewrite-action.ts';

export interface LakeRewriteDeps extends FileSearchDeps {
  readonly em: EntityManager;
  readonly notary: Notary;
}

export interface FileRewriteScope {
  readonly context: ExecutionContext;
  readonly table: LakeTable;
  readonly files: OperationFiles;
  readonly action: RewriteAction;
  /** Reads holds again. */
  readonly judge: () => Promise<JudgedSelection>;
}

interface StagedForAll {
  readonly result: StagedFile;
  readonly shares: FileShares | null;
}

/** A file that was staged ahead of its turn, or what kept it from that. */
interface Prepared {
  readonly file: FileIdentity;
  readonly digest: string;
  readonly staged: string;
  made(): Promise<StagedForAll>;
}

/** Attempts at one file whose content or holds change under the work, before it is reported open. */
const attemptsMax = 4;

/** Faults of one file; the others go on. */
const fileFaults: readonly string[] = ['LAKE_FILE_UNREADABLE', 'LAKE_TABLE_REFUSED', 'LAKE_CHECK_FAILED'];

/** Takes one file from PLANNED to SWAPPED: stages what it becomes, reads holds again, swaps, purges the index. */
export class FileRewrite {
  readonly #deps: LakeRewriteDeps;
  readonly #scope: FileRewriteScope;
  readonly #marks: ContentMarks;
  readonly #folder: string;
  readonly #token: number;
  #staged = 0;
  #prepared: ReadonlyMap<string, Prepared> = new Map();

  constructor(deps: LakeRewriteDeps, scope: FileRewriteScope) {
    this.#deps = deps;
    this.#scope = scope;
    this.#marks = new ContentMarks(deps.em);
    this.#folder = `${stagingFolder(scope.table)}/${scope.context.operationId}`;
    this.#token = scope.context.lease.fencingToken;
  }

  /**
   * Stages some files at one time, ahead of their turns; nothing of it is on record. What comes of a file counts when it is its
   * turn, and only if neither it nor the selection has changed until then. Where the engine failed, as for a disk that has no room
   * for all of them, a file is staged in its turn.
   */
  async prepare(files: readonly FileIdentity[]): Promise<void> {
    this.#prepared = new Map();
    if (files.length < 2) return;
    const judged = await this.#scope.judge();
    const settled = await Promise.all(
      files.map(async (file): Promise<Prepared | null> => {
        const staged = this.#nextStaged();
        const [made] = await Promise.allSettled([this.#stage(file, staged, judged)]);
        if (made.status === 'rejected' && !isOfFile(made.reason)) return null;
        return { file, digest: judged.digest, staged, made: async () => settledWith(made) };
      }),
    );
    this.#prepared = new Map(settled.flatMap((one) => (one === null ? [] : [[one.file.path, one]])));
  }

  /** The file is recorded as PLANNED; afterwards it is SWAPPED, SKIPPED or OPEN, or it is gone and still PLANNED. */
  async rewrite(planned: FileIdentity): Promise<void> {
    const { files, judge } = this.#scope;
    let file = planned;
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if ((await this.#attempt(file)) === 'DONE') return;
      const now = await this.#deps.store.stat(file.path);
      if (now === null) return;
      file = now;
      await files.take([{ file, state: 'PLANNED' }], (await judge()).digest);
    }
    const reason = `the file or the legal holds changed ${attemptsMax} times while it was worked on`;
    await files.open(file.path, 'PLANNED', { code: 'LAKE_FILE_CHANGED', reason });
  }

  /** True when a swap that is not on record took place, by what is at the path now. */
  async wasSwapped(
    file: Pick<OperationFile, 'path' | 'state' | 'sourceBytes' | 'sourceVersion' | 'stagedSha256'>,
    identity: FileIdentity | null,
  ): Promise<boolean> {
    const source = { bytes: file.sourceBytes, version: file.sourceVersion };
    const record = { state: file.state, source, stagedSha256: file.stagedSha256 ?? null };
    const sha256 = asksForDigest(record, identity) ? await this.#deps.store.sha256(file.path) : null;
    return recoveryOf(record, { identity, sha256 }) === 'MARK_SWAPPED';
  }

  /** Records a swap that took place, with what is at the path now; null if the file was removed. `files`: whose it was. */
  async settle(path: string, after: FileIdentity | null, files = this.#scope.files): Promise<void> {
    const { em, index } = this.#deps;
    const { table, context } = this.#scope;
    const versionsKept = await this.#deps.store.forgetVersions(path);
    await em.fork().transactional(async (tx) => {
      const [known] = await tx.execute<{ id: string }[]>(
        'select id from lake_file where table_id = ? and path = ? for update',
        [table.id, path],
      );
      await files.swappedIn(tx, path, { after, versionsKept });
      await files.share(tx, path);
      if (known === undefined) return;
      // Before the swap is on record, so that no crash can leave the trace of an erased subject behind.
      await index.purge(table, known.id);
      if (after === null) await tx.execute('delete from lake_file where id = ?', [known.id]);
      else {
        await tx.execute(
          `update lake_file f set bytes = ?, version = ?, rows = o.rows_after, indexed_version = null, updated_at = now()
           from operation_file o where f.id = ? and o.target_id = ? and o.path = f.path`,
          [after.bytes, after.version, known.id, files.targetId],
        );
      }
    });
    await index.refresh(table, [path], context.place);
  }

  /**
   * Removes staged files of this worker and of all before it, whichever operation they worked for: staged rows would
   * escape a later operation. A later worker's are in use.
   */
  async removeStaged(): Promise<void> {
    const { store } = this.#deps;
    const parent = stagingFolder(this.#scope.table);
    for (const operationId of await store.names(parent)) {
      const folder = `${parent}/${operationId}`;
      for (const name of await store.names(folder)) {
        const token = /^(\d+)-\d+\.staged/u.exec(name)?.[1];
        if (token !== undefined && Number(token) <= this.#token) await store.remove(`${folder}/${name}`);
      }
      await this.#removeEmpty(folder);
    }
    await this.#removeEmpty(parent);
  }

  async #removeEmpty(folder: string): Promise<void> {
    if ((await this.#deps.store.names(folder)).length === 0) await this.#deps.store.remove(folder);
  }

  async #attempt(file: FileIdentity): Promise<'DONE' | 'CHANGED'> {
    const { store } = this.#deps;
    const { files, context, judge } = this.#scope;
    const judged = await judge();
    const prepared = await this.#preparedFor(file, judged);
    const staged = prepared?.staged ?? this.#nextStaged();
    const stage = () => prepared?.made() ?? this.#stage(file, staged, judged);
    const made = await this.#faultless(file, 'PLANNED', stage);
    if (typeof made === 'string') return made;
    const { result, shares } = made;
    if (result.found === 0) {
      await files.take([untouched(file, result.facts?.gaps ?? [])], judged.digest);
      await store.remove(staged);
      return 'DONE';
    }
    await this.#marks.carry(result, result.metadata ?? {});
    await files.stage(file.path, { result, shares }, judged.digest);
    await context.lease.assertHeld();
    if ((await judge()).digest !== judged.digest) return 'CHANGED';
    if (shares !== null && !(await files.claim(file.path, shares))) return 'CHANGED';
    const after = await this.#faultless(file, 'STAGED', async () => {
      if (result.stagedSha256 !== null) return { swapped: await store.swapIf(file, staged) };
      await store.removeIf(file);
      return { swapped: null };
    });
    if (after === 'DONE') return after;
    if (after === 'CHANGED') return this.#settledBefore(file, result);
    await this.settle(file.path, after.swapped);
    return 'DONE';
  }

  /** The token keeps a worker that was thought dead from writing what its successor is about to swap in. */
  #nextStaged(): string {
    this.#staged += 1;
    return `${this.#folder}/${this.#token}-${this.#staged}.staged`;
  }

  /** What was made of a file ahead, once; what was made of something else than is asked for now is thrown away. */
  async #preparedFor(file: FileIdentity, { digest }: JudgedSelection): Promise<Prepared | null> {
    const known = this.#prepared.get(file.path);
    if (known === undefined) return null;
    this.#prepared = new Map([...this.#prepared].filter(([path]) => path !== file.path));
    if (known.digest === digest && isSameContent(known.file, file)) return known;
    await this.#deps.store.remove(known.staged);
    return null;
  }

  /** A worker that was thought dead may have put the very same copy there, in the moment before. */
  async #settledBefore(
    { path, bytes: sourceBytes, version: sourceVersion }: FileIdentity,
    { stagedSha256 }: StagedFile,
  ): Promise<'DONE' | 'CHANGED'> {
    const now = await this.#deps.store.stat(path);
    const record = { path, state: 'STAGED' as const, sourceBytes, sourceVersion, stagedSha256 };
    if (!(await this.wasSwapped(record, now))) return 'CHANGED';
    await this.settle(path, now);
    return 'DONE';
  }

  #stage(file: FileIdentity, staged: string, judged: JudgedSelection): Promise<StagedForAll> {
    return this.#deps.store.reading([file.path], ([source = '']) =>
      apart(judged, (asked) => this.#stageFor({ source, staged: this.#deps.store.stagingPath(staged) }, asked)),
    );
  }

  async #stageFor(
    paths: { readonly source: string; readonly staged: string },
    judged: JudgedSelection,
  ): Promise<StagedForAll> {
    const { action, table, context } = this.#scope;
    const scope = { table, place: context.place, selection: judged.selection, signal: context.signal };
    const result = await action.stage(paths, scope);
    const isShared = judged.companions.length > 0 && result.found > 0;
    return { result, shares: isShared ? await this.#sharesIn(paths.source, judged) : null };
  }

  /** How many records of a file each operation asked for. One that several ask for counts for each. */
  async #sharesIn(source: string, { own, companions }: JudgedSelection): Promise<FileShares> {
    const others: FileShares['companions'][number][] = [];
    for (const { targetId, selection, digest } of companions)
      others.push({ targetId, digest, found: await this.#matchesIn(source, selection) });
    return { own: await this.#matchesIn(source, own), companions: others.filter(({ found }) => found > 0) };
  }

  async #matchesIn(source: string, selection: Selection): Promise<number> {
    const { action, table, context } = this.#scope;
    const { place, signal } = context;
    return (await action.see(source, { table, place, selection, signal })).left;
  }

  /** Runs one step; a fault of the file itself is recorded as OPEN, unless the file changed under the step. */
  async #faultless<T>(file: FileIdentity, from: 'PLANNED' | 'STAGED', step: () => Promise<T>) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof LinewardError)) throw error;
      if (error.code === 'LAKE_FILE_CHANGED') return 'CHANGED';
      if (!fileFaults.includes(error.code)) throw error;
      if (!isSameContent(await this.#deps.store.stat(file.path), file)) return 'CHANGED';
      await this.#scope.files.open(file.path, from, { code: error.code, reason: reasonOf(error) });
      return 'DONE';
    }
  }
}

const isOfFile = (error: unknown): boolean =>
  error instanceof LinewardError && (fileFaults.includes(error.code) || error.code === 'LAKE_FILE_CHANGED');

function settledWith<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'fulfilled') return settled.value;
  throw settled.reason;
}

const stagingFolder = (table: LakeTable): string => `${table.location}/_erasure`;

/** A file in which nothing was to be done, or nothing could be. */
export function untouched(file: FileIdentity, gaps: readonly Omit<Gap, 'dataset'>[]): FileTaken {
  const [gap] = gaps;
  if (gap === undefined) return { file, state: 'SKIPPED' };
  const reason = gaps.map((one) => one.reason).join('; ');
  return { file, state: 'OPEN', code: gap.code, reason, gaps };
}

/** The engine's short reason, which has no absolute path in it. */
function reasonOf({ details, message }: LinewardError): string {
  if (typeof details.reason === 'string') return details.reason;
  return Array.isArray(details.faults) ? details.faults.join('; ') : message;
}
