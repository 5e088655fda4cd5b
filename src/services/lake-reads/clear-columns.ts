import type { Actor } from '../../domain/access/actor.ts';
import { mayDo } from '../../domain/access/role.ts';

/** A column, and what its values mean for governance. */
export interface ClassifiedColumn {
  readonly name: string;
  readonly classifications: readonly string[];
}

export interface ReadPlace {
  readonly tableId: string;
  readonly entityId: string;
}

/** Decides which columns of a table an actor may read in clear; all others are masked. */
export type ClearColumns = (
  actor: Actor,
  columns: readonly ClassifiedColumn[],
  place: ReadPlace,
) => Promise<ReadonlySet<string>>;

/** By roles alone: whoever may decrypt reads all, everybody else what is not classified. */
export const clearByRole: ClearColumns = async (actor, columns) => {
  const all = mayDo(actor.roles, 'DECRYPT');
  return new Set(columns.filter(({ classifications }) => all || classifications.length === 0).map(({ name }) => name));
};
