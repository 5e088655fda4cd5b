/** All that one job said at one time about the columns of one dataset. */
export interface ColumnStatement {
  readonly at: string;
  readonly links: readonly string[];
}

/** A link over a half-open time; `to` is null while it is in force. */
export interface LinkInterval {
  readonly link: string;
  readonly from: string;
  readonly to: string | null;
}

/**
 * When each link was in force. What a job says about a dataset replaces what it said before; what it says twice at the same
 * time counts together. So the answer depends on what was said and when it was true, never on the order in which it came.
 */
export function linkIntervals(statements: readonly ColumnStatement[]): readonly LinkInterval[] {
  const times = [...Map.groupBy(statements, ({ at }) => at)].sort(([one], [other]) => (one < other ? -1 : 1));
  const open = new Map<string, string>();
  const intervals: LinkInterval[] = [];
  for (const [at, said] of times) {
    const links = new Set(said.flatMap((statement) => statement.links));
    for (const [link, from] of open) {
      if (links.has(link)) continue;
      intervals.push({ link, from, to: at });
      open.delete(link);
    }
    for (const link of links) if (!open.has(link)) open.set(link, at);
  }
  return [...intervals, ...[...open].map(([link, from]) => ({ link, from, to: null }))];
}
