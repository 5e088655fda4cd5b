import { formatOf } from '../../domain/lake/file-format.ts';
import type { ProfiledFile } from '../../domain/lake/table-profile.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { groupsOf } from './file-groups.ts';
import { foreignTableEngine, foreignTableReason, markedFolder } from './foreign-table.ts';
import type { FileIdentity, LakeEngine, LakeStore } from './ports.ts';

/** Files that are looked at between two reports. */
const filesPerChunk = 256;
/** A listing is held in memory whole. */
const filesMax = 500_000;
/** Folders of our own in a table. */
const ownFolders = ['_erasure', '_landing', '_index'];

export interface SurveyDeps {
  readonly store: LakeStore;
  readonly engine: LakeEngine;
}

export interface TableFiles {
  readonly files: readonly FileIdentity[];
  /** Paths below the directory whose names say that they are no data, ours aside. */
  readonly hidden: readonly string[];
}

/**
 * The data files of a directory that may become a table.
 * @throws LinewardError LAKE_TABLE_EMPTY; LAKE_TABLE_REFUSED for a directory of a table engine, or with links in it, whose files
 * no operation would reach; LIMIT_EXCEEDED.
 */
export async function filesOfTable({ store }: SurveyDeps, location: string): Promise<TableFiles> {
  const engine = await foreignTableEngine(store, location);
  if (engine !== null) throw refused(foreignTableReason(engine, location));
  const passedOver = await store.passedOver(location);
  const files = await store.list(location);
  const inside = [...passedOver, ...files].flatMap(({ path }) => markedFolder(path) ?? [])[0];
  if (inside !== undefined) throw refused(foreignTableReason(inside.engine, inside.folder));
  const link = passedOver.find(({ kind }) => kind === 'LINK');
  if (link !== undefined)
    throw refused(
      `${link.path} is a symbolic link or a device: what it leads to would be read by others and reached by no erasure; put a file or folder in its place.`,
    );
  if (files.length > filesMax)
    throw new LinewardError('LIMIT_EXCEEDED', `${location} has more than ${filesMax} files; register parts of it.`, {
      path: ['location'],
    });
  const hidden = passedOver
    .map(({ path }) => path.slice(location.length + 1))
    .filter((path) => !ownFolders.includes(path));
  if (files.length > 0) return { files, hidden };
  const why = hidden.length === 0 ? '' : `; the name of ${hidden[0]} begins with "_" or ".", and lake tools skip that`;
  throw new LinewardError('LAKE_TABLE_EMPTY', `location: ${location} has no data files${why}`, { path: ['location'] });
}

const refused = (reason: string): LinewardError =>
  new LinewardError('LAKE_TABLE_REFUSED', `location: ${reason}`, { path: ['location'] });

/** Looks at files, some at a time. */
export async function* surveyFiles(
  { store, engine }: SurveyDeps,
  files: readonly FileIdentity[],
  question: { readonly location: string; readonly keyColumns: readonly string[]; readonly signal?: AbortSignal },
): AsyncGenerator<readonly ProfiledFile[]> {
  const { location, keyColumns, signal } = question;
  for (const some of chunksOf(files, store.readBytesMax)) {
    const surveyed = await store.readingFooters(
      some.map(({ path }) => path),
      (locals) => engine.survey({ files: locals, keyColumns, signal }),
    );
    yield some.map((file, index): ProfiledFile => {
      const seen = surveyed[index];
      if (seen === undefined) throw new LinewardError('INTERNAL', 'The lake engine left a file without an answer.');
      const place = { path: file.path.slice(location.length + 1), bytes: file.bytes };
      if (seen.error !== undefined) return { ...place, fault: seen.reason };
      const { rows, codec, columns, refusals } = seen;
      return { ...place, rows, codec, columns, refusals };
    });
  }
}

/** As many files as are reported together, and no more of what is read whole than the store can hand over. */
function chunksOf(files: readonly FileIdentity[], bytesMax: number): readonly (readonly FileIdentity[])[] {
  const read = (file: FileIdentity) => (formatOf(file.path) === 'PARQUET' ? 0 : file.bytes);
  return groupsOf(files, bytesMax, read).flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / filesPerChunk) }, (_, index) =>
      group.slice(index * filesPerChunk, (index + 1) * filesPerChunk),
    ),
  );
}
