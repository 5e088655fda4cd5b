/** A field that values are made of. */
export interface FieldOrigin {
  /** Number of the lookup that has the field; null for the source itself. */
  readonly lookup: number | null;
  readonly field: string;
  /** It decides which value is taken, and does not go into it. */
  readonly isJoin: boolean;
}

export const ofSource = (field: string): FieldOrigin => ({ lookup: null, field, isJoin: false });

/** True for that field of the source, or of a lookup, by its value. */
export const isValueOf =
  (lookup: number | null, name: string) =>
  ({ lookup: number, field, isJoin }: FieldOrigin): boolean =>
    number === lookup && field === name && !isJoin;

/** True for values of that field of a lookup that were found by the account of the row: whom they name is of that account. */
export function isOfAccount(
  origins: readonly FieldOrigin[],
  of: { readonly lookup: number; readonly field: string; readonly account: string; readonly accountThere: string },
): boolean {
  const joins = origins.filter(({ isJoin }) => isJoin);
  return (
    origins.some(isValueOf(of.lookup, of.field)) &&
    joins.some(({ lookup, field }) => lookup === null && field === of.account) &&
    joins.some(({ lookup, field }) => lookup === of.lookup && field === of.accountThere)
  );
}

/** Each once. */
export function distinctOrigins(origins: Iterable<FieldOrigin>): readonly FieldOrigin[] {
  const all = [...origins].map((origin) => [JSON.stringify(origin), origin] as const);
  return [...new Map(all).values()];
}
