import { posix } from 'node:path';
import { type RunOutputs, type RunStatistics, runFileName } from '../../domain/transform/run-state.ts';
import type { MergePlan } from '../../domain/transform/transform-plan.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { FileIdentity, LakeStore } from '../lake/ports.ts';
import type { BaseFile, Chunk, TransformEngine } from './ports.ts';
import type { ProtectionMarks } from './protection-marks.ts';

/** Below this part of the wanted size a file is put together with what its folder gets. */
const smallShare = 0.5;

export interface RunMergeDeps {
  readonly store: LakeStore;
  readonly engine: TransformEngine;
  readonly marks: ProtectionMarks;
  readonly signal: AbortSignal;
  readonly location: string;
  /** Folder aside. */
  readonly folder: string;
  readonly run: number;
}

export interface Merged {
  readonly outputs: RunOutputs;
  readonly statistics: Pick<RunStatistics, 'keys' | 'changed' | 'filesWritten' | 'filesReplaced' | 'bytesWritten'>;
}

/** Merges the chunks of a run with the files of the table, and makes those aside that are to be in it. */
export async function mergeRun(deps: RunMergeDeps, chunks: readonly Chunk[], plan: MergePlan): Promise<Merged> {
  const { store, engine, signal, folder } = deps;
  const listed = await store.list(deps.location);
  const picked = await pick(
    deps,
    listed,
    chunks.map(({ path }) => path),
    plan,
  );
  assertReadable(store, picked);
  const directory = posix.dirname(store.stagingPath(`${folder}/chunk.staged`));
  return store.reading(
    picked.map(({ path }) => path),
    async (locals) => {
      const base = await baseOf(deps, picked, locals, plan);
      const merged = await engine.merge({ chunks, base, plan, directory }, signal);
      await deps.marks.keep(merged.files);
      const files = merged.files.map(({ name, partition, rows }, index) => ({
        staged: `${folder}/${name}`,
        path: [deps.location, partition, `${runFileName(deps.run, index)}${endingOf(plan)}`]
          .filter((part) => part !== '')
          .join('/'),
        rows,
      }));
      return {
        outputs: { files, replaced: merged.replaced.flatMap((index) => picked[index]?.path ?? []) },
        statistics: {
          keys: merged.keys,
          changed: merged.changed,
          filesWritten: files.length,
          filesReplaced: merged.replaced.length,
          bytesWritten: merged.files.reduce((sum, { bytes }) => sum + bytes, 0),
        },
      };
    },
  );
}

async function baseOf(
  { marks, location }: RunMergeDeps,
  picked: readonly FileIdentity[],
  locals: readonly string[],
  plan: MergePlan,
): Promise<readonly BaseFile[]> {
  const base: BaseFile[] = [];
  for (const [index, { path, bytes }] of picked.entries()) {
    const local = locals[index] ?? '';
    const mark = await marks.of({ path, local, isLines: plan.file.format === 'ndjson' });
    base.push({ path: local, partition: folderIn(location, path), isSmall: isSmall(bytes, plan), mark });
  }
  return base;
}

/** Files with keys that come, and small ones of folders that get rows; all others stay as they are. */
async function pick(
  { store, engine, signal, location }: RunMergeDeps,
  listed: readonly FileIdentity[],
  chunks: readonly string[],
  plan: MergePlan,
): Promise<readonly FileIdentity[]> {
  const picked = new Set<FileIdentity>();
  let partitions: ReadonlySet<string> = new Set();
  for (const group of groupsOf(listed, store.readBytesMax)) {
    const hits = await store.reading(
      group.map(({ path }) => path),
      (base) => engine.hits({ chunks, base, plan }, signal),
    );
    partitions = new Set(hits.partitions);
    for (const index of hits.files) {
      const file = group[index];
      if (file !== undefined) picked.add(file);
    }
  }
  return listed.filter(
    (file) => picked.has(file) || (isSmall(file.bytes, plan) && partitions.has(folderIn(location, file.path))),
  );
}

/** Groups of at most so many bytes each; a single one where there is no file at all, since the partitions are to be asked for. */
function groupsOf(files: readonly FileIdentity[], bytesMax: number): readonly (readonly FileIdentity[])[] {
  const groups: FileIdentity[][] = [[]];
  let bytes = 0;
  for (const file of files) {
    if (bytes > 0 && bytes + file.bytes > bytesMax) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(file);
    bytes += file.bytes;
  }
  return groups;
}

function assertReadable(store: LakeStore, files: readonly FileIdentity[]): void {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes <= store.readBytesMax) return;
  throw new LinewardError(
    'LIMIT_EXCEEDED',
    `The run would put ${files.length} files of ${bytes} bytes anew at once, and ${store.readBytesMax} can be fetched; run it more often, or with smaller partitions.`,
  );
}

const isSmall = (bytes: number, { file }: MergePlan): boolean => bytes < file.bytes * smallShare;

const folderIn = (location: string, path: string): string => posix.dirname(path).slice(location.length + 1);

const endingOf = ({ file: { format, codec } }: MergePlan): string =>
  ({ parquet: '.parquet', avro: '.avro', ndjson: codec === 'gzip' ? '.ndjson.gz' : '.ndjson' })[format];
