/** What may be said about one item at once. */
export interface State {
  readonly holdA: boolean;
  readonly holdB: boolean;
  readonly regulatoryMinimum: boolean;
  readonly erasure: boolean;
  readonly deleteLabel: boolean;
  readonly containerDelete: boolean;
  readonly governanceLock: boolean;
}

const names = [
  'holdA',
  'holdB',
  'regulatoryMinimum',
  'erasure',
  'deleteLabel',
  'containerDelete',
  'governanceLock',
] as const satisfies readonly (keyof State)[];

/** All 128. */
export const allStates: readonly State[] = Array.from(
  { length: 2 ** names.length },
  (_, bits) => Object.fromEntries(names.map((name, index) => [name, (bits & (1 << index)) !== 0])) as unknown as State,
);

export const nameOf = (state: State): string => names.filter((name) => state[name]).join(' + ') || 'nothing';

type Verdict = { readonly action: 'KEEP' | 'DEFER' | 'DELETE'; readonly winner: string | null };

/**
 * The precedence of the design as a person reads it down, line by line; shares nothing with the product. The minimum has longer to
 * go than the lock.
 */
export function oracle(state: State): Verdict {
  const isAskedFor = state.erasure || state.deleteLabel || state.containerDelete;
  const kept = isAskedFor ? 'DEFER' : 'KEEP';
  if (state.holdA) return { action: kept, winner: 'hold A' };
  if (state.holdB) return { action: kept, winner: 'hold B' };
  if (state.regulatoryMinimum) return { action: kept, winner: 'minimum' };
  if (state.governanceLock) return { action: kept, winner: 'lock' };
  if (state.erasure) return { action: 'DELETE', winner: 'erasure' };
  if (state.deleteLabel) return { action: 'DELETE', winner: 'label' };
  if (state.containerDelete) return { action: 'DELETE', winner: 'container' };
  return { action: 'KEEP', winner: null };
}
