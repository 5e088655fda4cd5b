import type { SourceFile } from '../../domain/transform/run-state.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaMessage } from '../kafka/ports.ts';
import type { LakeStore } from '../lake/ports.ts';
import { type IntakeSink, LineIntake } from './line-intake.ts';
import type { ExtractResult, SourceForm, TransformEngine } from './ports.ts';
import type { ProtectionMarks } from './protection-marks.ts';
import type { SourceRecords } from './source-records.ts';
import { stagedLines } from './staged-lines.ts';

/** What is read of the files of a source. */
export interface FiledMembers {
  readonly columns: readonly string[];
  readonly jsonTexts: readonly string[];
}

export interface FileIntakeDeps {
  readonly store: LakeStore;
  readonly engine: Pick<TransformEngine, 'extract'>;
  readonly source: SourceRecords;
  readonly members: FiledMembers;
  readonly formOf: (path: string) => SourceForm;
  /** Folder aside. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** What a file, found at a local path, says is protected in it; null where nobody is to believe it. */
  readonly marks: Pick<ProtectionMarks, 'of'> | null;
}

/**
 * Reads files of one source, one after the other. A file counts as read only if it is the planned one before and after: what is
 * written to while it is read is no content that ever was.
 * @throws LinewardError TRANSFORMER_STATE for a file that is gone, or was changed since it was planned
 */
export async function takeFiles(deps: FileIntakeDeps, files: readonly SourceFile[], sink: IntakeSink): Promise<void> {
  const intake = new LineIntake(deps.source, sink);
  for (const [number, file] of files.entries()) {
    const staged = `${deps.folder}/records.staged`;
    const { refused, refusedAt, mark } = await extracted(deps, file, staged);
    await intake.marked(mark);
    const places = refusedAt.map((line) => `${number}:${line}`);
    if (refused > 0) sink.rejected('UNREADABLE', places, refused);
    let row = 0;
    for await (const value of stagedLines(deps.store.stagingPath(staged))) {
      row += 1;
      if (value.every(isBlank)) continue;
      await intake.take(recordOf(number, row, value));
    }
    await deps.store.remove(staged);
    await intake.passed(1);
  }
  await intake.end();
}

async function extracted(
  deps: FileIntakeDeps,
  file: SourceFile,
  staged: string,
): Promise<ExtractResult & { readonly mark: string | null }> {
  const { store, engine, members, formOf, signal, marks } = deps;
  await assertPlanned(store, file);
  const result = await store
    .reading([file.path], async ([path = '']) => {
      await store.stage(staged, Buffer.alloc(0));
      const target = store.stagingPath(staged);
      const form = formOf(file.path);
      const result = await engine.extract({ ...members, ...form, path, target, rowsMax: null }, signal);
      const isLines = form.format === 'ndjson';
      const mark = (await marks?.of({ path: file.path, local: path, isLines })) ?? null;
      return { ...result, mark };
    })
    .catch(async (error: unknown) => {
      // A file that vanished on the way is told as such.
      await assertPlanned(store, file);
      throw toldOf(file, error);
    });
  await assertPlanned(store, file);
  return result;
}

async function assertPlanned(store: LakeStore, file: SourceFile): Promise<void> {
  const now = await store.stat(file.path);
  if (now?.version === file.version && now.bytes === file.bytes) return;
  throw new LinewardError(
    'TRANSFORMER_STATE',
    `sources.${file.source}: the file ${file.path} ${now === null ? 'is gone' : 'was changed'} since the run was planned, and nothing of it was taken. Run it again: that reads what is there then.`,
    { path: ['sources', String(file.source)], details: { path: file.path } },
  );
}

/** The engine knows a local path alone. */
function toldOf({ path, source }: SourceFile, error: unknown): unknown {
  if (!(error instanceof LinewardError) || typeof error.details.reason !== 'string') return error;
  const message = `sources.${source}: the file ${path} cannot be read: ${error.details.reason}.`;
  return new LinewardError(error.code, message, { path: ['sources', String(source)], details: { path }, cause: error });
}

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x0d || byte === 0x09;

/** Nothing tells when a record of a file was written: it is as old as it can be, and no erasure is older. */
const recordOf = (file: number, row: number, value: Buffer): KafkaMessage => ({
  partition: file,
  offset: String(row),
  timestamp: '0',
  key: null,
  value,
  headers: {},
});
