import type { EntityManager } from '@mikro-orm/postgresql';
import type { RunPlan } from '../../domain/transform/run-state.ts';
import type { SourceFacts } from '../../domain/transform/spec-facts.ts';
import type { TransformRun } from '../../entities/transform-run.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { HeldLease, LeaseService } from '../operations/lease.service.ts';
import { placedLookups } from './lookup-intake.ts';
import type { ProtectionMarks } from './protection-marks.ts';
import type { IntakeSource } from './run-intake.ts';
import { type RangesDeps, rangesOf } from './run-ranges.ts';
import { filesOf, filesOfLookups, type SourceFilesDeps, sourceFormOf } from './source-files.ts';
import type { SourceRecords } from './source-records.ts';
import type { KnownTransformer } from './transformer-facts.ts';

export interface RunSourcesDeps extends RangesDeps, SourceFilesDeps {
  readonly em: EntityManager;
  readonly leases: Pick<LeaseService, 'acquire'>;
}

/** What a run reads: topics, tables and files. */
export class RunSources {
  readonly #deps: RunSourcesDeps;
  readonly #known: KnownTransformer;

  constructor(deps: RunSourcesDeps, known: KnownTransformer) {
    this.#deps = deps;
    this.#known = known;
  }

  /**
   * Runs work with the leases of all tables that are read, so that none of them is rewritten meanwhile. The work gets what asserts that
   * they are still held.
   * @throws LinewardError UPSTREAM_BEHIND while somebody else has one
   */
  async holding<T>(work: (assertHeld: () => Promise<void>) => Promise<T>): Promise<T> {
    const held: HeldLease[] = [];
    try {
      for (const { datasetId, place } of this.#tables) {
        const lease = await this.#deps.leases.acquire(`dataset:${datasetId}`);
        if (lease === null || (await this.#isHalfDone(datasetId))) {
          await lease?.release();
          throw behind(place.name);
        }
        held.push(lease);
      }
      return await work(async () => {
        for (const lease of held) await lease.assertHeld();
      });
    } finally {
      for (const lease of held) await lease.release();
    }
  }

  /** In one order for all, so that two runs that read the same tables do not wait for each other in turn. */
  get #tables(): readonly { readonly datasetId: string; readonly place: SourceFacts['place'] }[] {
    const tables = new Map(
      [...this.#known.sources, ...this.#known.lookups].flatMap(({ kind, datasetId, place }) =>
        kind === 'TABLE' && datasetId !== null ? [[datasetId, { datasetId, place }] as const] : [],
      ),
    );
    return [...tables.values()].sort((one, other) => (one.datasetId < other.datasetId ? -1 : 1));
  }

  /** True for a table in which a killed run has left rows twice; the run has to go on first. */
  async #isHalfDone(datasetId: string): Promise<boolean> {
    const open = await this.#deps.em
      .fork()
      .execute(
        `select 1 from transform_run where dataset_id = ? and finished_at is null and status in ('PUBLISHING', 'SETTLING')`,
        [datasetId],
      );
    return open.length > 0;
  }

  /**
   * What is to be read. What was planned before a kill stays planned, so that files that changed since are told of; a topic that another
   * generation was put in the place of, and tables, are planned anew: what was erased meanwhile is none of theirs. Lookups stay as they
   * were planned, in tables, too: a row must not get another value because a worker was killed.
   */
  async plan(run: Pick<TransformRun, 'versionId' | 'mode' | 'plan'>): Promise<RunPlan> {
    const { sources, spec, compiled } = this.#known;
    const sums = compiled.merge.combine.some((one) => one.with === 'sum');
    const numbered = sources.map((facts, source) => ({ ...facts, source }));
    const topics = numbered
      .filter(({ kind }) => kind === 'TOPIC')
      .map(({ source, place }) => ({ source, topic: place.name }));
    const tables = numbered
      .filter(({ kind }) => kind === 'TABLE')
      .map(({ source, place }) => ({ source, table: place.name, files: undefined }));
    const files = numbered
      .filter(({ kind }) => kind === 'FILES')
      .map(({ source }) => ({ source, table: null, files: spec.sources[source]?.files }));
    const before = run.plan;
    const isGood = before?.ranges.every((range) => sources[range.source]?.place.name === range.topic) === true;
    const isOf = (source: number): boolean => sources[source]?.kind === 'FILES';
    return {
      ranges: isGood ? before.ranges : await rangesOf(this.#deps, run, topics, sums),
      files: [
        ...(await filesOf(this.#deps, run, tables, sums)),
        ...(before?.files?.filter(({ source }) => isOf(source)) ?? (await filesOf(this.#deps, run, files, sums))),
      ],
      lookups: before?.lookups ?? (await filesOfLookups(this.#deps.store, placedLookups(this.#known))),
    };
  }

  /** By source. */
  intake(records: readonly SourceRecords[], marks: ProtectionMarks): readonly IntakeSource[] {
    return this.#known.sources.flatMap(({ kind, fields, jsonTexts }, index) => {
      const of = records[index];
      const { files } = this.#known.spec.sources[index] ?? {};
      if (of === undefined) return [];
      const members = { columns: fields.map(({ name }) => name), jsonTexts };
      // Files that no table has may say of themselves what they like.
      const believed = kind === 'TABLE' ? marks : null;
      return [{ records: of, members, marks: believed, formOf: (path: string) => sourceFormOf(path, files) }];
    });
  }
}

const behind = (table: string): LinewardError =>
  new LinewardError('UPSTREAM_BEHIND', `waiting: something else works on the table ${table}, which the run reads`);
