import type { DuckDBInstance } from '@duckdb/node-api';
import type { LakeFileFormat } from '../file-format.ts';
import { EngineThreads } from './engine-threads.ts';
import { findMatches } from './find-matches.ts';
import { listKeys } from './list-keys.ts';
import { LossyCopyGate } from './parquet-copy.ts';
import { profileFile } from './profile-file.ts';
import { rewriteFiles } from './rewrite-files.ts';
import { surveyFiles } from './survey-files.ts';
import { transformFile } from './transform-file.ts';
import { verifyFiles } from './verify-files.ts';

/** Parquet, by the SQL of DuckDB alone. */
export function parquetFormat(instance: DuckDBInstance, threadsMax: number): LakeFileFormat {
  const gate = new LossyCopyGate();
  const threads = new EngineThreads(threadsMax);
  return {
    find: ({ connection, tables }, files) => findMatches(connection, tables, { files }),
    rewrite: ({ connection, tables }, files) => rewriteFiles({ connection, tables, gate, threads }, files),
    verify: ({ connection, tables }, paths) => verifyFiles(connection, tables, paths),
    transform: ({ connection, tables }, request, exchange) =>
      transformFile(connection, tables, request, { instance, exchange, gate }),
    keys: ({ connection }, request) => listKeys(connection, request),
    survey: ({ connection, tempDir }, request) => surveyFiles(connection, request, tempDir),
    profile: ({ connection }, path) => profileFile(connection, { path }),
  };
}
