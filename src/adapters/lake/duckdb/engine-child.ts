/**
 * Entry of the engine's child process, run by plain Node. It is a process of its own because a damaged or hostile file
 * can take down whatever reads it.
 */
import { rmSync } from 'node:fs';
import type { DuckDBInstance } from '@duckdb/node-api';
import { type FileFormat, fileFormats, formatOf } from '../../../domain/lake/file-format.ts';
import { segmentOf } from '../../../domain/lake/index-segment.ts';
import type { IndexResult, KeysResult } from '../../../domain/lake/key-reading.ts';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { ColumnTexts } from '../../../services/lake/ports.ts';
import { avroFormat } from '../avro/avro-format.ts';
import type { EngineParts, LakeFileFormat } from '../file-format.ts';
import { ndjsonFormat } from '../ndjson/ndjson-format.ts';
import { giveRows } from '../reads/give-rows.ts';
import { RecordFileFormat } from '../records/record-file-format.ts';
import { extractLines } from '../transform/extract-lines.ts';
import { lookupRows } from '../transform/lookup-rows.ts';
import { findHits, mergeRows, previewRows } from '../transform/merge-rows.ts';
import { shapeRows } from '../transform/shape-rows.ts';
import { openDuckdb, withConnection } from './duckdb-session.ts';
import type {
  ChildSettings,
  EngineBatch,
  EngineCall,
  EngineFailure,
  EngineReply,
  EngineVerb,
  EngineVerbs,
  FileAnswer,
  SelectingVerb,
} from './engine-protocol.ts';
import { KeptSelections } from './kept-selections.ts';
import type { Outcome } from './outcome.ts';
import { parquetFormat } from './parquet-format.ts';
import { writeFile } from './write-file.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as ChildSettings;
interface Opened {
  readonly instance: DuckDBInstance;
  readonly selections: KeptSelections;
  readonly formats: Readonly<Record<FileFormat, LakeFileFormat>>;
}
let opened: Promise<Opened> | null = null;

/** The answer that the running request waits for. */
let awaited: { readonly batch: number; resolve(texts: ColumnTexts): void } | null = null;

process.on('message', (message: EngineCall | EngineBatch) => {
  if ('verb' in message) void answer(message).then((reply) => process.send?.(reply));
  else if (awaited?.batch === message.batch) awaited.resolve(message.texts);
});
process.on('disconnect', () => {
  rmSync(settings.tempDir, { recursive: true, force: true });
  process.exit();
});

async function open(): Promise<Opened> {
  const instance = await openDuckdb(settings);
  const formats = {
    PARQUET: parquetFormat(instance, settings.threads),
    NDJSON: new RecordFileFormat(ndjsonFormat),
    AVRO: new RecordFileFormat(avroFormat),
  };
  return { instance, selections: new KeptSelections(instance, settings.tempDir), formats };
}

async function answer(call: EngineCall): Promise<EngineReply> {
  try {
    opened ??= open();
    return { id: call.id, ok: true, result: await run(await opened, call) };
  } catch (error) {
    return failedReply(call.id, error);
  }
}

async function run(
  { instance, selections, formats }: Opened,
  call: EngineCall,
): Promise<EngineVerbs[EngineVerb]['result']> {
  const of = (path: string): LakeFileFormat => formats[formatOf(path)];
  switch (call.verb) {
    case 'find':
      return selections.use(call.request.selection, (rows) =>
        byFormat(call.request.files, ownPath, (files, format) => formats[format].find(rows, files)),
      );
    case 'rewrite':
      return selections.use(call.request.selection, (rows) =>
        byFormat(
          call.request.files,
          ({ source }) => source,
          async (files, format) => (await formats[format].rewrite(rows, files)).map(answered),
        ),
      );
    case 'verify':
      return selections.use(call.request.selection, (rows) =>
        byFormat(call.request.files, ownPath, async (files, format) =>
          (await formats[format].verify(rows, files)).map(answered),
        ),
      );
    case 'transform':
      return selections.use(call.request.selection, (rows) =>
        of(call.request.source).transform(rows, call.request, exchangeOf(call.id)),
      );
    default:
      return withConnection<EngineVerbs[EngineVerb]['result']>(instance, (connection) =>
        alone({ connection, tempDir: settings.tempDir }, formats, call),
      );
  }
}

/** Work that no selection goes with. */
async function alone(
  parts: EngineParts,
  formats: Opened['formats'],
  call: Exclude<EngineCall, { readonly verb: SelectingVerb }>,
): Promise<EngineVerbs[EngineVerb]['result']> {
  switch (call.verb) {
    case 'write':
      return writeFile(parts.connection, call.request);
    case 'keys':
      return formats[formatOf(call.request.path)].keys(parts, call.request);
    case 'index':
      return indexed(await formats[formatOf(call.request.path)].keys(parts, call.request), call.request.secret);
    case 'profile':
      return formats[formatOf(call.request.path)].profile(parts, call.request.path);
    case 'survey':
      return byFormat(call.request.files, ownPath, (files, format) =>
        formats[format].survey(parts, { files, keyColumns: call.request.keyColumns }),
      );
    case 'rows': {
      const exchange = exchangeOf(call.id);
      return giveRows(parts.connection, call.request, async (lines) => {
        await exchange({ lines });
      });
    }
    case 'extract':
      return extractLines(parts.connection, call.request);
    case 'lookup':
      return lookupRows(parts.connection, call.request);
    case 'shape':
      return shapeRows(parts.connection, call.request);
    case 'hits':
      return findHits(parts.connection, call.request);
    case 'merge':
      return mergeRows(parts.connection, call.request);
    case 'preview':
      return previewRows(parts.connection, call.request);
  }
}

const indexed = ({ rows, keys }: KeysResult, secret: string): IndexResult => ({
  rows,
  segment: segmentOf(secret, keys),
});

const ownPath = (path: string): string => path;

/** Asks each format for its files, and answers in the order of all. */
async function byFormat<File, T>(
  files: readonly File[],
  pathOf: (file: File) => string,
  ask: (files: readonly File[], format: FileFormat) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const answers = new Map<File, T | undefined>();
  for (const format of fileFormats) {
    const some = files.filter((file) => formatOf(pathOf(file)) === format);
    if (some.length === 0) continue;
    const given = await ask(some, format);
    for (const [index, file] of some.entries()) answers.set(file, given[index]);
  }
  return files.flatMap((file) => answers.get(file) ?? []);
}

function answered<T>(outcome: Outcome<T>): FileAnswer<T> {
  return outcome.error === undefined ? { result: outcome.value } : { failure: failureOf(outcome.error).failure };
}

/** Sends one batch after the other to the parent, and waits for each answer. */
function exchangeOf(id: number): (texts: ColumnTexts) => Promise<ColumnTexts> {
  let batch = 0;
  return (texts) => {
    batch += 1;
    return new Promise((resolve) => {
      awaited = { batch, resolve };
      process.send?.({ id, batch, texts } satisfies EngineBatch);
    });
  };
}

function failedReply(id: number, error: unknown): EngineReply {
  if (error instanceof LinewardError) return { id, ok: false, ...failureOf(error) };
  const failure = {
    code: 'LAKE_ENGINE_FAILED' as const,
    message: 'The lake engine failed for a reason of its own; try again.',
    // The class alone: the message could quote a value.
    details: { reason: 'INTERNAL', kind: /^[A-Z][A-Za-z ]* Error(?=:)/u.exec(messageOf(error))?.[0] ?? 'unknown' },
  };
  return { id, ok: false, failure, retire: true };
}

function failureOf(error: LinewardError): { readonly failure: EngineFailure; readonly retire: boolean } {
  const { retire, ...details } = error.details;
  return { failure: { code: error.code, message: error.message, details }, retire: retire === true };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');
