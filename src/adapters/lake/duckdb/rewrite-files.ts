import { rm, stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { RewriteResult } from '../../../services/lake/ports.ts';
import { fsyncFile, sha256OfFile } from '../../store/local/durable-file.ts';
import { scanAlike } from './alike-files.ts';
import { reading } from './duckdb-failure.ts';
import { queryRows } from './duckdb-session.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import type { EngineThreads } from './engine-threads.ts';
import {
  expectNumberable,
  isMarked,
  markRows,
  misplacedRows,
  numberedRows,
  secondOpinions,
  useMarks,
} from './marked-rows.ts';
import { goingOn, type Outcome, outcomesOf } from './outcome.ts';
import { copyOptions, expectWritable, type LossyCopyGate } from './parquet-copy.ts';
import type { FileLayout, FileSchema } from './parquet-facts.ts';
import { readFooters, readSchemas } from './parquet-footers.ts';
import { schemaDifferences } from './parquet-schema.ts';
import { inexact, type RewriteEvidence, rewriteFaults } from './rewrite-check.ts';
import type { SelectionTables } from './selection-tables.ts';
import { fileNameColumn, fileOf, parquetFiles, scanned, sqlName, sqlText } from './sql-text.ts';

/** What works on files: the connection holds the tables of the selection. */
interface RewriteParts {
  readonly connection: DuckDBConnection;
  readonly tables: SelectionTables;
  readonly gate: LossyCopyGate;
  readonly threads: EngineThreads;
}

interface OpenedFile {
  readonly path: string;
  readonly staged: string;
  readonly schema: FileSchema;
  readonly layout: FileLayout;
}

/** A file whose rows were judged twice, by marks and by lookup. */
interface JudgedSource extends OpenedFile, Pick<RewriteEvidence, 'rows' | 'found' | 'source'> {}

type Counts = Pick<RewriteEvidence['staged'], 'rows' | 'hits'>;
type ReadBack = Counts & Pick<RewriteEvidence['staged'], 'schemaDifferences'>;
const nothing: Counts = { rows: 0, hits: 0 };

/**
 * Stages copies of files without the rows under the selection, and proves that nothing else changed. What is asked about keys is
 * asked of all files at once; each is then copied, and laid beside its copy.
 */
export async function rewriteFiles(
  parts: RewriteParts,
  files: EngineVerbs['rewrite']['request']['files'],
): Promise<readonly Outcome<RewriteResult>[]> {
  const { connection, threads } = parts;
  try {
    const opened = await openedFiles(parts, files);
    const judged = await goingOn(opened, (some) => judgedSources(parts, some));
    const copied = await goingOn(judged, (some) => outcomesOf(some, (file) => copySurvivors(parts, file)));
    await threads.all(connection);
    const checked = await goingOn(copied, (some) => checkStaged(parts, some));
    const results = await goingOn(checked, (some) => outcomesOf(some, resultOf));
    for (const [index, { error }] of results.entries())
      if (error !== undefined) await rm(files[index]?.staged ?? '', { force: true });
    return results;
  } catch (error) {
    await Promise.all(files.map(({ staged }) => rm(staged, { force: true })));
    throw error;
  } finally {
    // A broken database refuses even that, and is thrown away for what broke it.
    await threads.all(connection).catch(() => undefined);
  }
}

async function openedFiles(
  { connection, tables }: RewriteParts,
  files: EngineVerbs['rewrite']['request']['files'],
): Promise<readonly Outcome<OpenedFile>[]> {
  const sources = files.map(({ source }) => source);
  const readers = await readFooters(connection, sources);
  return outcomesOf(readers, async (read, index) => {
    const { schema, layout } = await read();
    tables.checkKeys(schema);
    expectNumberable(schema);
    const staged = files[index]?.staged ?? '';
    await expectWritable(staged);
    return { path: schema.path, staged, schema, layout };
  });
}

/** Marks the rows that go, by joins, and asks for a second opinion on each row, by lookup. */
export async function judgedSources(
  { connection, tables }: Pick<RewriteParts, 'connection' | 'tables'>,
  files: readonly OpenedFile[],
): Promise<readonly Outcome<JudgedSource>[]> {
  const asked = files.map(({ schema, layout }) => ({ schema, rows: layout.rows }));
  const marked = await markRows(connection, tables, asked);
  const seen = await secondOpinions(connection, tables, asked);
  return files.map((file, index) => {
    const [first, second] = [marked[index], seen[index]];
    if (first?.error !== undefined) return first;
    if (second?.error !== undefined) return second;
    const source = second?.value ?? { rows: 0, matches: 0, disputed: 0 };
    return { value: { ...file, ...(first?.value ?? { rows: 0, found: 0 }), source } };
  });
}

const staysOf = ({ rows, found }: JudgedSource): boolean => found < rows;

/** What goes as a whole is not copied, and nothing of it can be changed on the way. */
async function copySurvivors({ connection, gate, threads }: RewriteParts, file: JudgedSource): Promise<JudgedSource> {
  if (!staysOf(file)) return file;
  const { path, schema, layout, staged } = file;
  await gate.refuse(connection, schema, layout, `${staged}.probe`);
  await useMarks(connection, path);
  await threads.fitTo(connection, layout);
  const columns = schema.columns.map(({ name }) => `${scanned}.${sqlName(name)}`).join(', ');
  await reading(path, () =>
    connection.run(
      `COPY (SELECT ${columns} FROM ${numberedRows(path)} WHERE NOT ${isMarked})
       TO ${sqlText(staged)} (${copyOptions(layout)})`,
    ),
  );
  return file;
}

/**
 * Compares staged files with their sources, whose matches are marked, by other means than those that wrote them: the staged
 * file is read back whole and laid beside what should be in it. LAKE_CHECK_FAILED names each broken rule.
 */
export async function checkStaged(
  { connection, tables, threads }: Omit<RewriteParts, 'gate'>,
  files: readonly JudgedSource[],
): Promise<readonly Outcome<JudgedSource>[]> {
  const staying = files.filter(staysOf);
  const copies = await copiesReadBack(connection, tables, staying);
  const readBack = new Map(staying.map(({ path }, index) => [path, copies[index]]));
  return outcomesOf(files, async (file) => {
    const copy = readBack.get(file.path);
    if (copy?.error !== undefined) throw copy.error;
    const after = copy?.value ?? { ...nothing, schemaDifferences: [] };
    await threads.fitTo(connection, file.layout);
    // A copy that lost a column cannot be laid beside its source, and is refused for that.
    const isLaidBeside = staysOf(file) && after.schemaDifferences.length === 0;
    const misplaced = isLaidBeside ? await misplacedIn(connection, file) : 0;
    const faults = rewriteFaults({ ...file, staged: { ...after, misplaced } });
    if (faults.length > 0) throw inexact(file.path, faults);
    return file;
  });
}

async function misplacedIn(connection: DuckDBConnection, { path, staged, schema }: JudgedSource): Promise<number> {
  await useMarks(connection, path);
  const columns = schema.columns.map(({ name }) => name);
  const files = { source: path, copy: staged, columns, where: `NOT ${isMarked}` };
  return reading(staged, () => misplacedRows(connection, files));
}

async function resultOf(file: JudgedSource): Promise<RewriteResult> {
  const { staged, rows, found } = file;
  if (!staysOf(file)) return { rowsBefore: rows, rowsAfter: 0, found, bytesAfter: 0, stagedSha256: null };
  await fsyncFile(staged);
  const bytesAfter = (await stat(staged)).size;
  return { rowsBefore: rows, rowsAfter: rows - found, found, bytesAfter, stagedSha256: await sha256OfFile(staged) };
}

/** Rows of the copies and matches that are left in them, and in what their schemas are not those of the sources. */
async function copiesReadBack(
  connection: DuckDBConnection,
  tables: SelectionTables,
  files: readonly JudgedSource[],
): Promise<readonly Outcome<ReadBack>[]> {
  const paths = files.map(({ staged }) => staged);
  const readers = await readSchemas(connection, paths);
  const opened = await outcomesOf(readers, async (read, index) => {
    const schema = await read();
    return { schema, schemaDifferences: schemaDifferences(files[index]?.schema.nodes ?? [], schema.nodes) };
  });
  return goingOn(opened, async (some) => {
    const alike = some.filter(({ schemaDifferences: differences }) => differences.length === 0);
    const schemas = alike.map(({ schema }) => schema);
    const counts = [
      ...(await scanAlike(tables, schemas, { of: (copies) => hitsIn(connection, tables, copies), nothing })),
    ];
    return some.map(({ schemaDifferences: differences }): Outcome<ReadBack> => {
      const counted = differences.length === 0 ? counts.shift() : undefined;
      if (counted?.error !== undefined) return counted;
      return { value: { ...(counted?.value ?? nothing), schemaDifferences: differences } };
    });
  });
}

async function hitsIn(
  connection: DuckDBConnection,
  tables: SelectionTables,
  copies: readonly string[],
): Promise<ReadonlyMap<string, Counts>> {
  const rows = await queryRows(
    connection,
    `SELECT ${fileOf()} AS path, count(*) AS total, count(*) FILTER (WHERE ${tables.joinedHit()}) AS hits
     FROM ${parquetFiles(copies, { fileNameColumn })} ${scanned} ${tables.joins()} GROUP BY ${fileOf()}`,
  );
  return new Map(rows.map(({ path, total, hits }) => [String(path), { rows: Number(total), hits: Number(hits) }]));
}
