import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { AuditAction } from '../../domain/audit/audit-action.ts';
import { assertText } from '../../domain/governance/selection.ts';
import { nameOfApproval } from '../../domain/operations/approval.ts';
import { finalStatuses, mayBecome, type OperationStatus } from '../../domain/operations/status.ts';
import { type Operation, OperationSchema, OperationTargetSchema } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import { audit } from '../audit/audit.service.ts';
import { tellingRefusal } from '../audit/refused-approval.ts';
import type { PlaceLabels } from '../lineage/place-labels.ts';
import { addApproval, approvalRule, labelledPlan } from './approval-rules.ts';
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

/** An approval of the plan that somebody read, in the own name or in that of whom one stands in for. */
export interface ApproveOperation {
  readonly id: string;
  readonly planHash: string;
  readonly onBehalfOf?: string | undefined;
}

/** Longest reason, in characters. */
export const reasonCharsMax = 4_000;

/**
 * What people may do with an operation: approve, cancel, retry. Each is one transaction with its audit event; the
 * row is the outbox, and the driver enqueues what follows once it is committed.
 */
export class OperationService {
  readonly #em: EntityManager;
  readonly #access: Pick<AccessGuard, 'explain'>;
  readonly #driver: Pick<OperationDriver, 'advance'>;
  readonly #placeLabels: Pick<PlaceLabels, 'labelsIn'>;
  readonly #shred: ShredRules;
  readonly #approvalByAnother: boolean;
  readonly #erasureWindowMs: number;

  constructor(deps: {
    readonly em: EntityManager;
    readonly access: Pick<AccessGuard, 'explain'>;
    readonly driver: Pick<OperationDriver, 'advance'>;
    readonly placeLabels: Pick<PlaceLabels, 'labelsIn'>;
    readonly shred: ShredRules;
    /** True where nobody approves what they requested. What the product requests by a rule, a person has approved before. */
    readonly approvalByAnother: boolean;
    /** Approved erasures wait for the end of a window of that length; 0 for none. */
    readonly erasureWindowMs: number;
  }) {
    this.#em = deps.em;
    this.#access = deps.access;
    this.#driver = deps.driver;
    this.#placeLabels = deps.placeLabels;
    this.#shred = deps.shred;
    this.#approvalByAnother = deps.approvalByAnother;
    this.#erasureWindowMs = deps.erasureWindowMs;
  }

  /** Binds to the plan that the approver read. Where several must approve, the last one lets the work begin. */
  async approveOperation(actor: Actor, input: ApproveOperation): Promise<Operation> {
    const approvable = { resourceType: 'Operation', resourceId: input.id } as const;
    const details = input.onBehalfOf === undefined ? {} : { onBehalfOf: input.onBehalfOf };
    return tellingRefusal(this.#em, actor, { ...approvable, details }, () => this.#approve(actor, input));
  }

  async #approve(actor: Actor, input: ApproveOperation): Promise<Operation> {
    const onBehalfOf = input.onBehalfOf ?? null;
    const read = await this.#em.fork().findOne(OperationSchema, { id: input.id, planHash: input.planHash });
    const labelled = read?.plan == null ? null : await labelledPlan(this.#em, this.#placeLabels, read.plan);
    return this.#change(actor, input.id, 'approveOperation', 'APPROVED', async (operation, tx) => {
      if (operation.dryRun)
        throw new LinewardError('OPERATION_STATE', 'A dry run is never executed; request it again without dryRun.', {
          path: ['id'],
        });
      if (operation.planHash !== input.planHash)
        throw new LinewardError('PLAN_CHANGED', undefined, { path: ['planHash'] });
      if (await isExpired(tx, operation))
        throw new LinewardError(
          'APPROVAL_REFUSED',
          'The plan has waited too long for its approval; request it again.',
          {
            path: ['id'],
          },
        );
      if (operation.plan === null) throw new LinewardError('INTERNAL', 'a planned operation has no plan');
      // Where the plan came between, nobody has looked at its places.
      const plan = labelled ?? { plan: operation.plan, classifications: null };
      const floor = { approvals: this.#floorOf(operation), byRequester: !this.#approvalByAnother };
      const rule = await approvalRule(tx, operation, plan, floor);
      const approvals = await addApproval(tx, { access: this.#access, actor, onBehalfOf }, operation, rule);
      operation.approvedBy = approvals.map(nameOfApproval).join(', ');
      operation.approvalsNeeded = rule.approvals;
      if (approvals.length < rule.approvals) {
        operation.statusReason = `${approvals.length} of ${rule.approvals} approvals; another actor must approve the same plan`;
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
      operation.approvalExpiresAt = null;
      operation.executeAfter = null;
      operation.finishedAt = null;
    });
  }

  /** How many must approve whatever policies say. */
  #floorOf({ kind }: Operation): number {
    return kind === 'SHRED' ? this.#shred.approvals : 1;
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

function refusalOf(action: string, status: OperationStatus): string {
  const end = finalStatuses.includes(status) ? 'it has ended' : 'it is not there yet or already past that';
  return `${action} is not possible while the operation is ${status}: ${end}.`;
}

/** By the clock of the database: a process whose own is behind must not take what is over. */
async function isExpired(tx: EntityManager, { approvalExpiresAt }: Operation): Promise<boolean> {
  if (approvalExpiresAt === null) return false;
  const [row] = await tx.execute<{ is_over: boolean }[]>('select ?::timestamptz <= now() as is_over', [
    approvalExpiresAt,
  ]);
  return row?.is_over === true;
}
