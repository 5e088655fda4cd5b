import { LinewardError } from '../../../errors/lineward-error.ts';
import type { CompatibilityPolicy } from '../schema-format.ts';
import { compareArrays } from './array-comparison.ts';
import {
  boundChange,
  type Comparison,
  enumChange,
  type JsonDifference,
  numberChanges,
  patternChange,
} from './json-difference.ts';
import type { CombinedNode, JsonNode } from './json-node.ts';
import { compareObjects } from './object-comparison.ts';

/** Most differences that are told of one pair. */
const toldMax = 100;
/** Most pairs that one comparison looks at: the members of two sums are all compared with each other, and sums of sums multiply. */
const stepsMax = 1_000_000;
/** What it costs to compare a pair for the first time, where looking one up costs 1. */
const comparedSteps = 5;

/**
 * Compares two schemas as Confluent's registry does: by structure, keyword by keyword, where widening is compatible and
 * narrowing is not. A pair that is being compared counts as compatible, which is how cycles of references end.
 */
export class JsonComparison implements Comparison {
  readonly policy: CompatibilityPolicy;
  readonly #known = new Map<JsonNode, Map<JsonNode, readonly JsonDifference[]>>();
  #steps = 0;

  constructor(policy: CompatibilityPolicy) {
    this.policy = policy;
  }

  /**
   * Differences with paths relative to the pair; none when data of `original` is valid under `update`.
   * @throws LinewardError LIMIT_EXCEEDED when there is too much to compare.
   */
  compare(original: JsonNode, update: JsonNode): readonly JsonDifference[] {
    this.#count(1);
    if (original === update || original.kind === 'never') return [];
    const ofOriginal = this.#known.get(original) ?? new Map<JsonNode, readonly JsonDifference[]>();
    const known = ofOriginal.get(update);
    if (known !== undefined) return known;
    this.#count(comparedSteps);
    this.#known.set(original, ofOriginal);
    ofOriginal.set(update, []);
    const found = this.#differences(original, update).slice(0, toldMax);
    ofOriginal.set(update, found);
    return found;
  }

  #count(steps: number): void {
    this.#steps += steps;
    if (this.#steps > stepsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `The schemas are too large to compare: over ${stepsMax} steps.`, {
        path: ['schema'],
      });
  }

  #differences(original: JsonNode, update: JsonNode): readonly JsonDifference[] {
    if (update.kind === 'combined' && original.kind !== 'combined') {
      const found = this.#intoCombined(original, update);
      if (found !== null) return found;
    }
    if (original.kind === 'combined' && update.kind !== 'combined') {
      const [only, ...others] = original.members;
      if (only !== undefined && others.length === 0 && this.compare(only(), update).length === 0) return [];
    }
    if (update.kind === 'any') return [];
    if (original.kind !== update.kind) return [{ type: 'TYPE_CHANGED', path: '' }];
    return this.#sameKind(original, update);
  }

  /** A schema that becomes one member of a sum, or the only member of anything, stays readable. */
  #intoCombined(original: JsonNode, update: CombinedNode): readonly JsonDifference[] | null {
    const isSum = update.criterion !== 'allOf' || update.members.length === 1;
    const isRead = isSum && update.members.some((member) => this.compare(original, member()).length === 0);
    return isRead ? [] : null;
  }

  #sameKind(original: JsonNode, update: JsonNode): readonly JsonDifference[] {
    if (original.kind === 'string' && update.kind === 'string') {
      const bounds = ['maxLength', 'minLength'].flatMap((key) =>
        boundChange(key, original.bounds[key], update.bounds[key]),
      );
      return [...bounds, ...patternChange(original.pattern, update.pattern)];
    }
    if (original.kind === 'number' && update.kind === 'number') return numberChanges(original, update);
    if (original.kind === 'enum' && update.kind === 'enum') return enumChange(original.values, update.values);
    if (original.kind === 'not' && update.kind === 'not') {
      // What the later schema excludes must have been excluded before.
      const isNarrowed = this.compare(update.inner(), original.inner()).length === 0;
      return isNarrowed ? [] : [{ type: 'NOT_TYPE_EXTENDED', path: '/not' }];
    }
    if (original.kind === 'object' && update.kind === 'object') return compareObjects(this, original, update);
    if (original.kind === 'array' && update.kind === 'array') return compareArrays(this, original, update);
    if (original.kind === 'combined' && update.kind === 'combined') return this.#combined(original, update);
    return [];
  }

  #combined(original: CombinedNode, update: CombinedNode): readonly JsonDifference[] {
    if (!mayBecome(original, update)) return [{ type: 'COMBINED_TYPE_CHANGED', path: '' }];
    const [before, after] = [original.members.map((one) => one()), update.members.map((one) => one())];
    const isProduct = update.criterion === 'allOf';
    const size: JsonDifference[] = [];
    if (before.length < after.length && isProduct) size.push({ type: 'PRODUCT_TYPE_EXTENDED', path: '' });
    if (before.length > after.length && !isProduct) size.push({ type: 'SUM_TYPE_NARROWED', path: '' });
    const edges = before.map((one) => after.map((other) => this.compare(one, other).length === 0));
    if (matchingSize(edges) < Math.min(before.length, after.length))
      size.push({ type: 'COMBINED_TYPE_SUBSCHEMAS_CHANGED', path: '' });
    return size;
  }

  at(path: string, original: JsonNode, update: JsonNode): readonly JsonDifference[] {
    return this.compare(original, update).map((one) => ({ ...one, path: `${path}${one.path}` }));
  }
}

/** `allOf` and `oneOf` may become `anyOf`; otherwise only sums of one member change their kind. */
function mayBecome(original: CombinedNode, update: CombinedNode): boolean {
  if (original.criterion === update.criterion || update.criterion === 'anyOf') return true;
  const isSingle = original.members.length === 1;
  return update.criterion === 'oneOf' ? isSingle : isSingle && update.members.length === 1;
}

/** Size of a maximum matching of a bipartite graph, by augmenting paths (Kuhn). */
function matchingSize(edges: readonly (readonly boolean[])[]): number {
  const partner = new Map<number, number>();
  const augment = (left: number, seen: Set<number>): boolean => {
    for (const [right, isEdge] of (edges[left] ?? []).entries()) {
      if (!isEdge || seen.has(right)) continue;
      seen.add(right);
      const other = partner.get(right);
      if (other === undefined || augment(other, seen)) {
        partner.set(right, left);
        return true;
      }
    }
    return false;
  };
  return edges.filter((_, left) => augment(left, new Set())).length;
}
