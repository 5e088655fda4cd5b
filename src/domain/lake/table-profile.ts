import type { ColumnFact, ColumnTypes } from './column-fit.ts';
import { formatOf } from './file-format.ts';
import { type Partitioning, partitioningOfPath, partitionOfPath } from './partitioning.ts';

/** A file of a table, as it tells of itself. */
export type ProfiledFile =
  | {
      /** Path below the table. */
      readonly path: string;
      readonly bytes: number;
      readonly rows: number;
      readonly codec: string;
      readonly columns: readonly ProfiledColumn[];
      readonly refusals: readonly string[];
    }
  | { readonly path: string; readonly bytes: number; readonly fault: string };

export interface ProfiledColumn {
  readonly name: string;
  readonly type: string;
}

/** Files of one format that are alike; `refusals` say why their rows cannot be found, or not be rewritten in place. */
export interface FileGroup {
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly codec: string;
  readonly columns: readonly ProfiledColumn[];
  readonly refusals: readonly string[];
  /** Path of one of them below the table. */
  readonly example: string;
}

/** What a table is, as its files tell. */
export interface TableProfile {
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly partitioning: Partitioning;
  readonly partitions: { readonly count: number; readonly first: string | null; readonly last: string | null };
  /** Files that lie in no folder of that partitioning. */
  readonly strayFiles: number;
  /** The largest first. */
  readonly groups: readonly FileGroup[];
  /** Files of groups that are not told. */
  readonly filesOfOtherGroups: number;
  readonly unreadableFiles: number;
  /** The first of them. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  /** The first of what is there beside the files under names that lake tools skip: no operation looks into it. */
  readonly hidden: readonly string[];
  readonly columnFacts: readonly ColumnFact[];
}

const hiddenMax = 100;
const groupsMax = 100;
const unreadableMax = 100;

/** Adds up the files of a table one by one; what it keeps does not grow with them, their partitions aside. */
export class TableProfiler {
  readonly #partitioning: Partitioning | null;
  readonly #groups = new Map<string, FileGroup>();
  readonly #columns = new Map<string, Map<string, number>>();
  readonly #partitions = new Map<Partitioning, Set<string>>([
    ['HIVE', new Set()],
    ['YMD', new Set()],
  ]);
  readonly #stray = { HIVE: 0, YMD: 0, NONE: 0 };
  readonly #kinds = { HIVE: 0, YMD: 0, NONE: 0 };
  readonly #unreadable: { path: string; reason: string }[] = [];
  #unreadableFiles = 0;
  #files = 0;
  #rows = 0;
  #bytes = 0;

  /** Null: the partitioning that most files have. */
  constructor(partitioning: Partitioning | null) {
    this.#partitioning = partitioning;
  }

  add(file: ProfiledFile): void {
    this.#files += 1;
    this.#bytes += file.bytes;
    this.#place(file.path);
    if ('fault' in file) {
      this.#unreadableFiles += 1;
      if (this.#unreadable.length < unreadableMax) this.#unreadable.push({ path: file.path, reason: file.fault });
      return;
    }
    this.#rows += file.rows;
    for (const { name, type } of file.columns) {
      const types = this.#columns.get(name) ?? new Map<string, number>();
      this.#columns.set(name, types.set(type, (types.get(type) ?? 0) + 1));
    }
    const { path, bytes, rows, ...alike } = file;
    const key = JSON.stringify([formatOf(path), alike]);
    const { files = 0, ...sum } = this.#groups.get(key) ?? { rows: 0, bytes: 0, example: path };
    const grown = { rows: sum.rows + rows, bytes: sum.bytes + bytes, example: sum.example };
    this.#groups.set(key, { ...alike, ...grown, files: files + 1 });
  }

  /** Types of columns over the files that could be read. */
  get columns(): ColumnTypes {
    return this.#columns;
  }

  get readableFiles(): number {
    return this.#files - this.#unreadableFiles;
  }

  profile(columnFacts: readonly ColumnFact[], hidden: readonly string[]): TableProfile {
    const partitioning = this.#partitioning ?? this.#mostly();
    const partitions = [...(this.#partitions.get(partitioning) ?? [])].sort();
    const groups = [...this.#groups.values()].sort((a, b) => b.files - a.files);
    return {
      files: this.#files,
      rows: this.#rows,
      bytes: this.#bytes,
      partitioning,
      partitions: { count: partitions.length, first: partitions[0] ?? null, last: partitions.at(-1) ?? null },
      strayFiles: this.#stray[partitioning],
      groups: groups.slice(0, groupsMax),
      filesOfOtherGroups: groups.slice(groupsMax).reduce((sum, { files }) => sum + files, 0),
      unreadableFiles: this.#unreadableFiles,
      unreadable: this.#unreadable,
      hidden: hidden.slice(0, hiddenMax),
      columnFacts,
    };
  }

  #place(path: string): void {
    this.#kinds[partitioningOfPath(path)] += 1;
    for (const kind of ['HIVE', 'YMD'] as const) {
      const partition = partitionOfPath(path, kind);
      if (partition === null) this.#stray[kind] += 1;
      else this.#partitions.get(kind)?.add(partition);
    }
  }

  #mostly(): Partitioning {
    const { HIVE, YMD, NONE } = this.#kinds;
    if (HIVE >= YMD && HIVE > NONE) return 'HIVE';
    return YMD > NONE ? 'YMD' : 'NONE';
  }
}
