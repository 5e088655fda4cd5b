/** Edges of a graph in columns, by id: a row each, of which nothing is an object. */
export interface EdgeList {
  /** Ascending. */
  readonly ids: Float64Array;
  readonly sources: Int32Array;
  readonly targets: Int32Array;
  readonly flags: Uint8Array;
  /** Seconds since 1970; an edge in force ends at infinity. */
  readonly from: Float64Array;
  readonly to: Float64Array;
}

/** Of a column edge; edges between datasets have none. */
export const edgeFlags = { indirect: 1, masking: 2 } as const;

/** Id of an edge between two names of the same data, which no row keeps. */
export const twinId = -1;

/** Bytes of an edge as the database sends it: id, source, target, flags, from, to. */
const edgeBytes = 36;

function emptyEdges(length: number): EdgeList {
  return {
    ids: new Float64Array(length),
    sources: new Int32Array(length),
    targets: new Int32Array(length),
    flags: new Uint8Array(length),
    from: new Float64Array(length),
    to: new Float64Array(length),
  };
}

export function readEdges(chunks: readonly Uint8Array[]): EdgeList {
  const count = chunks.reduce((sum, chunk) => sum + chunk.length / edgeBytes, 0);
  const edges = emptyEdges(count);
  let row = 0;
  for (const chunk of chunks) {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < chunk.length; at += edgeBytes, row += 1) {
      edges.ids[row] = view.getFloat64(at);
      edges.sources[row] = view.getInt32(at + 8);
      edges.targets[row] = view.getInt32(at + 12);
      edges.flags[row] = view.getInt32(at + 16);
      edges.from[row] = view.getFloat64(at + 20);
      edges.to[row] = view.getFloat64(at + 28);
    }
  }
  return edges;
}

function copyRow(source: EdgeList, row: number, target: EdgeList, at: number): void {
  target.ids[at] = source.ids[row] ?? 0;
  target.sources[at] = source.sources[row] ?? 0;
  target.targets[at] = source.targets[row] ?? 0;
  target.flags[at] = source.flags[row] ?? 0;
  target.from[at] = source.from[row] ?? 0;
  target.to[at] = source.to[row] ?? 0;
}

/** The edges with those of `touched` as they are now: as `fresh` says, or gone. */
export function replaceEdges(known: EdgeList, touched: readonly number[], fresh: EdgeList): EdgeList {
  const gone = new Set(touched);
  const isGone = (row: number): boolean => gone.has(known.ids[row] ?? 0);
  const kept = known.ids.reduce((count, id) => count + (gone.has(id) ? 0 : 1), 0);
  const merged = emptyEdges(kept + fresh.ids.length);
  let row = 0;
  let next = 0;
  for (let at = 0; at < merged.ids.length; at += 1) {
    while (row < known.ids.length && isGone(row)) row += 1;
    const isKnownNext = (known.ids[row] ?? Number.POSITIVE_INFINITY) < (fresh.ids[next] ?? Number.POSITIVE_INFINITY);
    if (isKnownNext) copyRow(known, row, merged, at);
    else copyRow(fresh, next, merged, at);
    if (isKnownNext) row += 1;
    else next += 1;
  }
  return merged;
}

/** Both lists, one after the other. */
export function joinEdges(first: EdgeList, second: EdgeList): EdgeList {
  if (second.ids.length === 0) return first;
  const joined = emptyEdges(first.ids.length + second.ids.length);
  for (let row = 0; row < first.ids.length; row += 1) copyRow(first, row, joined, row);
  for (let row = 0; row < second.ids.length; row += 1) copyRow(second, row, joined, first.ids.length + row);
  return joined;
}
