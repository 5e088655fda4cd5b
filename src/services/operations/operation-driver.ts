import type { EntityManager } from '@mikro-orm/postgresql';
import type { Logger } from '../../domain/logger.ts';
import { workingStatuses } from '../../domain/operations/status.ts';
import { CertificateSchema } from '../../entities/certificate.entity.ts';
import { type Operation, type OperationTarget, OperationTargetSchema } from '../../entities/operation.entity.ts';
import { certifyOperationJob } from '../../jobs/certify-operation.job.ts';
import { executeTargetJob } from '../../jobs/execute-target.job.ts';
import type { JobContract, JobScheduler } from '../../jobs/kit.ts';
import { planOperationJob } from '../../jobs/plan-operation.job.ts';
import { verifyTargetJob } from '../../jobs/verify-target.job.ts';
import { textArray } from '../sql.ts';
import { dropExpiredIdentifiers, dropUnendedIntakes, expireUnapproved } from './identifier-expiry.ts';
import { ensureAlive, type NeededTask } from './needed-task.ts';
import { lockOperation } from './operation-lock.ts';

export interface DriverDeps {
  readonly em: EntityManager;
  readonly scheduler: JobScheduler;
  readonly logger: Logger;
}

/** What has work left, and what was cancelled in the middle of its work and has no certificate of what it did. */
const unfinished = `
  select o.id from operation o where o.status = any(?::text[]) or (o.status = 'CANCELLED'
    and exists (select 1 from operation_target t where t.operation_id = o.id and t.round = o.round and t.fencing_token > 0)
    and not exists (select 1 from certificate c where c.operation_id = o.id and c.round = o.round))`;

const sweepMax = 1_000;
const expiryIntervalMs = 3_600_000;

/**
 * Moves operations on. PostgreSQL says what is to be done, the queue only when: `advance` reads the rows and sees to it
 * that each needed task is alive, so a lost task, a killed worker or an emptied queue costs time and nothing else.
 */
export class OperationDriver {
  readonly #deps: DriverDeps;
  #expiryDueAt = 0;

  constructor(deps: DriverDeps) {
    this.#deps = deps;
  }

  /** Brings one operation to its next status if it is ready, and enqueues what it needs. Safe to call at any time. */
  async advance(operationId: string): Promise<void> {
    const needed = await this.#deps.em.fork().transactional(async (tx) => {
      const operation = await lockOperation(tx, operationId);
      const targets = await tx.find(OperationTargetSchema, { operationId, round: operation.round });
      step(operation, targets);
      const { round } = operation;
      if (operation.status === 'CANCELLED' && (await tx.count(CertificateSchema, { operationId, round })) > 0)
        return [];
      return this.#neededTasks(operation, targets);
    });
    for (const task of needed) {
      // What is asked for is committed; a queue that is away costs time, and the sweeper comes back.
      await ensureAlive(this.#deps, task).catch((error: unknown) => {
        this.#deps.logger.warn({ operationId, job: task.job.name, error }, 'a task could not be enqueued');
      });
    }
  }

  /** Takes up every operation that has work left: the outbox reader, and the repair of everything that got lost. */
  async sweep(): Promise<void> {
    await this.#expire();
    const open = await this.#deps.em
      .fork()
      .execute<{ id: string }[]>(`${unfinished} order by id limit ${sweepMax}`, [textArray(workingStatuses)]);
    for (const { id } of open) {
      await this.advance(id).catch((error: unknown) => {
        this.#deps.logger.warn({ operationId: id, error }, 'an operation could not be advanced');
      });
    }
  }

  async #expire(): Promise<void> {
    if (Date.now() < this.#expiryDueAt) return;
    await expireUnapproved(this.#deps.em);
    await dropExpiredIdentifiers(this.#deps.em);
    await dropUnendedIntakes(this.#deps.em);
    this.#expiryDueAt = Date.now() + expiryIntervalMs;
  }

  #neededTasks(operation: Operation, targets: readonly OperationTarget[]): NeededTask[] {
    switch (operation.status) {
      case 'REQUESTED':
      case 'PLANNING':
        return [this.#operationTask(planOperationJob, operation)];
      case 'EXECUTING': {
        const open = targets.filter((target) => target.status === 'PENDING' || target.status === 'EXECUTING');
        const first = Math.min(...open.map((target) => target.sequence));
        return open
          .filter((target) => target.sequence === first)
          .map((target) => this.#targetTask(executeTargetJob, target));
      }
      case 'VERIFYING': {
        const open = targets.filter((target) => target.status === 'EXECUTED' || target.status === 'VERIFYING');
        if (open.length === 0) return [this.#operationTask(certifyOperationJob, operation)];
        return open.map((target) => this.#targetTask(verifyTargetJob, target));
      }
      case 'CANCELLED':
        return this.#closingTasks(operation, targets);
      default:
        return [];
    }
  }

  /** A cancelled operation still says what it had done: each place that was at work ends its run, then all is certified. */
  #closingTasks(operation: Operation, targets: readonly OperationTarget[]): NeededTask[] {
    const running = targets.filter((target) => target.status === 'EXECUTING' || target.status === 'VERIFYING');
    if (running.length > 0) {
      return running.map((target) =>
        this.#targetTask(target.status === 'EXECUTING' ? executeTargetJob : verifyTargetJob, target),
      );
    }
    const wasBegun = targets.some((target) => target.fencingToken > 0);
    return wasBegun ? [this.#operationTask(certifyOperationJob, operation)] : [];
  }

  #operationTask(job: JobContract<{ operationId: string }, unknown>, operation: Operation): NeededTask {
    return {
      job,
      table: 'operation',
      rowId: operation.id,
      attempt: operation.attempt,
      idOf: (attempt) => `${operation.id}.${job.name}.${operation.round}.${attempt}`,
      send: (id) => this.#deps.scheduler.enqueue(job, id, { operationId: operation.id }),
    };
  }

  #targetTask(job: JobContract<{ targetId: string }, unknown>, target: OperationTarget): NeededTask {
    return {
      job,
      table: 'operation_target',
      rowId: target.id,
      attempt: target.attempt,
      idOf: (attempt) => `${target.operationId}.${job.name}.${target.id}.${attempt}`,
      send: (id) => this.#deps.scheduler.enqueue(job, id, { targetId: target.id }),
    };
  }
}

/** The status transitions that follow from the rows alone. */
function step(operation: Operation, targets: readonly OperationTarget[]): void {
  const before = operation.status;
  const isDue = operation.executeAfter == null || operation.executeAfter <= new Date();
  if (operation.status === 'APPROVED' && isDue) operation.status = 'EXECUTING';
  const executing = targets.some((target) => target.status === 'PENDING' || target.status === 'EXECUTING');
  if (operation.status === 'EXECUTING' && !executing) operation.status = 'VERIFYING';
  // An untouched row wakes no subscriber.
  if (operation.status !== before) operation.updatedAt = new Date();
}
