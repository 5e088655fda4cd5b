import type { Gap, TargetReceipt } from '../../domain/operations/target.ts';
import type { OperationFile } from '../../entities/operation-file.entity.ts';

/** The receipt of all that was done to a target's files, whichever process and attempt did it. */
export function rewriteReceipt(
  { dataset, erases }: { readonly dataset: string; readonly erases: boolean },
  records: readonly OperationFile[],
  open: readonly Gap[],
): TargetReceipt {
  const changed = records.filter(({ erased }) => erased > 0);
  const total = (value: (record: OperationFile) => number | null | undefined): number =>
    changed.reduce((sum, record) => sum + (value(record) ?? 0), 0);
  const removed = changed.filter(isRemoved);
  const acted = total(({ erased }) => erased);
  return {
    recordsErased: erases ? acted : 0,
    recordsChanged: erases ? 0 : acted,
    recordsKept: total(({ rowsAfter }) => rowsAfter) - (erases ? 0 : acted),
    filesRewritten: changed.length - removed.length,
    filesRemoved: removed.length,
    bytesBefore: total(({ sourceBytes }) => sourceBytes),
    bytesAfter: total(({ bytesAfter }) => bytesAfter),
    evidence: changed.map(evidenceOf),
    residues: records.flatMap(({ path, facts }) =>
      lockedVersions(facts).map(({ reason, until }) => ({ dataset, reason: `${path}: ${reason}`, until })),
    ),
    open: [
      ...records.flatMap((record) => fileGaps(dataset, record)),
      ...records.flatMap((record) => versionGaps(dataset, record)),
      ...open,
    ],
  };
}

function fileGaps(dataset: string, { state, path, code, reason, facts }: OperationFile): readonly Gap[] {
  const known = facts?.gaps ?? [];
  // A fault that came later says nothing of what was known before it.
  const isFault = state === 'OPEN' && known[0]?.code !== code;
  const gaps = isFault ? [{ code: code ?? 'LAKE_FILE_UNREADABLE', reason: reason ?? '' }] : known;
  return gaps.map((one) => ({ ...one, dataset, reason: `${path}: ${one.reason}` }));
}

/** Older contents that nobody can remove before a lock ends. */
export const lockedVersions = (facts: OperationFile['facts']) =>
  (facts?.versionsKept ?? []).filter(({ locked }) => locked === true);

/** What of the content before is there although nothing keeps it is no residue: the work is not done. */
function versionGaps(dataset: string, { path, facts }: OperationFile): readonly Gap[] {
  const kept = (facts?.versionsKept ?? []).filter(({ locked }) => locked !== true);
  const reasons = new Set(kept.map(({ reason }) => reason));
  return [...reasons].map((reason) => ({ code: 'OLDER_VERSIONS', dataset, reason: `${path}: ${reason}` }));
}

/** True for a file that lost all its rows to us and was not written again since. */
const isRemoved = ({ state, stagedSha256 }: OperationFile): boolean =>
  (state === 'SWAPPED' || state === 'VERIFIED') && stagedSha256 === null;

function evidenceOf(record: OperationFile): Readonly<Record<string, unknown>> {
  return {
    path: record.path,
    // Anything but SWAPPED: written by somebody else after we erased, and looked at again.
    state: record.state === 'VERIFIED' ? 'SWAPPED' : record.state,
    before: { bytes: record.sourceBytes, version: record.sourceVersion },
    after: record.versionAfter == null ? null : { bytes: record.bytesAfter, version: record.versionAfter },
    rowsBefore: record.rowsBefore,
    rowsAfter: record.rowsAfter,
    found: record.found,
    erased: record.erased,
    sha256: record.stagedSha256,
    ...(record.facts == null ? {} : { counts: record.facts.counts }),
  };
}
