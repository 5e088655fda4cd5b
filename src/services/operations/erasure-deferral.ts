import type { EntityManager } from '@mikro-orm/postgresql';
import type { OperationKind } from '../../domain/operations/status.ts';
import type { Gap } from '../../domain/operations/target.ts';
import type { Operation } from '../../entities/operation.entity.ts';

/** Of a hold `h` and a subject `s`: one that names no account may be about everybody. */
export const mayConcern = '(h.account_id is null or s.account_id = h.account_id)';

const deferrable: readonly OperationKind[] = ['ERASURE', 'SHRED'];
const holdCodes: readonly string[] = ['HOLD_ACTIVE', 'HOLD_NOT_LOCATABLE', 'KEPT_IN_SOURCE', 'RETAINS_CHANGED'];

/**
 * Writes down that an erasure which ended waits for what keeps the data, or that it does not any more. A hold that was
 * released while it worked may have kept records that nobody went back to; that counts, too.
 */
export async function settleDeferral(tx: EntityManager, operation: Operation, open: readonly Gap[]): Promise<void> {
  if (!deferrable.includes(operation.kind) || operation.dryRun) return;
  const isOver = operation.status !== 'PARTIAL' && operation.status !== 'BLOCKED';
  const minimums = open.filter(({ code }) => code === 'MINIMUM_RETENTION');
  const byMinimum = !isOver && minimums.length > 0;
  const since = operation.plannedAt ?? new Date();
  const byHold =
    !isOver && (open.some(({ code }) => holdCodes.includes(code)) || (await wasReleasedSince(tx, operation.id, since)));
  if (!byHold && !byMinimum) return endDeferral(tx, operation.id);
  const ends = minimums.map(({ until }) => (until === undefined ? null : Date.parse(until)));
  const dated = ends.filter((end) => end !== null);
  const until = dated.length === 0 ? null : new Date(Math.max(...dated));
  await tx.execute(
    `insert into erasure_deferral (operation_id, by_hold, by_minimum, since, until) values (?, ?, ?, ?, ?)
     on conflict (operation_id) do update set by_hold = excluded.by_hold, by_minimum = excluded.by_minimum,
       since = excluded.since, until = excluded.until, ended_at = null`,
    [operation.id, byHold, byMinimum, since, until],
  );
}

/** Nothing is waited for any more. */
export async function endDeferral(tx: EntityManager, operationId: string): Promise<void> {
  await tx.execute('update erasure_deferral set ended_at = now() where operation_id = ? and ended_at is null', [
    operationId,
  ]);
}

/** True while it waits for something, or was taken up again and has not ended since. */
export async function isDeferred(tx: EntityManager, operationId: string): Promise<boolean> {
  const found = await tx.execute<unknown[]>(
    'select 1 from erasure_deferral where operation_id = ? and ended_at is null',
    [operationId],
  );
  return found.length > 0;
}

async function wasReleasedSince(tx: EntityManager, operationId: string, since: Date): Promise<boolean> {
  const found = await tx.execute<unknown[]>(
    `select 1 from legal_hold h where h.released_at >= ? and exists (
       select from operation_subject s where s.operation_id = ? and ${mayConcern}) limit 1`,
    [since, operationId],
  );
  return found.length > 0;
}
