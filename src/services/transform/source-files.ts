import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { formatOf, isGzipped } from '../../domain/lake/file-format.ts';
import { readFilePattern } from '../../domain/transform/file-pattern.ts';
import type { LookupFile, SourceFile } from '../../domain/transform/run-state.ts';
import type { FilesSpec } from '../../domain/transform/transformer-spec.ts';
import type { TransformRun } from '../../entities/transform-run.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { FileIdentity, LakeStore } from '../lake/ports.ts';
import type { SourceForm } from './ports.ts';

/** A plan with more would not fit into the row of a run. */
const filesMax = 50_000;

const takenRow = z.object({ source: z.number(), path: z.string(), version: z.string(), bytes: z.coerce.number() });

export interface SourceFilesDeps {
  readonly em: EntityManager;
  readonly store: Pick<LakeStore, 'url' | 'list' | 'stat'>;
}

/** A source with files: the directory of a table, or a pattern. */
export interface FiledSource {
  readonly source: number;
  readonly table: string | null;
  readonly files: FilesSpec | undefined;
}

/**
 * Files that a run reads: those that no run has taken, or that are others than they were then; all for a batch. A table is listed, not
 * looked up: operations and others rewrite its files.
 * @throws LinewardError TRANSFORMER_STATE where a sum would count rows twice; LIMIT_EXCEEDED for more than 50,000 files
 */
export async function filesOf(
  deps: SourceFilesDeps,
  run: Pick<TransformRun, 'versionId' | 'mode'>,
  sources: readonly FiledSource[],
  sums: boolean,
): Promise<readonly SourceFile[]> {
  if (sources.length === 0) return [];
  const rows = await deps.em
    .fork()
    .execute('select source, path, version, bytes from transform_file where version_id = ?', [run.versionId]);
  const taken = new Map(rows.map((row) => takenRow.parse(row)).map((row) => [`${row.source}:${row.path}`, row]));
  const files: SourceFile[] = [];
  for (const one of sources)
    for (const { path, bytes, version } of await listed(deps.store, one)) {
      const { source } = one;
      const known = taken.get(`${source}:${path}`);
      const isSame = known !== undefined && known.version === version && known.bytes === bytes;
      if (isSame && run.mode === 'INCREMENTAL') continue;
      if (sums && known !== undefined) throw countedTwice(path);
      files.push({ source, path, bytes, version });
    }
  assertFew(files.length);
  return files;
}

/** All files of some lookups, each of which has its number, and is in a table or files of a source's transform. */
export async function filesOfLookups(
  store: SourceFilesDeps['store'],
  lookups: readonly (FiledSource & { readonly lookup: number })[],
): Promise<readonly LookupFile[]> {
  const files: LookupFile[] = [];
  for (const one of lookups)
    for (const { path, bytes, version } of await listed(store, one))
      files.push({ source: one.source, lookup: one.lookup, path, bytes, version });
  assertFew(files.length);
  return files;
}

/** @throws LinewardError LIMIT_EXCEEDED */
function assertFew(files: number): void {
  if (files <= filesMax) return;
  throw new LinewardError(
    'LIMIT_EXCEEDED',
    `The run would read ${files} files, and takes ${filesMax} at most; name fewer of them in one source.`,
    { path: ['sources'] },
  );
}

/** In the order of their paths. */
export async function listed(
  store: SourceFilesDeps['store'],
  { table, files }: Pick<FiledSource, 'table' | 'files'>,
): Promise<readonly FileIdentity[]> {
  if (table !== null) return store.list(table);
  const pattern = readFilePattern(files?.path ?? '', store.url);
  const alone = await store.stat(pattern.prefix);
  const found = alone === null ? await store.list(pattern.prefix) : [alone];
  return found.filter(({ path }) => pattern.matches(path));
}

function countedTwice(path: string): LinewardError {
  return new LinewardError(
    'TRANSFORMER_STATE',
    `Rows of ${path} would be added to sums a second time: it was changed since a run took it, or all was asked for. Create a version with another path, which makes a table anew.`,
  );
}

/** From here on the files are taken. */
export async function markFilesIn(tx: EntityManager, versionId: string, files: readonly SourceFile[]): Promise<void> {
  if (files.length === 0) return;
  await tx.execute(
    `insert into transform_file (version_id, source, path, bytes, version)
     select ?, f.source, f.path, f.bytes, f.version
     from jsonb_to_recordset(?::jsonb) as f(source int, path text, bytes bigint, version text)
     on conflict (version_id, source, path) do update set bytes = excluded.bytes, version = excluded.version`,
    [versionId, JSON.stringify(files)],
  );
}

/** How a file is read: as the document says, or as its name tells where it is of a table. */
export function sourceFormOf(path: string, files: FilesSpec | undefined): SourceForm {
  if (files === undefined)
    return {
      format: ({ PARQUET: 'parquet', NDJSON: 'ndjson', AVRO: 'avro' } as const)[formatOf(path)],
      isGzip: isGzipped(path),
    };
  const isGzip = files.codec === undefined ? path.toLowerCase().endsWith('.gz') : files.codec === 'gzip';
  return { format: files.format, isGzip: (files.format === 'ndjson' || files.format === 'csv') && isGzip };
}
