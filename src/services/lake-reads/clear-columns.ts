import type { AccessDecision } from '../../domain/access/access-decision.ts';
import type { Actor } from '../../domain/access/actor.ts';
import type { AccessGuard } from '../access/access-guard.ts';

/** A column, and what its values mean for governance. */
export interface ClassifiedColumn {
  readonly name: string;
  readonly classifications: readonly string[];
}

/** The table by the name of an entity of it, which policies go by. */
export interface ReadPlace {
  readonly namespace: string;
  readonly name: string;
}

/**
 * What a column counts as where nobody labelled it: it may name persons all the same, and of one that no schema speaks of nobody
 * knows what it holds.
 */
export function classificationsOf({
  labels,
  namesPersons,
  isDescribed,
}: {
  readonly labels: readonly string[];
  readonly namesPersons: boolean;
  readonly isDescribed: boolean;
}): readonly string[] {
  if (labels.length > 0) return labels;
  if (namesPersons) return ['PII'];
  return isDescribed ? [] : ['UNDESCRIBED'];
}

/**
 * Which columns of a table an actor may read in clear, by roles and policies; all others are masked. What somebody classified
 * takes READ_CLEAR; what a schema speaks of and nobody classified is for all who may read the table, unless a policy denies it.
 * A table of several entities is in clear as far as it is under each of their names: no other name gets past a policy.
 */
export async function clearColumns(
  access: Pick<AccessGuard, 'explain'>,
  actor: Actor,
  { columns, places }: { readonly columns: readonly ClassifiedColumn[]; readonly places: readonly ReadPlace[] },
): Promise<ReadonlySet<string>> {
  const clear = new Set<string>();
  for (const { name, classifications } of columns) {
    const decisions = await Promise.all(
      places.map((place) => access.explain(actor, 'READ_CLEAR', { ...place, classifications })),
    );
    const isClear = ({ allowed, rule }: AccessDecision) =>
      allowed || (classifications.length === 0 && rule.kind !== 'POLICY');
    if (decisions.every(isClear)) clear.add(name);
  }
  return clear;
}
