import type { DuckDBInstance } from '@duckdb/node-api';
import type { LakeFileFormat } from '../file-format.ts';
import { EngineThreads } from './engine-threads.ts';
import { findMatches } from './find-matches.ts';
import { listKeys } from './list-keys.ts';
import { goingOn } from './outcome.ts';
import { LossyCopyGate } from './parquet-copy.ts';
import { profileFile } from './profile-file.ts';
import { rewriteFiles } from './rewrite-files.ts';
import { amongPassing, expectReadableFile, expectSoundFile, soundOutcomes } from './sound-files.ts';
import { surveyFiles } from './survey-files.ts';
import { transformFile } from './transform-file.ts';
import { verifyFiles } from './verify-files.ts';

/**
 * Parquet, by the SQL of DuckDB alone. What DuckDB does not check is checked before rows are read: in the columns that are read, or
 * in the whole file where its rows are copied, or it is read back. It is checked again each time: a disk may spoil what was sound before.
 */
export function parquetFormat(instance: DuckDBInstance, threadsMax: number): LakeFileFormat {
  const gate = new LossyCopyGate();
  const threads = new EngineThreads(threadsMax);
  return {
    find: ({ connection, tables }, files) =>
      amongPassing(
        files,
        (path) => expectSoundFile(path, tables.readColumns()),
        (sound) => findMatches(connection, tables, { files: sound }),
      ),
    rewrite: async ({ connection, tables }, files) =>
      goingOn(await soundOutcomes(files, ({ source }) => source), (sound) =>
        rewriteFiles({ connection, tables, gate, threads }, sound),
      ),
    verify: async ({ connection, tables }, paths) =>
      goingOn(await soundOutcomes(paths, (path) => path), (sound) => verifyFiles(connection, tables, sound)),
    transform: async ({ connection, tables }, request, exchange) => {
      await expectSoundFile(request.source, null);
      return transformFile(connection, tables, request, { instance, exchange, gate });
    },
    keys: async ({ connection }, request) => {
      await expectSoundFile(request.path, request.columns);
      return listKeys(connection, request);
    },
    survey: ({ connection, tempDir }, request) =>
      amongPassing(request.files, expectReadableFile, (files) =>
        surveyFiles(connection, { ...request, files }, tempDir),
      ),
    profile: async ({ connection }, path) => {
      await expectReadableFile(path);
      return profileFile(connection, { path });
    },
  };
}
