import type { EntityManager } from '@mikro-orm/postgresql';
import type { JobScheduler } from '../../jobs/kit.ts';

/** A task that a row needs now; `attempt` of the row numbers it. */
export interface NeededTask {
  readonly job: { readonly name: string; readonly queue: string };
  readonly table: 'operation' | 'operation_target' | 'lake_registration' | 'lake_index' | 'transform_run';
  readonly rowId: string;
  readonly attempt: number;
  idOf(attempt: number): string;
  send(id: string): Promise<void>;
}

/** Sees to it that a task waits or runs, whatever became of those before. Safe to call at any time. */
export async function ensureAlive(
  { em, scheduler }: { readonly em: EntityManager; readonly scheduler: JobScheduler },
  task: NeededTask,
): Promise<void> {
  const state = await scheduler.stateOf(task.job, task.idOf(task.attempt));
  if (state === 'WAITING' || state === 'ACTIVE') return;
  if (state === 'MISSING') return task.send(task.idOf(task.attempt));
  // A queue remembers finished ids and would ignore the same one again, so the next run gets its own number.
  const next = task.attempt + 1;
  const numbered = await em
    .fork()
    .execute<unknown[]>(`update ${task.table} set attempt = ? where id = ? and attempt = ? returning 1`, [
      next,
      task.rowId,
      task.attempt,
    ]);
  if (numbered.length > 0) await task.send(task.idOf(next));
}
