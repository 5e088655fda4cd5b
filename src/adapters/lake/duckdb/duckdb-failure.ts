import { LinewardError } from '../../../errors/lineward-error.ts';
import type { FileFinding } from '../../../services/lake/ports.ts';
import { errnoOf } from '../../store/local/file-failure.ts';
import { isEncrypted, noFooter } from '../parquet/sound-file.ts';

/**
 * What went wrong, told without DuckDB's own words: its messages may quote values of the file. `retire` means that the
 * database of this process calls itself broken and must not be used again.
 */
export interface DuckdbFault {
  readonly kind: 'FILE' | 'ENCRYPTED' | 'MEMORY' | 'DISK';
  readonly reason: string;
  readonly retire: boolean;
}

function duckdbFault(error: unknown): DuckdbFault {
  const text = error instanceof Error ? error.message : String(error);
  const retire = /^(?:INTERNAL|FATAL) Error/u.test(text);
  if (/^Out of Memory Error/u.test(text)) {
    return { kind: 'MEMORY', reason: "it needs more memory than the engine's limit", retire };
  }
  if (/No space left|Disk quota|max_temp_directory_size|Read-only file system|Too many open files/iu.test(text)) {
    return { kind: 'DISK', reason: 'the disk is full or cannot be written', retire };
  }
  if (/encrypt/iu.test(text)) return { kind: 'ENCRYPTED', reason: isEncrypted, retire };
  if (/No files found/u.test(text)) return { kind: 'FILE', reason: 'there is no such file', retire };
  if (/magic bytes|too small to be a Parquet|[Ff]ooter/u.test(text)) {
    return { kind: 'FILE', reason: noFooter, retire };
  }
  return { kind: 'FILE', reason: 'its content is damaged or cannot be decoded', retire };
}

/** The error of a request that failed while it read `path`. */
export function readFailure(error: unknown, path: string): LinewardError {
  if (error instanceof LinewardError) return error;
  const { kind, reason, retire } = duckdbFault(error);
  const details = { path, reason, retire };
  if (kind === 'FILE') {
    return new LinewardError('LAKE_FILE_UNREADABLE', `The lake file ${path} cannot be read: ${reason}.`, { details });
  }
  if (kind === 'ENCRYPTED') {
    return new LinewardError('LAKE_TABLE_REFUSED', `The lake file ${path} cannot be worked on: ${reason}.`, {
      details,
    });
  }
  return engineFailure(kind, details);
}

/** The error of a request that failed while it wrote `path`. */
export function writeFailure(error: unknown, path: string): LinewardError {
  if (error instanceof LinewardError) return error;
  if (errnoOf(error) === 'ENOENT') {
    return new LinewardError('LAKE_FILE_CHANGED', `The lake file ${path} was removed while it was written.`, {
      details: { path },
    });
  }
  const { kind, reason, retire } = duckdbFault(error);
  return engineFailure(kind, { path, reason: kind === 'FILE' ? 'the file cannot be written' : reason, retire });
}

function engineFailure(kind: DuckdbFault['kind'], details: { path: string; reason: string; retire: boolean }) {
  const mend = kind === 'MEMORY' ? 'Raise the memory limit of the engine' : 'Check the disk and its permissions';
  return new LinewardError(
    'LAKE_ENGINE_FAILED',
    `The lake engine failed at ${details.path}: ${details.reason}. ${mend}, then try again.`,
    { details },
  );
}

/** Runs work that reads `path`, and tells its failures as {@link readFailure}. */
export async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw readFailure(error, path);
  }
}

/** What is told of a file that could not be read, beside the answers about others. */
export function failedFinding(error: unknown, path: string): Extract<FileFinding, { readonly error: string }> {
  const failure = readFailure(error, path);
  // A broken database would fail all that follow; the caller starts a new one and asks again.
  if (failure.details.retire === true) throw failure;
  const refused = failure.code === 'LAKE_TABLE_REFUSED';
  return { path, error: refused ? 'REFUSED' : 'UNREADABLE', reason: reasonOf(failure) };
}

/** Why, without the path. */
export function reasonOf({ details, message }: LinewardError): string {
  return typeof details.reason === 'string' ? details.reason : message;
}
