import { isDeepStrictEqual } from 'node:util';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Logger } from '../../domain/logger.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import type { RunEvent } from '../../domain/transform/run-event.ts';
import type { RunOutputs, RunPlan } from '../../domain/transform/run-state.ts';
import type { SourceFacts } from '../../domain/transform/spec-facts.ts';
import type { LakeTable } from '../../entities/lake-table.entity.ts';
import type { TransformRun } from '../../entities/transform-run.entity.ts';
import type { TransformerVersion } from '../../entities/transformer.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaGateway } from '../kafka/ports.ts';
import type { RecordReader } from '../kafka/record-reader.ts';
import { keysOf } from '../kafka/stream.read-model.ts';
import { ContentMarks } from '../lake/content-marks.ts';
import type { LakeStore } from '../lake/ports.ts';
import type { HeldLease, LeaseService } from '../operations/lease.service.ts';
import type { Notary } from '../operations/ports.ts';
import type { ProtectionReadModel } from '../privacy/protection.read-model.ts';
import type { ProtectionService } from '../privacy/protection.service.ts';
import { ErasedSubjects, nobody } from './erased-subjects.ts';
import { takeLookups } from './lookup-intake.ts';
import type { TransformEngine } from './ports.ts';
import { ProtectionMarks } from './protection-marks.ts';
import { RunIntake } from './run-intake.ts';
import type { RunLineage } from './run-lineage.ts';
import { mergeRun } from './run-merge.ts';
import { movePositionsIn } from './run-ranges.ts';
import type { RunRow } from './run-row.ts';
import { RunSources } from './run-sources.ts';
import { markFilesIn } from './source-files.ts';
import { SourceRecords } from './source-records.ts';
import type { SourceRights } from './source-rights.ts';
import type { PublisherDeps, TablePublisher } from './table-publisher.ts';
import { invalid } from './transformer.service.ts';
import type { KnownTransformer, TransformerFacts } from './transformer-facts.ts';

export interface RunWorkDeps extends PublisherDeps {
  readonly em: EntityManager;
  readonly store: LakeStore;
  readonly engine: TransformEngine;
  readonly kafka: KafkaGateway;
  readonly facts: TransformerFacts;
  readonly rights: Pick<SourceRights, 'assertStill'>;
  readonly records: RecordReader;
  readonly policies: Pick<ProtectionReadModel, 'planOf'>;
  readonly protection: Pick<ProtectionService, 'protectTexts'>;
  readonly notary: Notary;
  readonly lineage: RunLineage;
  readonly leases: LeaseService;
  readonly logger: Logger;
}

export interface RunScope {
  readonly run: TransformRun;
  readonly version: TransformerVersion;
  /** Of the transformer. */
  readonly name: string;
  readonly table: LakeTable;
  readonly row: RunRow;
  readonly publisher: TablePublisher;
  readonly lease: HeldLease;
  readonly signal: AbortSignal;
  readonly report: (progress: { readonly done: number; readonly total: number }) => Promise<void>;
}

/** What a run needs to know of its sources. */
interface Known extends KnownTransformer {
  readonly plans: readonly (ProtectionPlan | null)[];
}

/** One try at a run, from where it is to its end. */
export class RunWork {
  readonly #deps: RunWorkDeps;
  readonly #scope: RunScope;

  constructor(deps: RunWorkDeps, scope: RunScope) {
    this.#deps = deps;
    this.#scope = scope;
  }

  async run(): Promise<void> {
    const { run, row, signal, publisher, lease } = this.#scope;
    // What is decided ends, even when nothing could be made by the document any more.
    if (run.status === 'SETTLING' && run.outputs != null)
      return this.#settle(await this.#known().catch(() => null), run.outputs);
    const known = await this.#known();
    await row.assertWanted(signal);
    await this.#deps.rights.assertStill(run.readsAs, known);
    // With another holder in between somebody may have been erased from the table, and not from what lies aside.
    const isAlone = lease.fencingToken === run.fencingToken + 1;
    const made = run.status === 'PUBLISHING' && isAlone ? run.outputs : null;
    if (made != null && (await this.#publish(known, run.plan, made))) return;
    await publisher.undo();
    await this.#make(known);
  }

  /** Takes back what was made, and says why it ends. */
  async end(status: 'FAILED' | 'CANCELLED', fault: LinewardError | null): Promise<void> {
    const { publisher, row } = this.#scope;
    await publisher.undo();
    const known = await this.#known().catch(() => null);
    const untold =
      known === null ? null : this.#event(known, status === 'FAILED' ? 'FAIL' : 'ABORT', fault?.message ?? null);
    const facts = { code: fault?.code ?? null, reason: fault?.message ?? null, outputs: null, untold };
    await row.write({ status, ...facts, ended: true });
    if (untold !== null) await this.#deps.lineage.tell(this.#scope.run.id, untold);
  }

  /** What is made of the document now: its own versions do not change, but topics and policies do. */
  async #known(): Promise<Known> {
    const { version, table } = this.#scope;
    const checked = await this.#deps.facts.check(version, { isNew: false });
    if (!checked.ok) throw invalid(checked.issues);
    if (!isDeepStrictEqual(checked.compiled.merge.columns, table.columns))
      throw new LinewardError(
        'TRANSFORMER_INVALID',
        'The columns of the table would be others by now, since the mapping or the types of its fields changed. Create a version with another path.',
      );
    const plans = await Promise.all(
      checked.sources.map((source, index) =>
        checked.compiled.shapes[index]?.protects === true
          ? this.#deps.policies.planOf(source.entityId, keysOf(source))
          : null,
      ),
    );
    return { ...checked, plans };
  }

  async #make(known: Known): Promise<void> {
    const { run, row, publisher, signal } = this.#scope;
    const marks = new ProtectionMarks({ ...this.#deps, marks: new ContentMarks(this.#deps.em), signal });
    const { plan, intake } = await this.#read(known, marks);
    await row.putRejects(intake.rejects);
    await row.write({ status: 'MERGING', recordsDone: totalOf(plan), statistics: intake.statistics });
    await row.assertWanted(signal);
    const of = {
      ...this.#deps,
      marks,
      signal,
      location: this.#scope.table.location,
      folder: publisher.folder,
      run: run.number,
    };
    const { outputs, statistics } = await mergeRun(of, intake.chunks, known.compiled.merge);
    await row.assertWanted(signal);
    await row.write({ status: 'PUBLISHING', outputs, statistics: { ...intake.statistics, ...statistics } });
    if (await this.#publish(known, plan, outputs)) return;
    throw new LinewardError('LAKE_FILE_CHANGED', 'A file that the run made aside is gone; it is made again.');
  }

  async #read(known: Known, marks: ProtectionMarks): Promise<{ readonly plan: RunPlan; readonly intake: RunIntake }> {
    const { run, row, publisher, signal, report } = this.#scope;
    const sources = new RunSources(this.#deps, known);
    return sources.holding(async (assertHeld) => {
      const plan = await sources.plan(run);
      const total = totalOf(plan);
      await row.write({ status: 'READING', plan, outputs: null, recordsDone: 0, recordsTotal: total, reason: null });
      await this.#deps.lineage.tell(run.id, this.#event(known, 'START', null));
      const reads = new Set(
        [...plan.ranges.filter(({ from, to }) => from !== to), ...plan.files].map((one) => one.source),
      );
      const lookups = await takeLookups(
        {
          ...this.#deps,
          signal,
          folder: publisher.folder,
          records: known.lookups.map((lookup) => this.#records(lookup, known, null)),
          marks,
          progress: async () => {
            await row.assertWanted(signal);
            await assertHeld();
          },
        },
        known,
        plan.lookups,
        (source) => reads.has(source),
      );
      const intake = new RunIntake({
        ...this.#deps,
        signal,
        folder: publisher.folder,
        shapes: known.compiled.shapes.map((shape) => ({ ...shape, days: run.days ?? null })),
        sources: sources.intake(
          known.sources.map((one, index) => this.#records(one, known, known.plans[index] ?? null)),
          marks,
        ),
        lookups,
        lookupPlans: known.compiled.lookups,
        origins: known.compiled.origins,
        progress: async (done) => {
          await row.assertWanted(signal);
          await assertHeld();
          await row.write({ recordsDone: Math.min(done, total) });
          await report({ done: Math.min(done, total), total });
        },
      });
      await intake.read(plan);
      await assertHeld();
      return { plan, intake };
    });
  }

  /** What reads the records of a source or a lookup. */
  #records(of: SourceFacts, { resource }: Known, plan: ProtectionPlan | null): SourceRecords {
    const { datasetId } = this.#scope.table;
    const { kind, entityId, accountField, subjectFields } = of;
    const table = kind === 'TABLE' && of.datasetId !== null ? { datasetId: of.datasetId, entityId } : null;
    const records = { entityIds: [entityId, resource.entityId], datasetId, accountField, subjectFields, table };
    const erased = accountField === '' ? nobody : new ErasedSubjects(this.#deps, records);
    return new SourceRecords({ ...this.#deps, erased, plan, keepSealed: kind !== 'TOPIC' });
  }

  /** False when files that lay aside are gone. */
  async #publish(known: Known, plan: RunPlan | null | undefined, outputs: RunOutputs): Promise<boolean> {
    const { run, row, publisher, version, signal, lease } = this.#scope;
    await row.assertWanted(signal);
    const published = await publisher.publish(outputs, () => lease.assertHeld());
    if (published === null) return false;
    await this.#deps.em.fork().transactional(async (tx) => {
      await row.writeIn(tx, { status: 'SETTLING' });
      await publisher.registerIn(tx, published);
      // What a back-fill passes over is not taken.
      if (run.mode === 'BACKFILL') return;
      await movePositionsIn(tx, version.id, plan?.ranges ?? []);
      await markFilesIn(tx, version.id, plan?.files ?? []);
    });
    await this.#settle(known, outputs);
    return true;
  }

  async #settle(known: Known | null, outputs: RunOutputs): Promise<void> {
    const { row, publisher, run } = this.#scope;
    await publisher.settle(outputs, known?.compiled ?? null);
    const untold = known === null ? null : this.#event(known, 'COMPLETE', null);
    await row.write({ status: 'COMPLETED', untold, reason: null, ended: true });
    if (untold !== null) await this.#deps.lineage.tell(run.id, untold);
  }

  #event(
    { sources, lookups, compiled, plans }: Known,
    eventType: RunEvent['eventType'],
    reason: string | null,
  ): string {
    const { run, name, table } = this.#scope;
    const masked = plans.map(
      (plan) => new Set((plan?.steps ?? []).filter(({ action }) => action !== 'NONE').map(({ path }) => path)),
    );
    return this.#deps.lineage.textOf(name, {
      eventType,
      runId: run.id,
      inputs: [...sources, ...lookups].map(({ place }) => place),
      output: { namespace: this.#deps.store.namespace, name: table.location },
      columns: table.columns,
      origins: compiled.origins,
      masked,
      reason,
    });
  }
}

/** Offsets and files. */
const totalOf = ({ ranges, files }: RunPlan): number =>
  ranges.reduce((sum, { from, to }) => sum + Number(BigInt(to) - BigInt(from)), files.length);
