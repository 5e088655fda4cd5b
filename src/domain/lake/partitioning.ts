import { unknownDatePartition } from './table-location.ts';

/** How the folders of a table say which rows they hold: `key=value`, `yyyy/mm/dd`, or not at all. */
export const partitionings = ['HIVE', 'YMD', 'NONE'] as const;
export type Partitioning = (typeof partitionings)[number];

const keyed = /^[^=/]+=[^/]*$/u;
/** A month, a day or an hour; landings write days. */
const date = /^\d{4}\/(?:0[1-9]|1[0-2])(?:\/(?:0[1-9]|[12]\d|3[01])(?:\/(?:[01]\d|2[0-3]))?)?$/u;

/**
 * The partition of a file by its path below the table: its folders; empty for a table without partitions. Null when the
 * folders are not of that kind.
 */
export function partitionOfPath(path: string, partitioning: Partitioning): string | null {
  const folders = foldersOf(path);
  const folder = folders.join('/');
  if (partitioning === 'NONE') return '';
  if (partitioning === 'HIVE') return folders.length > 0 && folders.every((name) => keyed.test(name)) ? folder : null;
  return date.test(folder) || folder === unknownDatePartition ? folder : null;
}

/** The kind that the folder of one file is of. */
export function partitioningOfPath(path: string): Partitioning {
  return (['HIVE', 'YMD'] as const).find((kind) => partitionOfPath(path, kind) !== null) ?? 'NONE';
}

/** True for a folder that may be a partition and not a table or an area: `key=value`, a year, or that of unknown dates. */
export function isPartitionFolder(name: string): boolean {
  return keyed.test(name) || /^\d{4}$/u.test(name) || name === unknownDatePartition;
}

const foldersOf = (path: string): readonly string[] => path.split('/').slice(0, -1);
