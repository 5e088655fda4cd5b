import type { Actor } from '../../domain/access/actor.ts';
import type { AccessGuard } from '../access/access-guard.ts';

/** A column, and what its values mean for governance. */
export interface ClassifiedColumn {
  readonly name: string;
  readonly classifications: readonly string[];
}

/** The table by the name of its entity, which policies go by. */
export interface ReadPlace {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Which columns of a table an actor may read in clear, by roles and policies; all others are masked. What somebody classified
 * takes READ_CLEAR; what a schema speaks of and nobody classified is for all who may read the table, unless a policy denies it.
 */
export async function clearColumns(
  access: Pick<AccessGuard, 'explain'>,
  actor: Actor,
  { columns, place }: { readonly columns: readonly ClassifiedColumn[]; readonly place: ReadPlace },
): Promise<ReadonlySet<string>> {
  const clear = new Set<string>();
  for (const { name, classifications } of columns) {
    const { allowed, rule } = await access.explain(actor, 'READ_CLEAR', { ...place, classifications });
    if (allowed || (classifications.length === 0 && rule.kind !== 'POLICY')) clear.add(name);
  }
  return clear;
}
