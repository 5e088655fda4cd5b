import type { DuckDBConnection } from '@duckdb/node-api';
import type { MergePlan } from '../../../domain/transform/transform-plan.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type {
  HitsRequest,
  HitsResult,
  MergedFile,
  MergeRequest,
  MergeResult,
  PreviewRequest,
  PreviewResult,
  RejectedRows,
} from '../../../services/transform/ports.ts';
import { reading } from '../duckdb/duckdb-failure.ts';
import { queryRow, queryRows } from '../duckdb/duckdb-session.ts';
import { sqlName, told, untold } from '../duckdb/sql-text.ts';
import { prepareDates } from './date-sql.ts';
import { chunksSql, incomingRows } from './incoming-rows.ts';
import { columnList, fileColumn, folderColumn, keyList, markColumn, placedList, survivors } from './merge-sql.ts';
import { rejectedIn, shapedTable } from './shape-rows.ts';
import { faultColumn } from './shape-sql.ts';
import { declared, withTableRows, writeFolder } from './table-files.ts';

/** Folders that one run may write into: a date with a far finer grain than its data makes a swamp of small files. */
const foldersMax = 10_000;

/** Which files of a table have rows of the keys that come, and which folders get rows. */
export async function findHits(connection: DuckDBConnection, { chunks, base, plan }: HitsRequest): Promise<HitsResult> {
  if (chunks.length === 0) return { files: [], partitions: [] };
  return reading(chunks[0] ?? '', async () => {
    await prepareDates(connection);
    const folders = await queryRows(
      connection,
      `SELECT DISTINCT ${told(folderColumn)} AS folder FROM ${chunksSql(chunks)} LIMIT ${foldersMax + 1}`,
    );
    if (folders.length > foldersMax) throw tooManyFolders(plan);
    const files = base.length === 0 ? [] : await hitFiles(connection, { chunks, base, plan });
    return { files, partitions: folders.map(({ folder }) => untold(folder) ?? '').sort() };
  });
}

function tooManyFolders({ partition }: MergePlan): LinewardError {
  return new LinewardError(
    'LIMIT_EXCEEDED',
    `The rows belong into more than ${foldersMax} ${partition?.grain ?? ''} partitions of ${partition?.column ?? ''}; use a coarser grain or another date.`,
    { path: ['resource', 'indexing'] },
  );
}

async function hitFiles(connection: DuckDBConnection, { chunks, base, plan }: HitsRequest): Promise<readonly number[]> {
  const keys = keyList(plan);
  return withTableRows(connection, base, plan, async (relation) => {
    const found = await queryRows(
      connection,
      `SELECT DISTINCT ${fileColumn} AS file FROM ${relation} SEMI JOIN (SELECT ${keys} FROM ${chunksSql(chunks)}) USING (${keys}) ORDER BY file`,
    );
    return found.map(({ file }) => Number(file));
  });
}

/** Merges what comes with what is there, and writes the files of those folders in which something is other than it was. */
export async function mergeRows(connection: DuckDBConnection, request: MergeRequest): Promise<MergeResult> {
  const { chunks, base, plan } = request;
  if (chunks.length === 0) return { files: [], replaced: [], keys: 0, changed: 0 };
  const paths = base.map(({ path }) => path);
  return reading(chunks[0]?.path ?? '', async () => {
    await prepareDates(connection);
    const incoming = await incomingRows(connection, request, marksOf(request));
    if (paths.length === 0) {
      await connection.run(
        `CREATE TEMP TABLE lw_out AS SELECT ${placedList(plan)}, -1 - ${fileColumn} AS ${markColumn} FROM ${incoming} ORDER BY ${folderColumn}, ${markColumn}, ${keyList(plan)}`,
      );
      const { keys } = await queryRow(connection, 'SELECT count(*) AS keys FROM lw_out');
      return { ...(await writeAll(connection, request)), replaced: [], keys: Number(keys), changed: Number(keys) };
    }
    await connection.run(`CREATE TEMP TABLE lw_new AS SELECT ${placedList(plan)}, ${fileColumn} FROM ${incoming}`);
    const { keys } = await queryRow(connection, 'SELECT count(*) AS keys FROM lw_new');
    await nameFiles(connection, request);
    return withTableRows(connection, paths, plan, async (relation) => {
      const changed = await settle(connection, relation, plan);
      const replaced = changed === 0 ? [] : await carry(connection, relation, plan);
      return { ...(await writeAll(connection, request)), replaced, keys: Number(keys), changed };
    });
  });
}

/** Different marks, by their numbers; the first is none. What comes first or last does not show. */
function marksOf({ base, chunks }: Pick<MergeRequest, 'base' | 'chunks'>): readonly (string | null)[] {
  const said = new Set([...base, ...chunks].flatMap(({ mark }) => mark ?? []));
  return [null, ...[...said].sort()];
}

/** Where the files of the table are, by their numbers. */
async function nameFiles(connection: DuckDBConnection, request: MergeRequest): Promise<void> {
  await connection.run(
    `CREATE TEMP TABLE lw_files (${fileColumn} INTEGER, ${folderColumn} VARCHAR, small BOOLEAN, ${markColumn} INTEGER)`,
  );
  const marks = marksOf(request);
  const appender = await connection.createAppender('lw_files');
  for (const [index, { partition, isSmall, mark }] of request.base.entries()) {
    appender.appendInteger(index);
    appender.appendVarchar(partition);
    appender.appendBoolean(isSmall);
    appender.appendInteger(marks.indexOf(mark));
    appender.endRow();
  }
  appender.closeSync();
}

/** Leaves the rows that are other than what is there in `lw_changed`, and answers how many. */
async function settle(connection: DuckDBConnection, relation: string, plan: MergePlan): Promise<number> {
  const keys = keyList(plan);
  await connection.run(
    `CREATE TEMP TABLE lw_old AS SELECT ${columnList(plan, 'r.')}, f.${folderColumn}, r.${fileColumn}
     FROM ${relation} r JOIN lw_files f ON f.${fileColumn} = r.${fileColumn} SEMI JOIN (SELECT ${keys} FROM lw_new) n USING (${keys})`,
  );
  const both = `(SELECT ${placedList(plan)}, ${fileColumn} FROM lw_new UNION ALL SELECT ${placedList(plan)}, ${fileColumn} FROM lw_old)`;
  await connection.run(
    `CREATE TEMP TABLE lw_changed AS SELECT ${placedList(plan)}, ${fileColumn}
     FROM (${survivors(plan, both)}) WHERE ${fileColumn} < 0 OR lineward_combined`,
  );
  const { changed } = await queryRow(connection, 'SELECT count(*) AS changed FROM lw_changed');
  return Number(changed);
}

/**
 * Takes the rows along that lie in files with changed ones, or in small files of folders that get rows. They stay in their
 * folders, and among rows that are as protected as they are. Answers the files that are replaced so.
 */
async function carry(connection: DuckDBConnection, relation: string, plan: MergePlan): Promise<readonly number[]> {
  const keys = keyList(plan);
  const changed = `(SELECT ${placedList(plan, 'c.')}, coalesce(f.${markColumn}, -1 - c.${fileColumn}) AS ${markColumn}
    FROM lw_changed c LEFT JOIN lw_files f ON f.${fileColumn} = c.${fileColumn})`;
  const found = await queryRows(
    connection,
    `SELECT DISTINCT ${fileColumn} AS file FROM lw_old SEMI JOIN (SELECT ${keys} FROM lw_changed) USING (${keys})
     UNION SELECT ${fileColumn} FROM lw_files WHERE small AND (${folderColumn}, ${markColumn}) IN (SELECT ${folderColumn}, ${markColumn} FROM ${changed}) ORDER BY file`,
  );
  const files = found.map(({ file }) => Number(file));
  const kept =
    files.length === 0
      ? ''
      : `UNION ALL SELECT ${columnList(plan, 'r.')}, f.${folderColumn}, f.${markColumn} FROM ${relation} r JOIN lw_files f ON f.${fileColumn} = r.${fileColumn}
         ANTI JOIN (SELECT ${keys} FROM lw_changed) c USING (${keys}) WHERE r.${fileColumn} IN (${files.join(', ')})`;
  await connection.run(
    `CREATE TEMP TABLE lw_out AS SELECT * FROM (SELECT ${placedList(plan)}, ${markColumn} FROM ${changed} ${kept})
     ORDER BY ${folderColumn}, ${markColumn}, ${keys}`,
  );
  return files;
}

async function writeAll(connection: DuckDBConnection, request: MergeRequest): Promise<Pick<MergeResult, 'files'>> {
  const { plan, directory } = request;
  const isThere = await queryRow(connection, `SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = 'lw_out'`);
  if (Number(isThere.n) === 0) return { files: [] };
  const folders = await queryRows(
    connection,
    `SELECT ${told(folderColumn)} AS folder, ${markColumn} AS mark, count(*) AS rows, min(rowid) AS first
     FROM lw_out GROUP BY ${folderColumn}, ${markColumn} ORDER BY ${folderColumn}, ${markColumn}`,
  );
  const files: MergedFile[] = [];
  const marks = marksOf(request);
  for (const { folder, mark, rows, first } of folders) {
    const start = Number(first);
    const slice = (from: number, count: number): string =>
      `SELECT * FROM lw_out WHERE rowid BETWEEN ${start + from} AND ${start + from + count - 1}`;
    const of = { partition: untold(folder) ?? '', mark: marks[Number(mark)] ?? null, rows: Number(rows), slice };
    files.push(...(await writeFolder(connection, of, plan, { directory, first: files.length })));
  }
  return { files };
}

/** What a transformer makes of some records alone, as if there were no others. */
export async function previewRows(
  connection: DuckDBConnection,
  { sources, lookups, plan, rowsMax }: PreviewRequest,
): Promise<PreviewResult> {
  await prepareDates(connection);
  await connection.run(
    `CREATE TEMP TABLE lw_preview (${declared(plan.columns)}, ${folderColumn} VARCHAR, ${fileColumn} INTEGER)`,
  );
  const rejected: RejectedRows[] = [];
  for (const { source, plan: shape } of sources)
    await reading(source, async () => {
      await shapedTable(connection, { source, plan: shape, lookups });
      await connection.run(
        `INSERT INTO lw_preview SELECT ${placedList(plan)}, -1 FROM lw_shaped WHERE ${faultColumn} IS NULL`,
      );
      rejected.push(...(await rejectedIn(connection, 'lw_shaped')));
    });
  const found = await queryRows(
    connection,
    `SELECT ${told('CAST(to_json(r) AS VARCHAR)')} AS json, ${told('folder')} AS folder FROM
     (SELECT ${folderColumn} AS folder, struct_pack(${plan.columns.map(({ name }) => `${sqlName(name)} := ${sqlName(name)}`).join(', ')}) AS r
      FROM (${survivors(plan, 'lw_preview')}) ORDER BY ${keyList(plan)} LIMIT ${rowsMax})`,
  );
  return {
    rows: found.map(({ json, folder }) => ({ json: untold(json) ?? '', partition: untold(folder) ?? '' })),
    rejected,
  };
}
