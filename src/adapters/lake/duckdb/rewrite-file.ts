import { rm, stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { RewriteResult } from '../../../services/lake/ports.ts';
import { fsyncFile, sha256OfFile } from '../../store/local/durable-file.ts';
import { reading } from './duckdb-failure.ts';
import { queryRow } from './duckdb-session.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { expectNumberable, isMarked, markRows, misplacedRows, numberedRows, secondOpinion } from './marked-rows.ts';
import { copyOptions, expectWritable, type LossyCopyGate } from './parquet-copy.ts';
import { type FileLayout, type FileSchema, readLayout, readSchema } from './parquet-facts.ts';
import { schemaDifferences } from './parquet-schema.ts';
import { inexact, type RewriteEvidence, rewriteFaults } from './rewrite-check.ts';
import type { SelectionTables } from './selection-tables.ts';
import { parquetFiles, scanned, sqlName, sqlText } from './sql-text.ts';

/** Stages a copy of `source` without the rows under the selection, and proves that nothing else changed. */
export async function rewriteFile(
  connection: DuckDBConnection,
  tables: SelectionTables,
  { source, staged, gate }: Omit<EngineVerbs['rewrite']['request'], 'selection'> & { readonly gate: LossyCopyGate },
): Promise<RewriteResult> {
  const schema = await readSchema(connection, source);
  tables.checkKeys(schema);
  expectNumberable(schema);
  const layout = await readLayout(connection, source);
  try {
    await expectWritable(staged);
    const { rows, found } = await markRows(connection, tables, { path: source, rows: layout.rows });
    const stays = found < rows;
    // What goes as a whole is not copied, and nothing of it can be changed on the way.
    if (stays) await gate.refuse(connection, schema, layout, `${staged}.probe`);
    if (stays) await copySurvivors(connection, { schema, layout, staged });
    await checkStaged(connection, { schema, tables, staged: stays ? staged : null, rows, found });
    if (!stays) return { rowsBefore: rows, rowsAfter: 0, found, bytesAfter: 0, stagedSha256: null };
    await fsyncFile(staged);
    const bytesAfter = (await stat(staged)).size;
    const stagedSha256 = await sha256OfFile(staged);
    return { rowsBefore: rows, rowsAfter: rows - found, found, bytesAfter, stagedSha256 };
  } catch (error) {
    await rm(staged, { force: true });
    throw error;
  }
}

/**
 * Compares a staged file with its source, whose matches are marked, by other means than those that wrote it: each row of the
 * source is judged by lookup instead of joins, the staged file is read back whole and laid beside what should be in it.
 * LAKE_CHECK_FAILED names each broken rule. `staged` is null when no row stays.
 */
export async function checkStaged(
  connection: DuckDBConnection,
  input: {
    readonly schema: FileSchema;
    readonly tables: SelectionTables;
    readonly staged: string | null;
    readonly rows: number;
    readonly found: number;
  },
): Promise<void> {
  const { schema, tables, staged, rows, found } = input;
  const source = await reading(schema.path, () => secondOpinion(connection, tables, schema.path));
  const after = staged === null ? nothingStaged : await readBack(connection, schema, tables, staged);
  const faults = rewriteFaults({ rows, found, source, staged: after });
  if (faults.length > 0) throw inexact(schema.path, faults);
}

const nothingStaged: RewriteEvidence['staged'] = { rows: 0, hits: 0, misplaced: 0, schemaDifferences: [] };

async function readBack(
  connection: DuckDBConnection,
  before: FileSchema,
  tables: SelectionTables,
  staged: string,
): Promise<RewriteEvidence['staged']> {
  return reading(staged, async () => {
    const schema = await readSchema(connection, staged);
    const counted = await queryRow(
      connection,
      `SELECT count(*) AS total, count(*) FILTER (WHERE ${tables.joinedHit()}) AS hits
       FROM ${parquetFiles([staged])} ${scanned} ${tables.joins()}`,
    );
    const differences = schemaDifferences(before.nodes, schema.nodes);
    const columns = before.columns.map(({ name }) => name);
    const where = `NOT ${isMarked}`;
    // A copy that lost a column cannot be laid beside its source, and is refused for that.
    const misplaced =
      differences.length > 0
        ? 0
        : await misplacedRows(connection, { source: before.path, copy: staged, columns, where });
    return {
      rows: Number(counted.total),
      hits: Number(counted.hits),
      misplaced,
      schemaDifferences: differences,
    };
  });
}

async function copySurvivors(
  connection: DuckDBConnection,
  { schema, layout, staged }: { readonly schema: FileSchema; readonly layout: FileLayout; readonly staged: string },
): Promise<void> {
  const columns = schema.columns.map(({ name }) => `${scanned}.${sqlName(name)}`).join(', ');
  await reading(schema.path, () =>
    connection.run(
      `COPY (SELECT ${columns} FROM ${numberedRows(schema.path)} WHERE NOT ${isMarked})
       TO ${sqlText(staged)} (${copyOptions(layout)})`,
    ),
  );
}
