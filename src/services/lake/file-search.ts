import type { Selection } from '../../domain/governance/selection.ts';
import type { Gap, TargetPlace } from '../../domain/operations/target.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { groupsOf } from './file-groups.ts';
import type {
  EngineSelection,
  EngineSelector,
  FileFinding,
  FileIdentity,
  FindRequest,
  LakeEngine,
  LakeStore,
} from './ports.ts';
import type { SubjectIndex } from './subject-index.ts';

/** What is known of one file under a selection: its matches, and what of them stays undone; or why nobody can tell. */
export type FileSearched =
  | {
      readonly file: FileIdentity;
      readonly rows: number;
      readonly matches: number;
      readonly gaps?: readonly Omit<Gap, 'dataset'>[];
      readonly code?: undefined;
    }
  | {
      readonly file: FileIdentity;
      readonly code: 'LAKE_FILE_UNREADABLE' | 'LAKE_TABLE_REFUSED';
      readonly reason: string;
    };

export interface FileSearchDeps {
  readonly store: LakeStore;
  readonly engine: LakeEngine;
  readonly index: SubjectIndex;
}

export interface FileQuestion {
  readonly table: LakeTable;
  readonly place: Pick<TargetPlace, 'accountField'>;
  readonly selection: Selection;
  readonly signal?: AbortSignal | undefined;
}

const translated = new WeakMap<Selection, Map<string, EngineSelection>>();

/** A selection in the engine's words; the same object for the same selection, so that the engine can tell. */
export function engineSelectionOf({ accountField }: FileQuestion['place'], selection: Selection): EngineSelection {
  const byField = translated.get(selection) ?? new Map<string, EngineSelection>();
  translated.set(selection, byField);
  const known = byField.get(accountField) ?? translate(accountField, selection);
  byField.set(accountField, known);
  return known;
}

function translate(accountColumn: string, { everyone, act, keep, keepWithin }: Selection): EngineSelection {
  const selectors = (side: Selection['act']): readonly EngineSelector[] =>
    side.map(({ accountId, subject }) => ({
      account: accountId,
      subject: subject && { column: subject.field, value: subject.value },
    }));
  const within = keepWithin && {
    column: keepWithin.dateField,
    ranges: keepWithin.ranges.map((range) => ({
      selectors: range.selectors && selectors(range.selectors),
      days: range.days,
    })),
  };
  return {
    ...{ accountColumn, act: selectors(act), keep: selectors(keep) },
    ...(everyone && { everyone }),
    ...(within && { keepWithin: within }),
  };
}

/** What the engine saw in a file that it could read. */
export type FileFound = Extract<FileFinding, { readonly error?: undefined }>;

/** What stays of a file because of its dates; null where nothing does. */
export function datesHeld({
  age,
}: Pick<FileFound, 'age'>): { readonly code: 'HOLD_ACTIVE'; readonly reason: string } | null {
  const { within = 0, withinUndated = 0 } = age ?? {};
  if (within === 0) return null;
  const unread = withinUndated === 0 ? '' : `; ${withinUndated} of them have no date that can be read`;
  const reason = `${within} row(s) are of dates that a legal hold is about, and stay${unread}`;
  return { code: 'HOLD_ACTIVE', reason };
}

/** What the engine is asked of a file where the selection is not all that counts, and what stays undone by its answer. */
interface NarrowerQuestion {
  readonly selection: EngineSelection;
  gapsOf(finding: FileFound): readonly Omit<Gap, 'dataset'>[];
}

/**
 * Counts matches per file: the index rules files out, the key columns of all others are read. What is narrower than the selection
 * has nothing to say of a file in which there is none of that.
 */
export async function searchFiles(
  deps: FileSearchDeps,
  files: readonly FileIdentity[],
  question: FileQuestion,
  narrower?: NarrowerQuestion,
): Promise<readonly FileSearched[]> {
  const { table, place, selection, signal } = question;
  // The index knows who is in a file, not that somebody is.
  const without = selection.everyone
    ? new Map<string, number>()
    : await deps.index.withoutMatch(table, files, {
        accountField: place.accountField,
        selectors: selection.act,
        ...(signal && { signal }),
      });
  const scanned = files.filter(({ path }) => !without.has(path));
  const asked = narrower?.selection ?? engineSelectionOf(place, selection);
  const findings = await findIn(deps, scanned, { selection: asked, signal });
  const found = new Map(scanned.map(({ path }, index) => [path, findings[index]]));
  return files.map((file): FileSearched => {
    const finding = found.get(file.path);
    const ruledOut = without.get(file.path);
    if (ruledOut !== undefined) return { file, rows: ruledOut, matches: 0 };
    if (finding === undefined) throw new LinewardError('INTERNAL', 'The lake engine left a file without an answer.');
    if (finding.error === undefined)
      return {
        file,
        rows: finding.rows,
        matches: finding.matches,
        ...(narrower && { gaps: narrower.gapsOf(finding) }),
      };
    const code = finding.error === 'REFUSED' ? 'LAKE_TABLE_REFUSED' : 'LAKE_FILE_UNREADABLE';
    return { file, code, reason: finding.reason };
  });
}

/** Asks the engine, for as many files at once as the store can hand over. */
export async function findIn(
  { store, engine }: Pick<FileSearchDeps, 'store' | 'engine'>,
  files: readonly FileIdentity[],
  question: Omit<FindRequest, 'files'>,
): Promise<readonly FileFinding[]> {
  const findings: FileFinding[] = [];
  for (const group of groupsOf(files, store.readBytesMax))
    findings.push(
      ...(await store.reading(
        group.map(({ path }) => path),
        (locals) => engine.find({ ...question, files: locals }),
      )),
    );
  return findings;
}
