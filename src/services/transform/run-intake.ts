import type { CompiledSpec } from '../../domain/transform/compile-spec.ts';
import { noStatistics, type ReadRange, type RunStatistics } from '../../domain/transform/run-state.ts';
import type { KafkaGateway } from '../kafka/ports.ts';
import type { LakeStore } from '../lake/ports.ts';
import type { RejectCode, TransformEngine } from './ports.ts';
import type { SourceRejects } from './run-row.ts';
import type { SourceRecords } from './source-records.ts';
import { takeIn } from './topic-intake.ts';

/** Places that are kept of each kind of rejected records. */
const placesMax = 100;
/** Between two looks at whether the run is wanted still. */
const tellMs = 250;

export interface RunIntakeDeps {
  readonly kafka: Pick<KafkaGateway, 'scan'>;
  readonly store: LakeStore;
  readonly engine: TransformEngine;
  readonly signal: AbortSignal;
  /** Folder aside. */
  readonly folder: string;
  readonly shapes: CompiledSpec['shapes'];
  readonly sources: readonly SourceRecords[];
  /** Between batches; throws when nobody wants the run any more. */
  progress(offsets: number): Promise<void>;
}

/** Reads what a run is to read, into chunks of rows that lie aside. */
export class RunIntake {
  readonly #deps: RunIntakeDeps;
  readonly #rejects = new Map<
    string,
    { source: number; code: RejectCode; field: string | null; rows: number; at: string[] }
  >();
  /** Local paths. */
  readonly chunks: string[] = [];
  statistics: RunStatistics = noStatistics;
  #offsets = 0;
  #files = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(deps: RunIntakeDeps) {
    this.#deps = deps;
  }

  get rejects(): readonly SourceRejects[] {
    return [...this.#rejects.values()];
  }

  async read(ranges: readonly ReadRange[]): Promise<void> {
    for (const [source, own] of Map.groupBy(ranges, (range) => range.source)) {
      const records = this.#deps.sources[source];
      if (records === undefined) continue;
      const { kafka, signal } = this.#deps;
      await takeIn({ kafka, source: records, signal }, own, {
        chunk: (lines) => this.#shape(source, lines),
        rejected: (code, places) => this.#reject({ source, code, field: null, rows: places.length, at: places }),
        progress: async ({ read, suppressed, offsets }) => {
          this.#add({ read, suppressed });
          this.#offsets += offsets;
          if (performance.now() - this.#toldAt < tellMs) return;
          this.#toldAt = performance.now();
          await this.#deps.progress(this.#offsets);
        },
      });
    }
  }

  async #shape(source: number, lines: readonly string[]): Promise<void> {
    const { store, engine, folder, shapes, signal } = this.#deps;
    const plan = shapes[source];
    if (plan === undefined) return;
    const number = this.#files;
    this.#files += 1;
    const staged = `${folder}/lines-${number}.staged`;
    await store.stage(staged, Buffer.from(lines.join('\n')));
    const target = store.stagingPath(`${folder}/chunk-${number}.staged`);
    const { rows, rejected } = await engine.shape({ source: store.stagingPath(staged), target, plan }, signal);
    await store.remove(staged);
    this.#add({ rows });
    for (const one of rejected) this.#reject({ ...one, source });
    this.chunks.push(target);
  }

  #reject({ source, code, field, rows, at }: SourceRejects): void {
    const key = JSON.stringify([source, code, field]);
    const known = this.#rejects.get(key) ?? { source, code, field, rows: 0, at: [] };
    known.rows += rows;
    known.at.push(...at.slice(0, placesMax - known.at.length));
    this.#rejects.set(key, known);
    this.#add({ rejected: rows });
  }

  #add(more: Partial<RunStatistics>): void {
    const sum: { -readonly [Name in keyof RunStatistics]: number } = { ...this.statistics };
    for (const name of ['read', 'suppressed', 'rejected', 'rows'] as const) sum[name] += more[name] ?? 0;
    this.statistics = sum;
  }
}
