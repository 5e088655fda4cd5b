import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { SurveyedFile } from '../../../services/lake/ports.ts';
import { failedFinding, reasonOf } from './duckdb-failure.ts';
import type { EngineVerbs } from './engine-protocol.ts';
import { expectNumberable } from './marked-rows.ts';
import { refuseLossyCopy } from './parquet-copy.ts';
import type { FileLayout, FileSchema } from './parquet-facts.ts';
import { readFooters } from './parquet-footers.ts';
import { checkKeyColumns } from './selection-tables.ts';

/** Reads the ends of files, and tries on a copy without rows what a rewrite would do to each kind of them. */
export async function surveyFiles(
  connection: DuckDBConnection,
  { files, keyColumns }: EngineVerbs['survey']['request'],
  tempDir: string,
): Promise<readonly SurveyedFile[]> {
  const kinds = new Map<string, readonly string[]>();
  const refusalsOf = async (schema: FileSchema, layout: FileLayout): Promise<readonly string[]> => {
    const kind = kindOf(schema, layout);
    const known = kinds.get(kind) ?? (await refusals(connection, { schema, layout, keyColumns, tempDir }));
    kinds.set(kind, known);
    return known;
  };
  const surveyed: SurveyedFile[] = [];
  const readers = await readFooters(connection, files);
  for (const [index, path] of files.entries()) {
    try {
      const footer = await readers[index]?.();
      if (footer === undefined) continue;
      const { schema, layout } = footer;
      surveyed.push({
        path,
        rows: layout.rows,
        codec: layout.codec,
        columns: schema.columns.map(({ name, type }) => ({ name, type: type ?? 'NESTED' })),
        refusals: await refusalsOf(schema, layout),
      });
    } catch (error) {
      surveyed.push(failedFinding(error, path));
    }
  }
  return surveyed;
}

/** Equal for files that a rewrite treats alike. */
const kindOf = ({ nodes }: FileSchema, { codec, rowGroupRows, keyValues }: FileLayout): string =>
  JSON.stringify([nodes, codec, rowGroupRows, keyValues.map(({ key, value }) => [hex(key), hex(value)])]);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

async function refusals(
  connection: DuckDBConnection,
  {
    schema,
    layout,
    keyColumns,
    tempDir,
  }: {
    readonly schema: FileSchema;
    readonly layout: FileLayout;
    readonly keyColumns: readonly string[];
    readonly tempDir: string;
  },
): Promise<readonly string[]> {
  const checks = [
    ...keyColumns.map((name) => () => checkKeyColumns(schema, [name])),
    () => expectNumberable(schema),
    () => refuseLossyCopy(connection, schema, layout, join(tempDir, 'survey.probe')),
  ];
  const reasons: string[] = [];
  for (const check of checks) {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'LAKE_TABLE_REFUSED') throw error;
      reasons.push(reasonOf(error));
    }
  }
  return reasons;
}
