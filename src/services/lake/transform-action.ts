import type { Selection } from '../../domain/governance/selection.ts';
import type { OperationFileFacts } from '../../entities/operation-file.entity.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { type ContentMarks, expectContentOf } from './content-marks.ts';
import { datesHeld, engineSelectionOf, type FileFound, type FileSearched, findIn } from './file-search.ts';
import type { FileIdentity, LakeEngine, LakeStore, ProfileResult, RewriteResult } from './ports.ts';
import type { ActionScope, FileSeen, RewriteAction, StagedFile } from './rewrite-action.ts';
import { type FileTransform, type TableTransformation, TransformTally } from './table-transformation.ts';

export interface TransformDeps {
  readonly store: LakeStore;
  readonly engine: LakeEngine;
  readonly marks: Pick<ContentMarks, 'profile'>;
}

/** Replaces values in the rows of the selection. */
export class TransformAction implements RewriteAction {
  readonly erases = false;
  /** Values cross file by file, and are asked of keys that may be gone by the next. */
  readonly filesAtOnce = 1;
  readonly #deps: TransformDeps;
  readonly #transformation: TableTransformation;

  constructor(deps: TransformDeps, transformation: TableTransformation) {
    this.#deps = deps;
    this.#transformation = transformation;
  }

  get mark(): unknown {
    return this.#transformation.mark;
  }

  /** The rows of files in which there is something to do; which of them will change shows when their values are read. */
  async search(files: readonly FileIdentity[], scope: ActionScope): Promise<readonly FileSearched[]> {
    const { place, selection, signal } = scope;
    const findings = await findIn(this.#deps, files, { selection: engineSelectionOf(place, selection), signal });
    const searched: FileSearched[] = [];
    for (const [index, file] of files.entries()) {
      const finding = findings[index];
      if (finding === undefined) throw new LinewardError('INTERNAL', 'The lake engine left a file without an answer.');
      if (finding.error !== undefined) {
        const code = finding.error === 'REFUSED' ? 'LAKE_TABLE_REFUSED' : 'LAKE_FILE_UNREADABLE';
        searched.push({ file, code, reason: finding.reason });
        continue;
      }
      const found: FileSearched =
        finding.matches === 0 ? { file, ...counted(finding) } : await this.#needed(file, finding, scope);
      const dated = datesHeld(finding);
      const isTold = found.code !== undefined || dated === null;
      searched.push(isTold ? found : { ...found, gaps: [...(found.gaps ?? []), dated] });
    }
    return searched;
  }

  /** Of a file with rows of the selection: whether there is something to do to them, and what cannot be done. */
  async #needed(
    file: FileIdentity,
    finding: { readonly rows: number; readonly matches: number },
    { selection, signal }: ActionScope,
  ): Promise<FileSearched> {
    const { store } = this.#deps;
    const profiled = ([path = '']: readonly string[]) => this.#profile(path, signal);
    try {
      const profile = await store.reading([file.path], profiled);
      if (this.#transformation.of(profile) === null)
        return { file, ...counted(finding), matches: 0, gaps: this.#transformation.gapsOf(profile) };
    } catch (error) {
      if (!(error instanceof LinewardError) || !isFileFault(error.code)) throw error;
      const reason = typeof error.details.reason === 'string' ? error.details.reason : error.message;
      return { file, code: error.code, reason };
    }
    if (this.#transformation.isOnceOnly && selection.everyone !== true)
      return { file, code: 'LAKE_TABLE_REFUSED', reason: 'tokens are made once, for all accounts at a time' };
    return { file, ...counted(finding) };
  }

  async stage(paths: { readonly source: string; readonly staged: string }, scope: ActionScope): Promise<StagedFile> {
    const profile = await this.#profile(paths.source, scope.signal);
    const work = this.#transformation.of(profile);
    if (work === null) return nothingDone(profile.rows, this.#transformation.gapsOf(profile));
    const kept = await this.#keptRows(paths.source, scope);
    if (kept > 0 && this.#transformation.isOnceOnly)
      throw new LinewardError('LAKE_TABLE_REFUSED', 'Tokens are made once, and rows of this file are under a hold.', {
        details: { reason: `${kept} row(s) are under a legal hold, and what becomes a token must become one at once` },
      });
    const isWhole = kept === 0 && scope.selection.everyone === true;
    const first = await this.#transform(work, { ...paths, metadata: isWhole ? work.metadata : {} }, scope);
    const failed = Object.keys(first.tally.failures).length > 0;
    if (failed && this.#transformation.isOnceOnly)
      throw new LinewardError('LAKE_TABLE_REFUSED', 'Tokens are made once, and rows of this file cannot be changed.', {
        details: {
          reason: `${failuresOf(first.tally).join('; ')}, and what becomes a token must become one with the whole file`,
        },
      });
    // A file in which rows failed must not say of itself that it is done.
    const { tally, result } =
      failed && isWhole ? await this.#transform(work, { ...paths, metadata: {} }, scope) : first;
    expectContentOf(profile, result);
    const metadata = isWhole && !failed ? work.metadata : {};
    return { ...result, metadata, facts: factsOf(tally, kept, this.#transformation.gapsOf(profile)) };
  }

  /** Asks again what would be replaced, where that can be asked. */
  async see(path: string, scope: ActionScope): Promise<FileSeen> {
    const { engine } = this.#deps;
    const { place, signal } = scope;
    const { rows, sha256 } = await engine.verify({ path, selection: engineSelectionOf(place, nobody), signal });
    const work = this.#transformation.of(await this.#profile(path, signal), { forProof: true });
    const left =
      work === null
        ? 0
        : (await this.#transform(work, { source: path, staged: null, metadata: {} }, scope)).result.found;
    return { rows, left, kept: rows, sha256 };
  }

  #profile(path: string, signal: AbortSignal | undefined): Promise<ProfileResult> {
    return this.#deps.marks.profile(this.#deps.engine, { path, signal });
  }

  async #transform(
    { columns, keyColumns, transform }: FileTransform,
    file: { readonly source: string; readonly staged: string | null; readonly metadata: FileTransform['metadata'] },
    { place, selection, signal }: ActionScope,
  ): Promise<{ readonly tally: TransformTally; readonly result: RewriteResult }> {
    const tally = new TransformTally();
    const result = await this.#deps.engine.transform({
      ...file,
      columns,
      keyColumns,
      selection: engineSelectionOf(place, selection),
      signal,
      transform: (batch) => transform(batch, tally),
    });
    return { tally, result };
  }

  /** Rows that legal holds keep as they are, whoever they are about, or because of their dates. */
  async #keptRows(path: string, scope: ActionScope): Promise<number> {
    const { keep, keepWithin } = scope.selection;
    const held = keep.length === 0 ? 0 : (await this.#find(path, scope, { act: keep, keep: [] })).matches;
    if (keepWithin === undefined) return held;
    return held + ((await this.#find(path, scope, scope.selection)).age?.within ?? 0);
  }

  async #find(path: string, { place, signal }: ActionScope, selection: Selection): Promise<FileFound> {
    const asked = { files: [path], selection: engineSelectionOf(place, selection), signal };
    const [finding] = await this.#deps.engine.find(asked);
    if (finding === undefined) throw new LinewardError('INTERNAL', 'The lake engine left a file without an answer.');
    if (finding.error === undefined) return finding;
    // Taken for a file without held rows it would say of itself that all of it is done.
    const code = finding.error === 'REFUSED' ? 'LAKE_TABLE_REFUSED' : 'LAKE_FILE_UNREADABLE';
    throw new LinewardError(code, undefined, { details: { reason: finding.reason } });
  }
}

const counted = ({ rows, matches }: { readonly rows: number; readonly matches: number }) => ({ rows, matches });

const isFileFault = (code: ErrorCode): code is 'LAKE_FILE_UNREADABLE' | 'LAKE_TABLE_REFUSED' =>
  code === 'LAKE_FILE_UNREADABLE' || code === 'LAKE_TABLE_REFUSED';

const failuresOf = ({ failures }: TransformTally): readonly string[] =>
  Object.entries(failures).map(([code, rows]) => `${rows} row(s) could not be changed (${code})`);

const nobody: Selection = { act: [], keep: [] };

const nothingDone = (rows: number, gaps: OperationFileFacts['gaps']): StagedFile => ({
  rowsBefore: rows,
  rowsAfter: rows,
  found: 0,
  bytesAfter: 0,
  stagedSha256: null,
  facts: { counts: {}, gaps },
});

function factsOf(
  { counts, failures }: TransformTally,
  kept: number,
  gaps: OperationFileFacts['gaps'],
): OperationFileFacts {
  const held = { code: 'HOLD_ACTIVE', reason: `${kept} row(s) are under a legal hold and stay as they are` };
  const failed = Object.entries(failures).map(([code, rows]) => ({
    code,
    reason: `${rows} row(s) could not be changed`,
  }));
  return { counts, gaps: [...gaps, ...(kept > 0 ? [held] : []), ...failed] };
}
