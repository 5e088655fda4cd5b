import type { EntityManager } from '@mikro-orm/postgresql';
import type { Logger } from '../../domain/logger.ts';
import { Pace, type TargetProgress } from '../../domain/operations/progress.ts';
import type { TargetStatus } from '../../domain/operations/status.ts';
import type { Gap, TargetPlace } from '../../domain/operations/target.ts';
import { DatasetSchema } from '../../entities/dataset.entity.ts';
import { OperationSchema, type OperationTarget, OperationTargetSchema } from '../../entities/operation.entity.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { isAway, isWorthAnotherRun } from '../../jobs/kit.ts';
import { textArray } from '../sql.ts';
import { companionsOf, isUrgentWaiting } from './companions.ts';
import { executorFor } from './executor-for.ts';
import type { HeldLease, LeaseService } from './lease.service.ts';
import type { OperationDriver } from './operation-driver.ts';
import { OperationSelections, type Retaining } from './operation-subjects.ts';
import { selectionsIn } from './place-selection.ts';
import type { ExecutionContext, TargetExecutor } from './ports.ts';

export interface RunnerDeps {
  readonly em: EntityManager;
  readonly leases: LeaseService;
  readonly driver: Pick<OperationDriver, 'advance'>;
  readonly retains: Retaining;
  readonly executors: readonly TargetExecutor[];
  readonly logger: Logger;
}

export interface TargetRun {
  readonly targetId: string;
  readonly signal: AbortSignal;
  readonly isLastAttempt: boolean;
  readonly report: (progress: TargetProgress) => Promise<void>;
}

type Phase = 'EXECUTE' | 'VERIFY';

const phases = {
  EXECUTE: { from: ['PENDING', 'EXECUTING'], during: 'EXECUTING', after: 'EXECUTED' },
  VERIFY: { from: ['EXECUTED', 'VERIFYING'], during: 'VERIFYING', after: 'VERIFIED' },
} as const satisfies Record<Phase, { from: readonly TargetStatus[]; during: TargetStatus; after: TargetStatus }>;

/**
 * Runs one phase of one target under the lease of its dataset. Every write to the target's row carries the fencing token
 * of the lease and needs it to be the newest, so that a worker which was thought dead and comes back changes nothing.
 */
export class TargetRunner {
  readonly #deps: RunnerDeps;

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
  }

  execute(run: TargetRun): Promise<void> {
    return this.#run('EXECUTE', run);
  }

  verify(run: TargetRun): Promise<void> {
    return this.#run('VERIFY', run);
  }

  async #run(phase: Phase, run: TargetRun): Promise<void> {
    const target = await this.#deps.em.fork().findOneOrFail(OperationTargetSchema, { id: run.targetId });
    if (!(phases[phase].from as readonly TargetStatus[]).includes(target.status)) return;
    const givesWay = phase === 'EXECUTE' && (await isUrgentWaiting(this.#deps.em, target));
    if (givesWay) return this.#wait(target, 'an urgent operation goes first');
    const lease = await this.#deps.leases.acquire(`dataset:${target.datasetId}`);
    if (lease === null) return this.#wait(target, 'another operation or worker holds the lease of this dataset');
    try {
      // How far the phase before was is no news of this one.
      await this.#write(target, lease, { status: phases[phase].during, status_reason: null, progress: null });
      const result = await this.#work(phase, target, lease, run);
      await this.#write(target, lease, { ...result, status: phases[phase].after, status_reason: null });
    } catch (error) {
      await this.#end(phase, target, lease, { error, run });
    } finally {
      await lease.release();
    }
    await this.#deps.driver.advance(target.operationId);
  }

  async #work(
    phase: Phase,
    target: OperationTarget,
    lease: HeldLease,
    run: TargetRun,
  ): Promise<Record<string, unknown>> {
    await this.#assertNotCancelled(target.operationId);
    const context = await this.#context(target, lease, run);
    const executor = executorFor(this.#deps.executors, target.role, context.work.kind);
    if (executor === undefined) throw new LinewardError('INTERNAL', `no executor for ${target.role}`);
    const result =
      phase === 'EXECUTE'
        ? { receipt: JSON.stringify(await executor.execute(context)) }
        : { verification: JSON.stringify(await executor.verify(context)) };
    // A cancelled operation knows nobody, and whoever looks for nobody finds all of it done.
    await this.#assertNotCancelled(target.operationId);
    return result;
  }

  /** What is kept of a run that ended before its end: the receipt of what was done, which says that it is not all. */
  async #soFar(target: OperationTarget, lease: HeldLease, run: TargetRun): Promise<Record<string, unknown>> {
    const context = await this.#context(target, lease, run);
    const executor = executorFor(this.#deps.executors, target.role, context.work.kind);
    const receipt = (await executor?.receiptSoFar?.(context)) ?? null;
    if (receipt === null) return {};
    const unfinished: Gap = {
      code: 'UNFINISHED',
      dataset: context.place.name,
      reason: 'the work ended before it was done; the receipt tells what was done by then',
    };
    return { receipt: JSON.stringify({ ...receipt, open: [...receipt.open, unfinished] }) };
  }

  async #context(target: OperationTarget, lease: HeldLease, run: TargetRun): Promise<ExecutionContext> {
    const em = this.#deps.em.fork();
    const dataset = await em.findOneOrFail(DatasetSchema, { id: target.datasetId });
    const operation = await em.findOneOrFail(OperationSchema, { id: target.operationId });
    const place: TargetPlace = {
      targetId: target.id,
      datasetId: dataset.id,
      namespace: dataset.namespace,
      name: dataset.name,
      role: target.role,
      accountField: target.accountField,
      subjectFields: target.subjectFields,
    };
    const selections = new OperationSelections(this.#deps.em, target.operationId, this.#deps.retains);
    const inPlace = selectionsIn(place);
    const pace = new Pace(Date.now());
    return {
      operationId: target.operationId,
      work: { kind: operation.kind, entityId: operation.entityId ?? null },
      planned: target.estimate,
      place,
      signal: run.signal,
      lease: {
        resource: lease.resource,
        fencingToken: lease.fencingToken,
        assertHeld: async () => {
          run.signal.throwIfAborted();
          await this.#assertNotCancelled(target.operationId);
          await lease.assertHeld();
        },
      },
      selectionNow: async () => inPlace(await selections.now()),
      requested: async () => inPlace(await selections.requested()),
      giveWay: async () => {
        if (await isUrgentWaiting(this.#deps.em, target)) throw new LinewardError('URGENT_FIRST');
      },
      ...(operation.kind === 'ERASURE' && { companions: () => companionsOf(this.#deps, target, dataset.name) }),
      report: async (progress) => {
        await this.#write(target, lease, { progress: JSON.stringify(pace.at(progress, Date.now())) });
        await run.report(progress);
      },
    };
  }

  async #assertNotCancelled(operationId: string): Promise<void> {
    // Asked for each file, and a plan that names many subjects is megabytes.
    const fields = ['status'] as const;
    const operation = await this.#deps.em.fork().findOneOrFail(OperationSchema, { id: operationId }, { fields });
    if (operation.status === 'CANCELLED') throw new LinewardError('CANCELLED', 'the operation was cancelled');
  }

  async #end(
    phase: Phase,
    target: OperationTarget,
    lease: HeldLease,
    end: { error: unknown; run: TargetRun },
  ): Promise<void> {
    const error = end.run.signal.aborted
      ? new LinewardError('CANCELLED', 'the worker stops')
      : toLinewardError(end.error);
    // The row belongs to whoever took over.
    if (error.code === 'LEASE_LOST') return;
    // Waiting, not failing: the sweeper comes back, and no attempt is used up.
    if (isAway(error) && !end.run.signal.aborted) return this.#wait(target, error.message);
    // The process stops: the row stays as it is and the next worker goes on from the world it finds.
    if (end.run.signal.aborted) throw error;
    if (error.code === 'CANCELLED')
      return this.#close(phase, target, lease, { status: 'CANCELLED', reason: error.message, run: end.run });
    const facts = { operationId: target.operationId, targetId: target.id, phase, code: error.code };
    this.#deps.logger.warn({ ...facts, error: error.cause ?? error }, 'a target failed');
    if (isWorthAnotherRun(error) && !end.run.isLastAttempt) throw error;
    const reason = `${error.code}: ${error.message}`;
    await this.#close(phase, target, lease, { status: 'FAILED', reason, run: end.run });
  }

  /** Ends a target before its end, with the evidence of what it had done. */
  async #close(
    phase: Phase,
    target: OperationTarget,
    lease: HeldLease,
    end: { status: TargetStatus; reason: string; run: TargetRun },
  ): Promise<void> {
    let { reason } = end;
    let kept: Record<string, unknown> = {};
    try {
      if (phase === 'EXECUTE') kept = await this.#soFar(target, lease, end.run);
    } catch (error) {
      const { code } = toLinewardError(error);
      if (code === 'LEASE_LOST' || end.run.signal.aborted) throw error;
      reason = `${reason}; what was done before is not known (${code})`;
    }
    await this.#write(target, lease, { ...kept, status: end.status, status_reason: reason });
  }

  async #wait(target: OperationTarget, reason: string): Promise<void> {
    await this.#deps.em
      .fork()
      .execute(
        'update operation_target set status_reason = ?, updated_at = now() where id = ? and status = any(?::text[])',
        [`waiting: ${reason}`, target.id, textArray(['PENDING', 'EXECUTING', 'EXECUTED', 'VERIFYING'])],
      );
  }

  async #write(target: OperationTarget, lease: HeldLease, values: Record<string, unknown>): Promise<void> {
    const columns = Object.keys(values);
    const rows = await this.#deps.em.fork().execute<unknown[]>(
      `update operation_target set ${columns.map((column) => `${column} = ?`).join(', ')}, fencing_token = ?, updated_at = now()
       where id = ? and fencing_token <= ?
         and exists (select 1 from lease where resource = ? and fencing_token = ? for share)
       returning 1`,
      [...Object.values(values), lease.fencingToken, target.id, lease.fencingToken, lease.resource, lease.fencingToken],
    );
    if (rows.length === 0) throw new LinewardError('LEASE_LOST');
  }
}
