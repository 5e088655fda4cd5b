/** A field that values are made of. */
export interface FieldOrigin {
  /** Number of the lookup that has the field; null for the source itself. */
  readonly lookup: number | null;
  readonly field: string;
  /** It decides which value is taken, and does not go into it. */
  readonly isJoin: boolean;
}

export const ofSource = (field: string): FieldOrigin => ({ lookup: null, field, isJoin: false });

/** True for that field of the source, by its value. */
export const isOfSource = ({ lookup, field, isJoin }: FieldOrigin, name: string): boolean =>
  lookup === null && field === name && !isJoin;

/** Each once. */
export function distinctOrigins(origins: Iterable<FieldOrigin>): readonly FieldOrigin[] {
  const all = [...origins].map((origin) => [JSON.stringify(origin), origin] as const);
  return [...new Map(all).values()];
}
