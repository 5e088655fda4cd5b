import { minimumGap } from '../../domain/governance/minimum-retention.ts';
import type { Selection } from '../../domain/governance/selection.ts';
import type { RetentionLimit } from '../../domain/lake/retention.ts';
import type { Gap } from '../../domain/operations/target.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import {
  datesHeld,
  engineSelectionOf,
  type FileFound,
  type FileSearchDeps,
  type FileSearched,
  searchFiles,
} from './file-search.ts';
import type { EngineSelection, FileIdentity } from './ports.ts';
import type { ActionScope, FileSeen, RewriteAction, StagedFile } from './rewrite-action.ts';

/**
 * Leaves rows out: those of the selection, or, with a limit, those that are older than a rule allows. What a hold keeps stays, what
 * a minimum keeps, and, where age counts, what has no date.
 */
export class RemovalAction implements RewriteAction {
  readonly erases = true;
  readonly filesAtOnce = 16;
  readonly mark: { readonly retention: RetentionLimit } | null;
  readonly #deps: FileSearchDeps;
  readonly #limit: RetentionLimit | null;
  readonly #aged = new WeakMap<Selection, EngineSelection>();

  constructor(deps: FileSearchDeps, limit: RetentionLimit | null) {
    this.#deps = deps;
    this.#limit = limit;
    this.mark = limit === null ? null : { retention: limit };
  }

  search(files: readonly FileIdentity[], scope: ActionScope): Promise<readonly FileSearched[]> {
    const { place, selection } = scope;
    if (!this.#goesByDate(selection)) return searchFiles(this.#deps, files, scope);
    return searchFiles(this.#deps, files, scope, {
      selection: this.#selectionOf(place, selection),
      gapsOf: (finding) => this.#gapsOf(selection, finding),
    });
  }

  async stage(
    paths: { readonly source: string; readonly staged: string },
    { place, selection, signal }: ActionScope,
  ): Promise<StagedFile> {
    const wanted = this.#selectionOf(place, selection);
    if (!this.#goesByDate(selection)) return this.#deps.engine.rewrite({ ...paths, selection: wanted, signal });
    const [finding] = await this.#deps.engine.find({ files: [paths.source], selection: wanted, signal });
    const result = await this.#deps.engine.rewrite({ ...paths, selection: wanted, signal });
    const gaps = finding === undefined || finding.error !== undefined ? [] : this.#gapsOf(selection, finding);
    return { ...result, facts: { counts: {}, gaps } };
  }

  async see(path: string, { place, selection, signal }: ActionScope): Promise<FileSeen> {
    const seen = await this.#deps.engine.verify({ path, selection: this.#selectionOf(place, selection), signal });
    const { rows, matches, sha256 } = seen;
    return { rows, left: matches, kept: rows - matches, sha256 };
  }

  #goesByDate({ minimum, keepWithin }: Selection): boolean {
    return this.#limit !== null || minimum !== undefined || keepWithin !== undefined;
  }

  /** The same object for the same selection, so that the engine is told of it once. */
  #selectionOf(place: ActionScope['place'], selection: Selection): EngineSelection {
    const plain = engineSelectionOf(place, selection);
    const olderThan = this.#ageOf(selection);
    if (olderThan === undefined) return plain;
    const aged = this.#aged.get(selection) ?? { ...plain, olderThan };
    this.#aged.set(selection, aged);
    return aged;
  }

  /** Of what a rule and a minimum say, what keeps longer. */
  #ageOf({ minimum, keepWithin }: Selection): EngineSelection['olderThan'] {
    const limit = this.#limit;
    const fields = [limit?.dateField, minimum?.dateField, keepWithin?.dateField];
    if (new Set(fields.filter((field) => field !== undefined)).size > 1)
      throw new LinewardError(
        'LAKE_TABLE_REFUSED',
        'The rule of the table, its minimum retention and legal holds on it do not go by the same date.',
      );
    if (minimum === undefined) return limit === null ? undefined : { column: limit.dateField, before: limit.before };
    if (minimum.dateField === null)
      throw new LinewardError('LAKE_TABLE_REFUSED', 'The minimum retention of the table goes by no date of it.');
    const column = minimum.dateField;
    if (limit === null) return { column, before: minimum.before, askedBefore: null };
    return limit.before <= minimum.before
      ? { column, before: limit.before }
      : { column, before: minimum.before, askedBefore: limit.before };
  }

  #gapsOf({ minimum }: Selection, finding: FileFound): readonly Omit<Gap, 'dataset'>[] {
    const { age } = finding;
    const dated = datesHeld(finding);
    const { held = 0, undated = 0, retained = 0, daysLeft = null } = age ?? {};
    const kept = minimum === undefined ? null : minimumGap(minimum, { records: retained, undated: 0, daysLeft });
    const dateField = this.#limit?.dateField ?? minimum?.dateField ?? '';
    return [
      ...(held > 0 && this.#limit !== null
        ? [{ code: 'HOLD_ACTIVE', reason: `${held} older row(s) are under a legal hold and stay` }]
        : []),
      ...(dated === null ? [] : [dated]),
      ...(kept === null ? [] : [kept]),
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
