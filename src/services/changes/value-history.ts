import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { HistoryType, historyParts } from '../../domain/changes/value-change.ts';

/** Values of parts before and after a change. Lists that are empty count as nothing. */
type Parts<Type extends HistoryType> = Partial<
  Record<(typeof historyParts)[Type][number], readonly [before: unknown, after: unknown]>
>;

/** Remembers what changed, in the caller's transaction; parts that are the same before and after leave no trace. */
export async function recordValues<Type extends HistoryType>(
  tx: EntityManager,
  actor: Actor,
  of: { readonly type: Type; readonly id: string; readonly parts: Parts<Type> },
): Promise<void> {
  const changed = Object.entries<readonly [unknown, unknown] | undefined>(of.parts).flatMap(([part, values]) => {
    const [before, after] = (values ?? []).map(kept);
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ part, before, after }];
  });
  if (changed.length === 0) return;
  await tx.execute(
    `insert into value_change (resource_type, resource_id, part, before, after, actor_id)
     select ?, ?, part, before, after, ? from jsonb_to_recordset(?::jsonb) as given (part text, before jsonb, after jsonb)`,
    [of.type, of.id, actor.id, JSON.stringify(changed)],
  );
}

const kept = (value: unknown): unknown => (Array.isArray(value) && value.length === 0 ? null : (value ?? null));
