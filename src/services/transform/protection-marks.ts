import { protectionMark } from '../../domain/privacy/plan-mark.ts';
import type { ContentMarks } from '../lake/content-marks.ts';
import type { LakeStore } from '../lake/ports.ts';
import type { MergedFile, TransformEngine } from './ports.ts';

export interface ProtectionMarksDeps {
  readonly marks: ContentMarks;
  readonly store: Pick<LakeStore, 'sha256'>;
  readonly engine: Pick<TransformEngine, 'profile'>;
  readonly signal: AbortSignal;
}

/**
 * What files of a table say is protected in them, which goes with their rows when these are put into others: what is redacted or a token
 * already must not become one again, and what came since must not pass for protected.
 */
export class ProtectionMarks {
  readonly #deps: ProtectionMarksDeps;

  constructor(deps: ProtectionMarksDeps) {
    this.#deps = deps;
  }

  /** Of a file, which is found at a local path. */
  async of(file: { readonly path: string; readonly local: string; readonly isLines: boolean }): Promise<string | null> {
    const { marks, store, engine, signal } = this.#deps;
    if (!file.isLines) return (await engine.profile({ path: file.local, signal })).metadata[protectionMark] ?? null;
    const sha256 = await store.sha256(file.path);
    return sha256 === null ? null : ((await marks.of(sha256))[protectionMark] ?? null);
  }

  /** Of new files, before they get into the table; those whose format has a place for it say it themselves. */
  async keep(files: readonly MergedFile[]): Promise<void> {
    for (const { mark, sha256 } of files)
      if (mark !== null && sha256 !== null) await this.#deps.marks.put(sha256, { [protectionMark]: mark });
  }
}
