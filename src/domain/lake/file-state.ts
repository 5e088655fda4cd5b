import { LinewardError } from '../../errors/lineward-error.ts';

/** Steps of one file through an operation. SKIPPED: nothing to do; OPEN: could not be done, and is reported. */
export const fileStates = ['PLANNED', 'STAGED', 'SWAPPED', 'VERIFIED', 'SKIPPED', 'OPEN'] as const;
export type FileState = (typeof fileStates)[number];

/** STAGED and SWAPPED lead back to PLANNED when the world says redo; OPEN does when somebody retries. */
const moves: Readonly<Record<FileState, readonly FileState[]>> = {
  PLANNED: ['STAGED', 'SKIPPED', 'OPEN'],
  STAGED: ['SWAPPED', 'PLANNED', 'SKIPPED', 'OPEN'],
  SWAPPED: ['VERIFIED', 'PLANNED', 'OPEN'],
  OPEN: ['PLANNED'],
  VERIFIED: [],
  SKIPPED: [],
};

/** Answers `to` if a file may go there from `from`; else OPERATION_STATE. */
export function moveFile(from: FileState, to: FileState): FileState {
  if (moves[from].includes(to)) return to;
  throw new LinewardError('OPERATION_STATE', `A lake file cannot go from ${from} to ${to}.`, { details: { from, to } });
}

/** Which content a path held: size and the store's version mark. */
export interface ContentIdentity {
  readonly bytes: number;
  readonly version: string;
}

/** What was written down about a file before the interruption. */
export interface FileRecord {
  readonly state: FileState;
  readonly source: ContentIdentity;
  /** SHA-256 of the staged file; null before STAGED, and when all rows go and the swap is a removal. */
  readonly stagedSha256: string | null;
}

/** What is at the path now. */
export interface FileWorld {
  readonly identity: ContentIdentity | null;
  /** SHA-256 of the content at the path; needed only where `asksForDigest` says so. */
  readonly sha256: string | null;
}

/**
 * REDO: the source is untouched, stage again. MARK_SWAPPED: the swap (or removal) took place, verify next. REPLAN:
 * somebody else wrote the file, look at it afresh. DONE: nothing is left to do.
 */
export type Recovery = 'REDO' | 'MARK_SWAPPED' | 'REPLAN' | 'DONE';

/** True when only the content's digest can tell our swap from a foreign write. */
export function asksForDigest(record: FileRecord, identity: ContentIdentity | null): boolean {
  return isUnfinished(record.state) && identity !== null && !isSame(identity, record.source) && wasStaged(record);
}

/**
 * Decides how to go on with a file after an interruption by comparing the world with the record, so that it does not
 * matter between which two steps the process died.
 */
export function recoveryOf(record: FileRecord, world: FileWorld): Recovery {
  if (!isUnfinished(record.state)) return 'DONE';
  if (world.identity === null) return isRemoval(record) ? 'MARK_SWAPPED' : 'REPLAN';
  if (isSame(world.identity, record.source)) return 'REDO';
  return wasStaged(record) && world.sha256 === record.stagedSha256 ? 'MARK_SWAPPED' : 'REPLAN';
}

const isUnfinished = (state: FileState): boolean => state === 'PLANNED' || state === 'STAGED' || state === 'SWAPPED';

const wasStaged = (record: FileRecord): boolean => record.state !== 'PLANNED' && record.stagedSha256 !== null;

const isRemoval = (record: FileRecord): boolean => record.state !== 'PLANNED' && record.stagedSha256 === null;

const isSame = (a: ContentIdentity, b: ContentIdentity): boolean => a.bytes === b.bytes && a.version === b.version;
