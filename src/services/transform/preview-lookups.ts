import { LinewardError } from '../../errors/lineward-error.ts';
import type { RecordReader } from '../kafka/record-reader.ts';
import type { LakeStore } from '../lake/ports.ts';
import type { ProtectionService } from '../privacy/protection.service.ts';
import { nobody } from './erased-subjects.ts';
import { placedLookups, takeLookups } from './lookup-intake.ts';
import type { TransformEngine } from './ports.ts';
import { filesOfLookups } from './source-files.ts';
import { SourceRecords } from './source-records.ts';
import type { KnownTransformer } from './transformer-facts.ts';

/** Somebody waits for a preview. */
const bytesMax = 64 * 1024 * 1024;
const readMs = 30_000;

export interface PreviewLookupsDeps {
  readonly store: LakeStore;
  readonly engine: TransformEngine;
  readonly records: RecordReader;
  readonly protection: Pick<ProtectionService, 'protectTexts'>;
}

/**
 * Lookups as they are now, for some rows that are shown; local paths in the folder, by their numbers.
 * @throws LinewardError LIMIT_EXCEEDED for more than 64 MiB of files, and as {@link takeLookups}
 */
export async function previewLookups(
  deps: PreviewLookupsDeps,
  known: KnownTransformer,
  folder: string,
): Promise<readonly string[]> {
  const files = await filesOfLookups(deps.store, placedLookups(known));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > bytesMax)
    throw new LinewardError(
      'LIMIT_EXCEEDED',
      `document: its lookups have ${bytes} bytes, and a preview reads ${bytesMax} at most; take a part of them to try it`,
      { path: ['document'] },
    );
  const records = known.lookups.map(() => new SourceRecords({ ...deps, erased: nobody, plan: null, keepSealed: true }));
  const signal = AbortSignal.timeout(readMs);
  const progress = async (): Promise<void> => undefined;
  const taken = await takeLookups({ ...deps, signal, folder, records, progress, marks: null }, known, files);
  return taken.map(({ path }) => path);
}
