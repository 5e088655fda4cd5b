import { engineSelectionOf, type FileSearchDeps, type FileSearched, searchFiles } from './file-search.ts';
import type { FileIdentity } from './ports.ts';
import type { ActionScope, FileSeen, RewriteAction, StagedFile } from './rewrite-action.ts';

/** Leaves the rows of the selection out. */
export class ErasureAction implements RewriteAction {
  readonly mark = null;
  readonly erases = true;
  readonly #deps: FileSearchDeps;

  constructor(deps: FileSearchDeps) {
    this.#deps = deps;
  }

  search(files: readonly FileIdentity[], scope: ActionScope): Promise<readonly FileSearched[]> {
    return searchFiles(this.#deps, files, scope);
  }

  stage(
    paths: { readonly source: string; readonly staged: string },
    { place, selection, signal }: ActionScope,
  ): Promise<StagedFile> {
    return this.#deps.engine.rewrite({ ...paths, selection: engineSelectionOf(place, selection), signal });
  }

  async see(path: string, { place, selection, signal }: ActionScope): Promise<FileSeen> {
    const seen = await this.#deps.engine.verify({ path, selection: engineSelectionOf(place, selection), signal });
    const { rows, matches, sha256 } = seen;
    return { rows, left: matches, kept: rows - matches, sha256 };
  }
}
