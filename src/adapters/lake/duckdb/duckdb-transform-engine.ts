import type { ProfileRequest, ProfileResult } from '../../../services/lake/ports.ts';
import type {
  ExtractRequest,
  ExtractResult,
  HitsRequest,
  HitsResult,
  LookupRequest,
  LookupResult,
  MergeRequest,
  MergeResult,
  PreviewRequest,
  PreviewResult,
  ShapeRequest,
  ShapeResult,
  TransformEngine,
} from '../../../services/transform/ports.ts';
import { EngineProcess, type EngineProcessOptions } from './engine-process.ts';

/**
 * DuckDB in a child process of its own: a run of a transformer takes minutes, and landings and operations must not wait for it.
 * The process starts with the first request.
 */
export class DuckdbTransformEngine implements TransformEngine {
  readonly #process: EngineProcess;

  constructor(options: EngineProcessOptions) {
    this.#process = new EngineProcess(options);
  }

  /** Process id of the running child, for diagnosis. */
  get childPid(): number | undefined {
    return this.#process.pid;
  }

  extract(request: ExtractRequest, signal?: AbortSignal): Promise<ExtractResult> {
    return this.#process.request('extract', request, { signal });
  }

  profile({ signal, ...request }: ProfileRequest): Promise<ProfileResult> {
    return this.#process.request('profile', request, { signal });
  }

  lookup(request: LookupRequest, signal?: AbortSignal): Promise<LookupResult> {
    return this.#process.request('lookup', request, { signal });
  }

  shape(request: ShapeRequest, signal?: AbortSignal): Promise<ShapeResult> {
    return this.#process.request('shape', request, { signal });
  }

  hits(request: HitsRequest, signal?: AbortSignal): Promise<HitsResult> {
    return this.#process.request('hits', request, { signal });
  }

  merge(request: MergeRequest, signal?: AbortSignal): Promise<MergeResult> {
    return this.#process.request('merge', request, { signal });
  }

  preview(request: PreviewRequest, signal?: AbortSignal): Promise<PreviewResult> {
    return this.#process.request('preview', request, { signal });
  }

  close(): Promise<void> {
    return this.#process.close();
  }
}
