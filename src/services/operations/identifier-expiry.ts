import type { EntityManager } from '@mikro-orm/postgresql';
import { ledgerActor, systemActor } from '../../domain/access/actor.ts';
import { type Operation, OperationTargetSchema } from '../../entities/operation.entity.ts';
import { audit } from '../audit/audit.service.ts';
import { isDeferred } from './erasure-deferral.ts';
import { lockOperation } from './operation-lock.ts';
import { dropIdentifiers } from './operation-subjects.ts';

/** How long what ended without finishing its work may be retried: also the time after a legal hold to look at it again. */
const retryDays = 30;
const perRun = 1_000;

// Who is to be erased once a hold or a minimum lets go must be known until then. What failed under a hold is retried after it.
const expired = `
  select o.id from operation o
  where o.status in ('PARTIAL', 'BLOCKED', 'FAILED')
    and o.finished_at < now() - ? * interval '1 day'
    and exists (select 1 from operation_subject s where s.operation_id = o.id and s.account_id is not null)
    and not exists (select 1 from erasure_deferral d where d.operation_id = o.id and d.ended_at is null)
    and not exists (
      select 1 from operation_subject s join legal_hold h on h.account_id = s.account_id
      where s.operation_id = o.id and (h.released_at is null or h.released_at >= now() - ? * interval '1 day'))`;

/**
 * Clear identifiers of operations that nobody retried go after 30 days; the keyed digests stay. Until then a retry needs
 * them. Answers how many operations it was.
 */
export async function dropExpiredIdentifiers(em: EntityManager): Promise<number> {
  const found = await em
    .fork()
    .execute<{ id: string }[]>(`${expired} order by o.id limit ${perRun}`, [retryDays, retryDays]);
  for (const { id } of found) await em.fork().transactional((tx) => expire(tx, id));
  return found.length;
}

/** Subjects of erasures whose sending began more than a day ago and never came to its end. */
export async function dropUnendedIntakes(em: EntityManager): Promise<void> {
  await em.fork().execute("delete from erasure_intake where taken_at < now() - interval '1 day'");
}

async function expire(tx: EntityManager, id: string): Promise<void> {
  const operation = await lockOperation(tx, id);
  // Somebody may have retried it, or placed a hold, since it was found.
  const [due] = await tx.execute<unknown[]>(`${expired} and o.id = ?`, [retryDays, retryDays, id]);
  if (due === undefined) return;
  await dropIdentifiers(tx, id);
  const note = `not retried within ${retryDays} days; its identifiers were dropped`;
  operation.statusReason = operation.statusReason == null ? note : `${operation.statusReason}; ${note}`;
  operation.updatedAt = new Date();
  audit(tx, systemActor, {
    action: 'dropIdentifiers',
    resourceType: 'Operation',
    resourceId: id,
    details: { retryDays, status: operation.status },
  });
}

/** Plans for which nobody approved in time. Answers how many were given up. */
export async function expireUnapproved(em: EntityManager, now = new Date()): Promise<number> {
  const found = await em
    .fork()
    .execute<{ id: string }[]>(
      `select id from operation where status = 'PLANNED' and approval_expires_at <= ? order by approval_expires_at, id limit ${perRun}`,
      [now],
    );
  for (const { id } of found) await em.fork().transactional((tx) => giveUp(tx, id, now));
  return found.length;
}

/**
 * What was deferred is owed still, and must be known for that: it is planned anew, and whoever approves is told again. Approvals
 * were of the plan of before.
 */
async function askAgain(tx: EntityManager, operation: Operation, now: Date): Promise<void> {
  operation.status = 'PLANNING';
  operation.statusReason = null;
  operation.approvedBy = null;
  operation.approvalExpiresAt = null;
  operation.updatedAt = now;
  const { id, round } = operation;
  await tx.execute('delete from operation_approval where operation_id = ? and round = ?', [id, round]);
  audit(tx, ledgerActor, {
    action: 'retryOperation',
    resourceType: 'Operation',
    resourceId: id,
    details: { status: operation.status, round },
  });
}

/** In one transaction: whoever is killed in the middle leaves a plan that waits, with all of its identifiers. */
async function giveUp(tx: EntityManager, id: string, now: Date): Promise<void> {
  const operation = await lockOperation(tx, id);
  // Somebody may have approved it, or cancelled it, since it was found.
  const { status, approvalExpiresAt } = operation;
  if (status !== 'PLANNED' || approvalExpiresAt === null || approvalExpiresAt > now) return;
  if (await isDeferred(tx, id)) return askAgain(tx, operation, now);
  operation.status = 'CANCELLED';
  operation.statusReason = `not approved until ${approvalExpiresAt.toISOString()}; its identifiers were dropped, request it again`;
  operation.finishedAt = now;
  operation.updatedAt = now;
  await tx.nativeUpdate(
    OperationTargetSchema,
    { operationId: id, round: operation.round, status: 'PENDING' },
    { status: 'CANCELLED', updatedAt: now },
  );
  await dropIdentifiers(tx, id);
  audit(tx, systemActor, {
    action: 'expireOperation',
    resourceType: 'Operation',
    resourceId: id,
    details: { status: operation.status, round: operation.round, approvalExpiresAt: approvalExpiresAt.toISOString() },
  });
}
