import { carriedMark } from '../../domain/transform/carried-marks.ts';
import type { CompiledSpec } from '../../domain/transform/compile-spec.ts';
import { noStatistics, type RunPlan, type RunStatistics, type SourceFile } from '../../domain/transform/run-state.ts';
import type { KafkaGateway } from '../kafka/ports.ts';
import type { LakeStore } from '../lake/ports.ts';
import { type FiledMembers, type FileIntakeDeps, takeFiles } from './file-intake.ts';
import type { IntakeSink } from './line-intake.ts';
import type { TakenLookup } from './lookup-intake.ts';
import type { Chunk, RejectCode, SourceForm, TransformEngine } from './ports.ts';
import type { SourceRejects } from './run-row.ts';
import type { SourceRecords } from './source-records.ts';
import { takeIn } from './topic-intake.ts';

/** Places that are kept of each kind of rejected records. */
const placesMax = 100;
/** A source of a run. */
export interface IntakeSource {
  readonly records: SourceRecords;
  readonly marks: FileIntakeDeps['marks'];
  readonly members: FiledMembers;
  readonly formOf: (path: string) => SourceForm;
}

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
  readonly sources: readonly IntakeSource[];
  /** By their numbers. */
  readonly lookups: readonly TakenLookup[];
  readonly origins: CompiledSpec['origins'];
  readonly lookupPlans: CompiledSpec['lookups'];
  /** Between batches, with the offsets and files that are passed; throws when nobody wants the run any more. */
  progress(passed: number): Promise<void>;
}

/** Reads what a run is to read, into chunks of rows that lie aside. */
export class RunIntake {
  readonly #deps: RunIntakeDeps;
  readonly #rejects = new Map<
    string,
    { source: number; code: RejectCode; field: string | null; rows: number; at: string[] }
  >();
  readonly chunks: Chunk[] = [];
  statistics: RunStatistics = noStatistics;
  #passed = 0;
  #chunks = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(deps: RunIntakeDeps) {
    this.#deps = deps;
  }

  get rejects(): readonly SourceRejects[] {
    return [...this.#rejects.values()];
  }

  async read({ ranges, files }: RunPlan): Promise<void> {
    const { kafka, signal } = this.#deps;
    for (const [index, source] of this.#deps.sources.entries()) {
      const of = { ...this.#deps, ...source, source: source.records };
      const own = ranges.filter((range) => range.source === index && BigInt(range.from) < BigInt(range.to));
      await takeIn({ kafka, source: source.records, signal }, own, this.#sinkOf(index, []));
      const filed = files.filter((file) => file.source === index);
      if (filed.length > 0) await takeFiles(of, filed, this.#sinkOf(index, filed));
    }
  }

  #sinkOf(source: number, files: readonly SourceFile[]): IntakeSink {
    return {
      chunk: (lines, mark) => this.#shape(source, lines, { files, mark }),
      rejected: (code, places, rows = places.length) =>
        this.#reject({ source, code, field: null, rows, at: placesIn(places, files) }),
      progress: async ({ read, suppressed, passed }) => {
        this.#add({ read, suppressed });
        this.#passed += passed;
        if (performance.now() - this.#toldAt < tellMs) return;
        this.#toldAt = performance.now();
        await this.#deps.progress(this.#passed);
      },
    };
  }

  async #shape(
    source: number,
    lines: readonly string[],
    { files, mark }: { readonly files: readonly SourceFile[]; readonly mark: string | null },
  ): Promise<void> {
    const { store, engine, folder, shapes, signal } = this.#deps;
    const plan = shapes[source];
    if (plan === undefined) return;
    const number = this.#chunks;
    this.#chunks += 1;
    const staged = `${folder}/lines-${number}.staged`;
    await store.stage(staged, Buffer.from(lines.join('\n')));
    const target = store.stagingPath(`${folder}/chunk-${number}.staged`);
    const lookups = this.#deps.lookups.map(({ path }) => path);
    const { rows, rejected } = await engine.shape({ source: store.stagingPath(staged), target, plan, lookups }, signal);
    await store.remove(staged);
    this.#add({ rows });
    for (const one of rejected) this.#reject({ ...one, source, at: placesIn(one.at, files) });
    this.chunks.push({ path: target, mark: this.#markOf(source, mark) });
  }

  /** What is protected in rows of a source, by its files and by what they look up. */
  #markOf(source: number, own: string | null): string | null {
    const { sources, lookups, lookupPlans, origins } = this.#deps;
    const found = lookupPlans.flatMap((plan, lookup): [number, string | null][] =>
      plan.source === source ? [[sources.length + lookup, lookups[lookup]?.mark ?? null]] : [],
    );
    return carriedMark(origins, new Map([[source, own], ...found]));
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

/** Of files by their paths: `<path>:<row>`; rows of topics stay as they are. */
function placesIn(places: readonly string[], files: readonly SourceFile[]): readonly string[] {
  if (files.length === 0) return places;
  return places.map((place) => {
    const colon = place.indexOf(':');
    return `${files[Number(place.slice(0, colon))]?.path ?? ''}${place.slice(colon)}`;
  });
}
