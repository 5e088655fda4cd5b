import type { DuckDBInstance } from '@duckdb/node-api';
import type { LakeFileFormat } from '../file-format.ts';
import { findMatches } from './find-matches.ts';
import { listKeys } from './list-keys.ts';
import { LossyCopyGate } from './parquet-copy.ts';
import { profileFile } from './profile-file.ts';
import { rewriteFile } from './rewrite-file.ts';
import { surveyFiles } from './survey-files.ts';
import { transformFile } from './transform-file.ts';
import { verifyFile } from './verify-file.ts';

/** Parquet, by the SQL of DuckDB alone. */
export function parquetFormat(instance: DuckDBInstance): LakeFileFormat {
  const gate = new LossyCopyGate();
  return {
    find: ({ connection, tables }, files) => findMatches(connection, tables, { files }),
    rewrite: ({ connection, tables }, request) => rewriteFile(connection, tables, { ...request, gate }),
    verify: ({ connection, tables }, path) => verifyFile(connection, tables, { path }),
    transform: ({ connection, tables }, request, exchange) =>
      transformFile(connection, tables, request, { instance, exchange, gate }),
    keys: ({ connection }, request) => listKeys(connection, request),
    survey: ({ connection, tempDir }, request) => surveyFiles(connection, request, tempDir),
    profile: ({ connection }, path) => profileFile(connection, { path }),
  };
}
