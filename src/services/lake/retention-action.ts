import type { Selection } from '../../domain/governance/selection.ts';
import type { RetentionLimit } from '../../domain/lake/retention.ts';
import type { Gap } from '../../domain/operations/target.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { engineSelectionOf, type FileSearched, findIn } from './file-search.ts';
import type { EngineSelection, FileFinding, FileIdentity, LakeEngine, LakeStore } from './ports.ts';
import type { ActionScope, FileSeen, RewriteAction, StagedFile } from './rewrite-action.ts';

/** Leaves out the rows that are older than a rule allows. What a hold keeps stays, and what has no date. */
export class RetentionAction implements RewriteAction {
  readonly erases = true;
  readonly mark: { readonly retention: RetentionLimit };
  readonly #deps: { readonly store: LakeStore; readonly engine: LakeEngine };
  readonly #aged = new WeakMap<EngineSelection, EngineSelection>();

  constructor(deps: { readonly store: LakeStore; readonly engine: LakeEngine }, limit: RetentionLimit) {
    this.#deps = deps;
    this.mark = { retention: limit };
  }

  async search(
    files: readonly FileIdentity[],
    { place, selection, signal }: ActionScope,
  ): Promise<readonly FileSearched[]> {
    const findings = await findIn(this.#deps, files, { selection: this.#selectionOf(place, selection), signal });
    return files.map((file, index): FileSearched => {
      const finding = findings[index];
      if (finding === undefined) throw new LinewardError('INTERNAL', 'The lake engine left a file without an answer.');
      if (finding.error === undefined)
        return { file, rows: finding.rows, matches: finding.matches, gaps: this.#gapsOf(finding) };
      const code = finding.error === 'REFUSED' ? 'LAKE_TABLE_REFUSED' : 'LAKE_FILE_UNREADABLE';
      return { file, code, reason: finding.reason };
    });
  }

  async stage(
    paths: { readonly source: string; readonly staged: string },
    { place, selection, signal }: ActionScope,
  ): Promise<StagedFile> {
    const aged = this.#selectionOf(place, selection);
    const [finding] = await this.#deps.engine.find({ files: [paths.source], selection: aged, signal });
    const result = await this.#deps.engine.rewrite({ ...paths, selection: aged, signal });
    const gaps = finding === undefined || finding.error !== undefined ? [] : this.#gapsOf(finding);
    return { ...result, facts: { counts: {}, gaps } };
  }

  async see(path: string, { place, selection, signal }: ActionScope): Promise<FileSeen> {
    const seen = await this.#deps.engine.verify({ path, selection: this.#selectionOf(place, selection), signal });
    const { rows, matches, sha256 } = seen;
    return { rows, left: matches, kept: rows - matches, sha256 };
  }

  /** The same object for the same selection, so that the engine is told of it once. */
  #selectionOf(place: ActionScope['place'], selection: Selection): EngineSelection {
    const plain = engineSelectionOf(place, selection);
    const { dateField: column, before } = this.mark.retention;
    const aged = this.#aged.get(plain) ?? { ...plain, olderThan: { column, before } };
    this.#aged.set(plain, aged);
    return aged;
  }

  #gapsOf({ age }: Extract<FileFinding, { readonly error?: undefined }>): readonly Pick<Gap, 'code' | 'reason'>[] {
    const { held = 0, undated = 0 } = age ?? {};
    const { dateField } = this.mark.retention;
    return [
      ...(held > 0 ? [{ code: 'HOLD_ACTIVE', reason: `${held} older row(s) are under a legal hold and stay` }] : []),
      ...(undated > 0
        ? [
            {
              code: 'DATE_UNKNOWN',
              reason: `${undated} row(s) have no date in ${dateField} that can be read, and stay`,
            },
          ]
        : []),
    ];
  }
}
