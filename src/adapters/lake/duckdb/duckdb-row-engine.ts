import type { GiveRows, RowEngine, RowReader, RowsRequest } from '../../../services/lake-reads/ports.ts';
import { EngineProcess, type EngineProcessOptions } from './engine-process.ts';

/** DuckDB in a child process for each read. */
export class DuckdbRowEngine implements RowEngine {
  readonly #options: EngineProcessOptions;

  constructor(options: EngineProcessOptions) {
    this.#options = options;
  }

  open(): RowReader {
    const process = new EngineProcess(this.#options);
    return {
      async rows(request: RowsRequest, give: GiveRows, signal: AbortSignal): Promise<void> {
        const replace = async ({ lines = [] }: Readonly<Record<string, readonly (string | null)[]>>) => {
          await give(lines.filter((line) => line !== null));
          return {};
        };
        await process.request('rows', request, { signal, replace });
      },
      close: () => process.close(),
    };
  }
}
