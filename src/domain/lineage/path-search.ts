import type { EdgeGraph } from './edge-graph.ts';
import type { TruncatedReason } from './graph.ts';
import { nextNodes, type Passes } from './graph-walk.ts';

export interface PathQuestion {
  readonly from: number;
  readonly to: number;
  readonly passes: Passes;
  /** Most steps of a path. */
  readonly maxDepth: number;
  readonly maxPaths: number;
}

export interface FoundPaths {
  /** Nodes from the start to the end, no node twice; shortest first. */
  readonly paths: readonly (readonly number[])[];
  /** Null when there is no other path. */
  readonly truncatedReason: TruncatedReason | null;
}

/** Edges that are looked at before the search gives up: paths that no node may be in twice can be rare among very many ways. */
const looksMax = 500_000;

/** Paths along the edges, by growing length: only steps from which the end is near enough are taken. */
export function findPaths(graph: EdgeGraph, question: PathQuestion): FoundPaths {
  const toEnd = distancesTo(graph, question);
  const least = toEnd.get(question.from);
  if (least === undefined) return { paths: [], truncatedReason: null };
  const search = new PathSearch(graph, question, toEnd);
  for (let length = least; length <= question.maxDepth; length += 1) {
    search.ofLength(length);
    if (search.isFull || !search.isCut) break;
  }
  const mayBeMore = search.isCut || least > question.maxDepth;
  return {
    paths: search.paths.slice(0, question.maxPaths),
    truncatedReason: search.isFull ? 'MAX_PATHS' : mayBeMore ? 'MAX_DEPTH' : null,
  };
}

/** Fewest steps from each node to the end. */
function distancesTo(graph: EdgeGraph, { to, passes }: PathQuestion): ReadonlyMap<number, number> {
  const next = nextNodes(graph, 'UPSTREAM', passes);
  const distances = new Map([[to, 0]]);
  // A map is walked in the order in which it grows.
  for (const [node, distance] of distances)
    for (const other of next(node)) if (!distances.has(other)) distances.set(other, distance + 1);
  return distances;
}

class PathSearch {
  readonly paths: number[][] = [];
  readonly #question: PathQuestion;
  readonly #toEnd: ReadonlyMap<number, number>;
  readonly #next: (node: number) => readonly number[];
  #looks = 0;
  /** Whether the last length left out a way that may lead to a longer path. */
  isCut = false;

  constructor(graph: EdgeGraph, question: PathQuestion, toEnd: ReadonlyMap<number, number>) {
    this.#question = question;
    this.#toEnd = toEnd;
    this.#next = nextNodes(graph, 'DOWNSTREAM', question.passes);
  }

  /** One path more than asked for shows that there are more. */
  get isFull(): boolean {
    return this.paths.length > this.#question.maxPaths || this.#looks > looksMax;
  }

  ofLength(length: number): void {
    this.isCut = false;
    this.#extend([this.#question.from], length);
  }

  #extend(path: number[], length: number): void {
    const node = path.at(-1) ?? this.#question.from;
    if (node === this.#question.to) {
      if (path.length - 1 === length) this.paths.push([...path]);
      return;
    }
    for (const other of new Set(this.#next(node))) {
      this.#looks += 1;
      if (this.isFull) return;
      const rest = this.#toEnd.get(other);
      if (rest === undefined || path.includes(other)) continue;
      if (path.length + rest > length) this.isCut = true;
      else {
        path.push(other);
        this.#extend(path, length);
        path.pop();
      }
    }
  }
}
