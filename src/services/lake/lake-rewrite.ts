import { isNobody } from '../../domain/governance/selection.ts';
import type { Gap, TargetReceipt } from '../../domain/operations/target.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import type { OperationFile } from '../../entities/operation-file.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { Companion, ExecutionContext } from '../operations/ports.ts';
import { groupsAtOnce } from './file-groups.ts';
import { isSameContent } from './file-identity.ts';
import { FileProgress } from './file-progress.ts';
import { FileRewrite, type LakeRewriteDeps, untouched } from './file-rewrite.ts';
import type { FileSearched } from './file-search.ts';
import { alone, apart, JointSelection, type JudgedSelection } from './joint-selection.ts';
import { type FileTaken, OperationFiles } from './operation-files.ts';
import type { FileIdentity } from './ports.ts';
import { forgetRefused } from './refused-versions.ts';
import type { RewriteAction } from './rewrite-action.ts';
import { rewriteReceipt } from './rewrite-receipt.ts';
import { tableGap } from './table-gap.ts';

/** Passes over the listing: a writer that never rests must not hold an operation for ever. */
const passesMax = 10;
/** Files of one pass at which the engine may fail before the rest is left for the next try. */
const engineFailuresMax = 3;
/** Files searched and recorded at a time. */
const filesPerChunk = 256;

const goneReason = 'the file is gone';

/** A file that has to be rewritten, and how many of its records for. */
interface Matching {
  readonly file: FileIdentity;
  readonly matches: number;
}

/** What is rewritten how. */
export interface RewriteWork {
  readonly context: ExecutionContext;
  readonly table: LakeTable;
  readonly action: RewriteAction;
  /** Operations whose records go in the same pass. */
  readonly companions?: readonly Companion[] | undefined;
}

/**
 * Rewrites the files of one table as an action says. It lists the table, works on every file that is new or changed since it was last
 * judged, and lists again until there is none. What was done is in `operation_file`; after a crash the files themselves
 * tell how far it was.
 */
export class LakeRewrite {
  readonly #deps: LakeRewriteDeps;
  readonly #context: ExecutionContext;
  readonly #table: LakeTable;
  readonly #action: RewriteAction;
  readonly #files: OperationFiles;
  readonly #file: FileRewrite;
  #records: ReadonlyMap<string, OperationFile> = new Map();
  readonly #joint: JointSelection;

  constructor(deps: LakeRewriteDeps, { context, table, action, companions = [] }: RewriteWork) {
    this.#deps = deps;
    this.#context = context;
    this.#table = table;
    this.#action = action;
    const { targetId } = context.place;
    this.#files = new OperationFiles(deps.em, { targetId, fencingToken: context.lease.fencingToken });
    this.#joint = new JointSelection({ notary: deps.notary, mark: action.mark }, context, companions);
    const judge = () => this.#joint.now();
    this.#file = new FileRewrite(deps, { context, table, files: this.#files, action, judge });
  }

  /** @throws LinewardError LEASE_LOST, CANCELLED, URGENT_FIRST, LAKE_ENGINE_FAILED; call again then, it goes on where it was. */
  async run(): Promise<TargetReceipt> {
    try {
      await this.#recover();
      const gap = await this.#passes();
      const records = [...(await this.#files.byPath()).values()];
      return this.#receipt(records, gap === null ? [] : [gap]);
    } finally {
      await this.#file.removeStaged();
    }
  }

  /** The receipt of a run that ended before its end. Swaps that took place are put on record first. */
  async soFar(): Promise<TargetReceipt> {
    try {
      await this.#settleSwaps();
      const records = [...(await this.#files.byPath()).values()];
      const unwritten = records.filter(({ state }) => state === 'PLANNED' || state === 'STAGED').length;
      const reason = `${unwritten} file(s) were found that are to be rewritten, and were not`;
      const dataset = this.#context.place.name;
      return this.#receipt(records, unwritten === 0 ? [] : [{ code: 'FILES_NOT_REWRITTEN', dataset, reason }]);
    } finally {
      await this.#file.removeStaged();
    }
  }

  #receipt(records: readonly OperationFile[], open: readonly Gap[]): TargetReceipt {
    return rewriteReceipt({ dataset: this.#context.place.name, erases: this.#action.erases }, records, open);
  }

  /**
   * Completes the record of swaps that took place right before an interruption, whoever made them: once the file is rewritten
   * again nobody could tell. All else is simply searched again.
   */
  async #recover(): Promise<void> {
    await this.#context.lease.assertHeld();
    await forgetRefused(this.#deps, this.#context.place);
    await this.#settleSwaps();
  }

  async #settleSwaps(): Promise<void> {
    for (const files of [this.#files, ...(await this.#files.brokenOff())])
      for (const record of (await files.byPath()).values()) {
        if (record.state !== 'STAGED') continue;
        const after = await this.#deps.store.stat(record.path);
        if (await this.#file.wasSwapped(record, after)) await this.#file.settle(record.path, after, files);
      }
    const swapped = [...(await this.#files.byPath()).values()].filter(({ state }) => state === 'SWAPPED');
    const paths = swapped.map(({ path }) => path);
    await this.#deps.index.refresh(this.#table, paths, this.#context.place);
  }

  async #passes(): Promise<Gap | null> {
    const { place } = this.#context;
    for (let pass = 0; pass < passesMax; pass += 1) {
      const judged = await this.#joint.now();
      if (isNobody(judged.own)) return null;
      const gap = await tableGap(this.#deps, place, this.#table);
      if (gap !== null) return gap;
      const listed = await this.#deps.store.list(this.#table.location);
      this.#records = await this.#files.byPath();
      await this.#dropGone(listed, judged);
      const pending = listed.filter((file) => !isSettled(this.#records.get(file.path), file, judged.digest));
      if (pending.length === 0) return null;
      await this.#pass(pending, { judged, progress: new FileProgress(listed, pending, this.#recordsDone()) });
    }
    const reason = `files were still being added or changed after ${passesMax} passes`;
    return { code: 'LAKE_FILE_CHANGED', dataset: place.name, reason };
  }

  /** Of earlier passes, and of workers before. */
  #recordsDone(): number {
    const swapped = [...this.#records.values()].filter(({ state }) => state === 'SWAPPED' || state === 'VERIFIED');
    return swapped.reduce((sum, { found }) => sum + (found ?? 0), 0);
  }

  async #pass(
    pending: readonly FileIdentity[],
    scope: { readonly judged: JudgedSelection; readonly progress: FileProgress },
  ): Promise<void> {
    const { judged, progress } = scope;
    const context = this.#context;
    const putOff: LinewardError[] = [];
    for (let start = 0; start < pending.length; start += filesPerChunk) {
      await context.lease.assertHeld();
      const chunk = pending.slice(start, start + filesPerChunk);
      if (start > 0) await context.giveWay?.();
      const matching = await this.#search(chunk, judged);
      const matches = new Map(matching.map((one) => [one.file, one.matches]));
      for (const file of chunk) if (!matches.has(file)) progress.finish(file);
      await context.report(progress.now());
      for (const group of groupsAtOnce([...matches.keys()], this.#action)) {
        await context.giveWay?.();
        await this.#file.prepare(group);
        for (const file of group) {
          await context.giveWay?.();
          if (await this.#rewriteOrPutOff(file, putOff)) progress.finish(file, matches.get(file));
          await context.report(progress.now());
        }
      }
    }
    const [failure] = putOff;
    if (failure !== undefined) throw failure;
  }

  /** One file that is too much for the engine must not keep all others from being rewritten: false where it has to wait. */
  async #rewriteOrPutOff(file: FileIdentity, putOff: LinewardError[]): Promise<boolean> {
    try {
      await this.#file.rewrite(file);
      return true;
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'LAKE_ENGINE_FAILED') throw error;
      putOff.push(error);
      if (putOff.length >= engineFailuresMax) throw error;
      return false;
    }
  }

  /** Searches some files, records what was found, and answers those that have to be rewritten. */
  async #search(chunk: readonly FileIdentity[], judged: JudgedSelection): Promise<readonly Matching[]> {
    const searched = await this.#searched(chunk, judged);
    const taken: FileTaken[] = [];
    const confirmed: string[] = [];
    for (const found of searched) {
      if (found.code !== undefined) {
        // A file that went away or changed while it was read is no damaged file; the next pass sees what it is.
        if (isSameContent(await this.#deps.store.stat(found.file.path), found.file)) taken.push(takenOf(found));
      } else if (found.matches === 0 && isDone(this.#records.get(found.file.path), found.file)) {
        confirmed.push(found.file.path);
      } else if (found.matches > 0 || !(await this.#settledLate(found.file.path, found.file)))
        taken.push(takenOf(found));
    }
    await this.#files.take(taken, judged.digest);
    await this.#files.confirm(confirmed, judged.digest);
    const planned = new Set(taken.filter(({ state }) => state === 'PLANNED').map(({ file }) => file));
    return searched.flatMap((found) =>
      found.code === undefined && planned.has(found.file) ? [{ file: found.file, matches: found.matches }] : [],
    );
  }

  /** A worker that was thought dead may swap what it had staged after its successor has looked for that: it is put on record then. */
  async #settledLate(path: string, identity: FileIdentity | null): Promise<boolean> {
    const record = this.#records.get(path);
    if (record?.state !== 'STAGED' || !(await this.#file.wasSwapped(record, identity))) return false;
    await this.#file.settle(path, identity);
    return true;
  }

  /** Files that are refused for the sake of those who come along are searched for the own selection alone. */
  async #searched(chunk: readonly FileIdentity[], judged: JudgedSelection): Promise<readonly FileSearched[]> {
    const { place, signal } = this.#context;
    const search = (files: readonly FileIdentity[], { selection }: JudgedSelection) =>
      this.#action.search(files, { table: this.#table, place, selection, signal });
    const searched = await apart(judged, (asked) => search(chunk, asked));
    const refused = searched.filter(({ code }) => code === 'LAKE_TABLE_REFUSED').map(({ file }) => file);
    if (judged.companions.length === 0 || refused.length === 0) return searched;
    const again = await search(refused, alone(judged));
    const byPath = new Map(again.map((found) => [found.file.path, found]));
    return searched.map((found) => byPath.get(found.file.path) ?? found);
  }

  /** A file that was to be rewritten, or could not be, and no longer exists holds nothing. */
  async #dropGone(listed: readonly FileIdentity[], judged: JudgedSelection): Promise<void> {
    const paths = new Set(listed.map(({ path }) => path));
    const gone = [...this.#records.values()].filter(
      ({ path, state }) => !paths.has(path) && (state === 'PLANNED' || state === 'STAGED' || state === 'OPEN'),
    );
    const taken: FileTaken[] = [];
    for (const { path, sourceBytes: bytes, sourceVersion: version } of gone) {
      if (await this.#settledLate(path, null)) continue;
      taken.push({ file: { path, bytes, version }, state: 'SKIPPED', code: 'NOT_FOUND', reason: goneReason });
    }
    await this.#files.take(taken, judged.digest);
  }
}

function takenOf(found: FileSearched): FileTaken {
  if (found.code !== undefined) return { file: found.file, state: 'OPEN', code: found.code, reason: found.reason };
  if (found.matches > 0) return { file: found.file, state: 'PLANNED' };
  return untouched(found.file, found.gaps ?? []);
}

/** True for a file that still is as we swapped it in. */
function isDone(record: OperationFile | undefined, file: FileIdentity): boolean {
  if (record?.state !== 'SWAPPED' && record?.state !== 'VERIFIED') return false;
  return record.versionAfter === file.version && record.bytesAfter === file.bytes;
}

/** True for a file that was judged by this selection and has not changed since. */
function isSettled(record: OperationFile | undefined, file: FileIdentity, digest: string): boolean {
  if (record?.selectionDigest !== digest) return false;
  if (record.state === 'SWAPPED' || record.state === 'VERIFIED') return isDone(record, file);
  if (record.state !== 'SKIPPED' && record.state !== 'OPEN') return false;
  return isSameContent({ bytes: record.sourceBytes, version: record.sourceVersion }, file);
}
