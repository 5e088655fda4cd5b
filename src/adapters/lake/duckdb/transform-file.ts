import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { RewriteResult } from '../../../services/lake/ports.ts';
import { fsyncFile, sha256OfFile } from '../../store/local/durable-file.ts';
import { reading } from './duckdb-failure.ts';
import { queryRow } from './duckdb-session.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { expectNumberable, isMarked, markRows, misplacedRows, numberedRows, useMarks } from './marked-rows.ts';
import { copyOptions, expectWritable, keyText, type LossyCopyGate } from './parquet-copy.ts';
import { type FileLayout, type FileSchema, readLayout, readSchema } from './parquet-facts.ts';
import { schemaDifferences } from './parquet-schema.ts';
import {
  expectExact,
  expectFitting,
  placeOf,
  type ReplacedColumn,
  replacedColumns,
  valueIn,
} from './replaced-columns.ts';
import { inexact } from './rewrite-check.ts';
import type { SelectionTables } from './selection-tables.ts';
import { parquetFiles, sqlName, sqlText } from './sql-text.ts';
import { ValueExchange, type ValueWork } from './value-exchange.ts';

/** What the work on one file needs beside the request. */
export interface TransformParts {
  readonly instance: DuckDBInstance;
  readonly exchange: ValueWork['exchange'];
  readonly gate: LossyCopyGate;
}

/**
 * Stages a copy of `source` in which the service has replaced values of some columns in the rows under the selection, and
 * proves that nothing else changed. No file is staged when no value was replaced.
 */
export async function transformFile(
  connection: DuckDBConnection,
  tables: SelectionTables,
  request: Omit<EngineVerbs['transform']['request'], 'selection'>,
  { instance, exchange, gate }: TransformParts,
): Promise<RewriteResult> {
  const { source, staged } = request;
  const schema = await readSchema(connection, source);
  tables.checkKeys(schema);
  expectNumberable(schema);
  const layout = withMetadata(await readLayout(connection, source), request.metadata);
  const columns = await reading(source, () => replacedColumns(connection, schema, request.columns));
  // A table of the whole database: the rows are streamed by one connection while another one fills it.
  const table = `lw_values_${randomUUID().replaceAll('-', '')}`;
  const filler = await instance.connect();
  try {
    if (staged !== null) {
      await expectWritable(staged);
      await gate.refuse(connection, schema, layout, `${staged}.probe`);
    }
    const [marked] = await markRows(connection, tables, [{ schema, rows: layout.rows }]);
    if (marked?.error !== undefined) throw marked.error;
    await useMarks(connection, source);
    await filler.run(`CREATE TABLE ${table} (${columns.map(({ answers }) => `${answers} VARCHAR`).join(', ')})`);
    const work = { ...request, columns, table, exchange };
    const { rows, found, changed } = await new ValueExchange(connection, filler, work).run();
    // Columns in which nothing changed are copied as they are, so it is no matter what their texts could hold.
    await expectExact(connection, source, changed);
    const nothing = { rowsBefore: rows, rowsAfter: rows, found, bytesAfter: 0, stagedSha256: null };
    if (found === 0 || staged === null) return nothing;
    await expectFitting(connection, { path: source, columns: changed, table });
    await copyReplaced(connection, { schema, layout, columns: changed, table, staged });
    await checkReplaced(connection, {
      schema,
      columns: changed,
      table,
      staged,
      rows,
      marked: marked?.value.found ?? 0,
    });
    await fsyncFile(staged);
    const [{ size: bytesAfter }, stagedSha256] = [await stat(staged), await sha256OfFile(staged)];
    return { ...nothing, bytesAfter, stagedSha256 };
  } catch (error) {
    if (staged !== null) await rm(staged, { force: true });
    throw error;
  } finally {
    await filler.run(`DROP TABLE IF EXISTS ${table}`);
    filler.closeSync();
  }
}

function withMetadata(layout: FileLayout, added: Readonly<Record<string, string>>): FileLayout {
  const kept = layout.keyValues.filter(({ key }) => !Object.hasOwn(added, keyText(key)));
  const fresh = Object.entries(added).map(([key, value]) => ({ key: Buffer.from(key), value: Buffer.from(value) }));
  return { ...layout, keyValues: [...kept, ...fresh] };
}

interface ReplacedFile {
  readonly schema: FileSchema;
  readonly columns: readonly ReplacedColumn[];
  readonly table: string;
  readonly staged: string;
}

async function copyReplaced(
  connection: DuckDBConnection,
  { schema, layout, columns, table, staged }: ReplacedFile & { readonly layout: FileLayout },
): Promise<void> {
  const list = schema.columns.map(({ name }) => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column === undefined) return placeOf(name);
    return `${valueIn(column, `${table}.${column.answers}`)} AS ${sqlName(name)}`;
  });
  await reading(schema.path, () =>
    connection.run(
      `COPY (SELECT ${list.join(', ')} FROM ${numberedRows(schema.path)} POSITIONAL JOIN ${table})
       TO ${sqlText(staged)} (${copyOptions(layout)})`,
    ),
  );
}

/** Reads the copy back: what was not replaced stands where it stood, and what was replaced is what the service answered. */
async function checkReplaced(
  connection: DuckDBConnection,
  { schema, columns, table, staged, rows, marked }: ReplacedFile & { readonly rows: number; readonly marked: number },
): Promise<void> {
  const kept = schema.columns.map(({ name }) => name).filter((name) => !columns.some((column) => column.name === name));
  const faults = await reading(staged, async () => {
    const copy = await readSchema(connection, staged);
    const differences = schemaDifferences(schema.nodes, copy.nodes);
    if (differences.length > 0) return [`the schema differs at ${differences.map(({ column }) => column).join(', ')}`];
    const misplaced =
      kept.length === 0
        ? 0
        : await misplacedRows(connection, { source: schema.path, copy: staged, columns: kept, where: 'TRUE' });
    const touched = marked === rows ? 0 : await touchedRows(connection, { source: schema.path, copy: staged, columns });
    const others = columns.map(
      (column) => `${placeOf(column.name)} IS DISTINCT FROM ${valueIn(column, `${table}.${column.answers}`)}`,
    );
    const { total, wrong } = await queryRow(
      connection,
      `SELECT count(*) AS total, count(*) FILTER (WHERE ${others.join(' OR ')}) AS wrong
       FROM ${numberedRows(staged)} POSITIONAL JOIN ${table}`,
    );
    return [
      ...(Number(total) === rows ? [] : [`${rows} rows became ${total}`]),
      ...(misplaced === 0 ? [] : [`${misplaced} places hold another row than the source has there`]),
      ...(touched === 0 ? [] : [`${touched} rows outside the selection were changed`]),
      ...(Number(wrong) === 0 ? [] : [`${wrong} rows do not hold the values that were to be written`]),
    ];
  });
  if (faults.length > 0) throw inexact(schema.path, faults);
}

/** Rows that nobody asked for, in which the copy has another value of a replaced column than the source. */
async function touchedRows(
  connection: DuckDBConnection,
  { source, copy, columns }: { source: string; copy: string; columns: readonly ReplacedColumn[] },
): Promise<number> {
  const differ = columns.map(({ name }) => `${placeOf(name)} IS DISTINCT FROM lw_copy.${sqlName(name)}`);
  const row = await queryRow(
    connection,
    `SELECT count(*) FILTER (WHERE NOT ${isMarked} AND (${differ.join(' OR ')})) AS touched
     FROM ${numberedRows(source)} POSITIONAL JOIN ${parquetFiles([copy])} lw_copy`,
  );
  return Number(row.touched);
}
