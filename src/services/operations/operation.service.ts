import type { EntityManager } from '@mikro-orm/postgresql';
import { type Actor, retentionActor } from '../../domain/access/actor.ts';
import type { AuditAction } from '../../domain/audit/audit-action.ts';
import { assertText } from '../../domain/governance/selection.ts';
import { finalStatuses, mayBecome, type OperationStatus } from '../../domain/operations/status.ts';
import { type Operation, OperationTargetSchema } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { textArray } from '../sql.ts';
import { endDeferral } from './erasure-deferral.ts';
import type { OperationDriver } from './operation-driver.ts';
import { lockOperation } from './operation-lock.ts';
import { dropIdentifiers, isIdentified } from './operation-subjects.ts';

/** How hard it is to destroy keys. */
export interface ShredRules {
  /** Different actors who must approve. */
  readonly approvals: number;
  /** Time between the last approval and the work. */
  readonly coolOffMs: number;
}

/** Longest reason, in characters. */
export const reasonCharsMax = 4_000;

/**
 * What people may do with an operation: approve, cancel, retry. Each is one transaction with its audit event; the
 * row is the outbox, and the driver enqueues what follows once it is committed.
 */
export class OperationService {
  readonly #em: EntityManager;
  readonly #driver: Pick<OperationDriver, 'advance'>;
  readonly #shred: ShredRules;
  readonly #approvalByAnother: boolean;
  readonly #erasureWindowMs: number;

  constructor(deps: {
    readonly em: EntityManager;
    readonly driver: Pick<OperationDriver, 'advance'>;
    readonly shred: ShredRules;
    /** True where nobody approves what they requested. What the product requests by a rule, a person has approved before. */
    readonly approvalByAnother: boolean;
    /** Approved erasures wait for the end of a window of that length; 0 for none. */
    readonly erasureWindowMs: number;
  }) {
    this.#em = deps.em;
    this.#driver = deps.driver;
    this.#shred = deps.shred;
    this.#approvalByAnother = deps.approvalByAnother;
    this.#erasureWindowMs = deps.erasureWindowMs;
  }

  /** Binds to the plan that the approver read. Where several must approve, the last one lets the work begin. */
  async approveOperation(actor: Actor, input: { readonly id: string; readonly planHash: string }): Promise<Operation> {
    return this.#change(actor, input.id, 'approveOperation', 'APPROVED', async (operation, tx) => {
      if (operation.dryRun)
        throw new LinewardError('OPERATION_STATE', 'A dry run is never executed; request it again without dryRun.', {
          path: ['id'],
        });
      if (operation.planHash !== input.planHash)
        throw new LinewardError('PLAN_CHANGED', undefined, { path: ['planHash'] });
      if (this.#approvalByAnother && actor.kind !== 'system' && (await hasAskedFor(tx, actor, operation)))
        throw new LinewardError(
          'APPROVAL_REFUSED',
          `${actor.id} requested the operation or set the rule behind it; another actor must approve it.`,
          { path: ['id'] },
        );
      const approvers = await addApproval(tx, actor, operation);
      operation.approvedBy = approvers.join(', ');
      if (approvers.length < operation.approvalsNeeded) {
        operation.statusReason = `${approvers.length} of ${operation.approvalsNeeded} approvals; another actor must approve the same plan`;
        return 'PLANNED';
      }
      operation.statusReason = null;
      operation.approvedAt = new Date();
      operation.executeAfter = this.#beginOf(operation, operation.approvedAt);
      return 'APPROVED';
    });
  }

  /** Stops at the next file or partition boundary; what is erased by then stays erased. */
  async cancelOperation(
    actor: Actor,
    input: { readonly id: string; readonly reason?: string | undefined },
  ): Promise<Operation> {
    return this.#change(actor, input.id, 'cancelOperation', 'CANCELLED', async (operation, tx) => {
      if (input.reason !== undefined) assertText(input.reason, ['reason'], reasonCharsMax);
      operation.statusReason = input.reason ?? 'Cancelled on request.';
      operation.finishedAt = new Date();
      await tx.nativeUpdate(
        OperationTargetSchema,
        { operationId: operation.id, round: operation.round, status: { $in: ['PENDING', 'EXECUTED'] } },
        { status: 'CANCELLED', updatedAt: new Date() },
      );
      // A cancelled operation is never taken up again.
      await endDeferral(tx, operation.id);
      await dropIdentifiers(tx, operation.id);
    });
  }

  /** Takes up again what ended PARTIAL, BLOCKED or FAILED, from a fresh plan that needs approval again. */
  async retryOperation(actor: Actor, input: { readonly id: string }): Promise<Operation> {
    return this.#change(actor, input.id, 'retryOperation', 'REQUESTED', async (operation, tx) => {
      if (!(await isIdentified(tx, operation))) {
        const message = 'It is no longer known whom the operation is about; request it again.';
        throw new LinewardError('OPERATION_STATE', message, { path: ['id'] });
      }
      operation.round += 1;
      operation.attempt = 0;
      operation.statusReason = null;
      operation.plan = null;
      operation.planHash = null;
      operation.plannedAt = null;
      operation.approvedBy = null;
      operation.approvedAt = null;
      operation.executeAfter = null;
      operation.finishedAt = null;
    });
  }

  /** When approved work begins; null for at once. */
  #beginOf({ kind, urgent }: Operation, approvedAt: Date): Date | null {
    if (kind === 'SHRED' && this.#shred.coolOffMs > 0) return new Date(approvedAt.getTime() + this.#shred.coolOffMs);
    if (kind !== 'ERASURE' || urgent || this.#erasureWindowMs === 0) return null;
    // All that is approved within a window ends its waiting at the same moment, whichever process approves.
    return new Date((Math.floor(approvedAt.getTime() / this.#erasureWindowMs) + 1) * this.#erasureWindowMs);
  }

  async #change(
    actor: Actor,
    id: string,
    action: AuditAction,
    to: OperationStatus,
    change: (operation: Operation, tx: EntityManager) => undefined | Promise<OperationStatus | undefined>,
  ): Promise<Operation> {
    const operation = await this.#em.fork().transactional(async (tx) => {
      const found = await lockOperation(tx, id);
      if (!mayBecome(found.status, to))
        throw new LinewardError('OPERATION_STATE', refusalOf(action, found.status), { path: ['id'] });
      found.status = (await change(found, tx)) ?? to;
      found.updatedAt = new Date();
      audit(tx, actor, {
        action,
        resourceType: 'Operation',
        resourceId: id,
        details: { planHash: found.planHash ?? null, round: found.round, status: found.status },
      });
      return found;
    });
    await this.#driver.advance(operation.id);
    return operation;
  }
}

/** True for who requested an operation, and for who set the retention rule that the schedule follows with it. */
async function hasAskedFor(
  tx: EntityManager,
  actor: Actor,
  { requestedBy, kind, datasetIds }: Operation,
): Promise<boolean> {
  if (requestedBy === actor.id) return true;
  if (kind !== 'RETENTION' || requestedBy !== retentionActor.id) return false;
  const own = await tx.execute<unknown[]>(
    'select 1 from lake_retention where dataset_id = any(?::text[]) and set_by = ?',
    [textArray(datasetIds ?? []), actor.id],
  );
  return own.length > 0;
}

/** Who has approved this round of an operation, the actor included. */
async function addApproval(tx: EntityManager, actor: Actor, { id, round }: Operation): Promise<readonly string[]> {
  const added = await tx.execute<unknown[]>(
    `insert into operation_approval (operation_id, round, actor_id, approved_at) values (?, ?, ?, now())
     on conflict do nothing returning 1`,
    [id, round, actor.id],
  );
  if (added.length === 0)
    throw new LinewardError('OPERATION_STATE', 'You have approved this plan already; another actor must, too.', {
      path: ['id'],
    });
  const rows = await tx.execute<{ actor_id: string }[]>(
    'select actor_id from operation_approval where operation_id = ? and round = ? order by approved_at, actor_id',
    [id, round],
  );
  return rows.map((row) => row.actor_id);
}

function refusalOf(action: string, status: OperationStatus): string {
  const end = finalStatuses.includes(status) ? 'it has ended' : 'it is not there yet or already past that';
  return `${action} is not possible while the operation is ${status}: ${end}.`;
}
