import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { RewriteResult } from '../../../services/lake/ports.ts';
import { fsyncFile, sha256OfFile } from '../../store/local/durable-file.ts';
import { readFailure, writeFailure } from './duckdb-failure.ts';
import { queryRow } from './duckdb-session.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { type FileLayout, type FileSchema, readLayout, readSchema } from './parquet-facts.ts';
import { type SchemaDifference, schemaDifferences } from './parquet-schema.ts';
import { type RewriteEvidence, rewriteFaults } from './rewrite-check.ts';
import { digestFile, emptyDigest } from './row-digest.ts';
import { SelectionTables, scanned } from './selection-tables.ts';
import { parquetFiles, sqlBlob, sqlName, sqlText } from './sql-text.ts';

/** DuckDB's unit of row groups. */
const vectorRows = 2048;

/** Stages a copy of `source` without the rows under the selection, and proves that nothing else changed. */
export async function rewriteFile(
  connection: DuckDBConnection,
  { source, staged, selection }: EngineVerbs['rewrite']['request'],
): Promise<RewriteResult> {
  const tables = await SelectionTables.load(connection, selection);
  const schema = await readSchema(connection, source);
  tables.checkKeys(schema);
  const layout = await readLayout(connection, source);
  try {
    await expectWritable(staged);
    await refuseLossyCopy(connection, schema, layout, `${staged}.probe`);
    const { rows, found } = await countHits(connection, tables, source);
    const stays = found < rows;
    if (stays) await copySurvivors(connection, { schema, layout, tables, staged });
    const checked = await checkStaged(connection, { schema, tables, staged: stays ? staged : null, rows, found });
    if (!stays) return { rowsBefore: rows, rowsAfter: 0, found, bytesAfter: 0, stagedSha256: null, ...checked };
    await fsyncFile(staged);
    const bytesAfter = (await stat(staged)).size;
    const stagedSha256 = await sha256OfFile(staged);
    return { rowsBefore: rows, rowsAfter: rows - found, found, bytesAfter, stagedSha256, ...checked };
  } catch (error) {
    await rm(staged, { force: true });
    throw error;
  }
}

/**
 * Compares a staged file with its source by other means than those that wrote it: the source is judged by lookup
 * instead of joins, the staged file is read back whole. LAKE_CHECK_FAILED names each broken rule. `staged` is null
 * when no row stays.
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
): Promise<{ readonly survivorsDigest: string }> {
  const { schema, tables, staged, rows, found } = input;
  const source = await reading(schema.path, () => digestFile(connection, schema, tables.scannedHit()));
  const after = staged === null ? nothingStaged : await readBack(connection, schema, tables, staged);
  const faults = rewriteFaults({ rows, found, source, staged: after });
  if (faults.length > 0) {
    throw new LinewardError(
      'LAKE_CHECK_FAILED',
      `The rewritten copy of ${schema.path} is not exact (${faults.join('; ')}); the original is untouched.`,
      { details: { path: schema.path, faults } },
    );
  }
  return { survivorsDigest: source.survivorsDigest };
}

const nothingStaged: RewriteEvidence['staged'] = { rows: 0, hits: 0, digest: emptyDigest, schemaDifferences: [] };

async function readBack(connection: DuckDBConnection, before: FileSchema, tables: SelectionTables, staged: string) {
  return reading(staged, async () => {
    const schema = await readSchema(connection, staged);
    const { rows, survivorsDigest } = await digestFile(connection, schema, 'FALSE');
    const { found } = await countHits(connection, tables, staged);
    const differences = schemaDifferences(before.nodes, schema.nodes);
    return { rows, hits: found, digest: survivorsDigest, schemaDifferences: differences };
  });
}

async function countHits(connection: DuckDBConnection, tables: SelectionTables, path: string) {
  return reading(path, async () => {
    const row = await queryRow(
      connection,
      `SELECT count(*) AS total, count(*) FILTER (WHERE ${tables.joinedHit()}) AS found
       FROM ${parquetFiles([path])} ${scanned} ${tables.joins()}`,
    );
    return { rows: Number(row.total), found: Number(row.found) };
  });
}

async function copySurvivors(
  connection: DuckDBConnection,
  input: {
    readonly schema: FileSchema;
    readonly layout: FileLayout;
    readonly tables: SelectionTables;
    readonly staged: string;
  },
): Promise<void> {
  const { schema, layout, tables, staged } = input;
  const columns = schema.columns.map(({ name }) => `${scanned}.${sqlName(name)}`).join(', ');
  await reading(schema.path, () =>
    connection.run(
      `COPY (SELECT ${columns} FROM ${parquetFiles([schema.path])} ${scanned} ${tables.joins()}
             WHERE NOT ${tables.joinedHit()})
       TO ${sqlText(staged)} (${copyOptions(layout)})`,
    ),
  );
}

function copyOptions(layout: FileLayout): string {
  const options = ['FORMAT parquet', `COMPRESSION ${sqlText(layout.codec)}`];
  if (layout.rowGroupRows > 0) {
    options.push(`ROW_GROUP_SIZE ${Math.ceil(layout.rowGroupRows / vectorRows) * vectorRows}`);
  }
  if (layout.keyValues.length > 0) {
    const entries = layout.keyValues.map(({ key, value }) => `${sqlName(keyText(key))}: ${sqlBlob(value)}`);
    options.push(`KV_METADATA {${entries.join(', ')}}`);
  }
  return options.join(', ');
}

/** Tells a place that cannot be written from a source that cannot be read, which COPY reports alike. */
async function expectWritable(staged: string): Promise<void> {
  try {
    await mkdir(dirname(staged), { recursive: true });
    await writeFile(staged, '');
    await rm(staged);
  } catch (error) {
    throw writeFailure(error, staged);
  }
}

/**
 * Copies no rows at all and compares the two files' footers: what differs now would differ after the rewrite, and is
 * found before the work is done. LAKE_TABLE_REFUSED lists it.
 */
async function refuseLossyCopy(connection: DuckDBConnection, schema: FileSchema, layout: FileLayout, probe: string) {
  const keys = new Set(layout.keyValues.map(({ key }) => keyText(key).toLowerCase()));
  if (keys.size < layout.keyValues.length) throw lossyCopy(schema.path, [metadataDifference]);
  try {
    await reading(schema.path, () =>
      connection.run(
        `COPY (SELECT * FROM ${parquetFiles([schema.path])} LIMIT 0) TO ${sqlText(probe)} (${copyOptions(layout)})`,
      ),
    );
    const copy = await readSchema(connection, probe);
    const differences = schemaDifferences(schema.nodes, copy.nodes);
    const kept = await readLayout(connection, probe);
    if (metadataText(kept) !== metadataText(layout)) differences.push(metadataDifference);
    if (differences.length > 0) throw lossyCopy(schema.path, differences);
  } finally {
    await rm(probe, { force: true });
  }
}

const metadataDifference: SchemaDifference = {
  column: '',
  what: 'key-value metadata',
  from: 'as written',
  to: 'changed or lost',
};

function lossyCopy(path: string, differences: readonly SchemaDifference[]): LinewardError {
  const told = differences.slice(0, 5).map(({ column, what, from, to }) => `${column} ${what} ${from} → ${to}`.trim());
  const more = differences.length > told.length ? `, and ${differences.length - told.length} more` : '';
  const reason = `a rewrite would change ${told.join(', ')}${more}`;
  return new LinewardError('LAKE_TABLE_REFUSED', `The lake file ${path} cannot be rewritten in place: ${reason}.`, {
    details: { path, reason, differences },
  });
}

const keyText = (key: Uint8Array): string => Buffer.from(key).toString('utf8');

const metadataText = (layout: FileLayout): string =>
  layout.keyValues
    .map(({ key, value }) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`)
    .sort()
    .join('\n');

async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw readFailure(error, path);
  }
}
