/** Words that descriptions name: what people mean by a term, and the part of the company that data belongs to. */
export const wordKinds = ['TERM', 'DOMAIN'] as const;
export type WordKind = (typeof wordKinds)[number];

/** A term of the glossary or a domain. */
export interface Word {
  readonly id: string;
  readonly kind: WordKind;
  readonly name: string;
  /** Markdown. */
  readonly description: string;
  readonly owners: readonly string[];
  readonly parentId: string | null;
  /** Counts changes, from 0. */
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
