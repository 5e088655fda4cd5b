import { typeOfName, typesOfValue } from './detect-types.ts';
import { childPath, type FieldPathStep, placesTo } from './field-path.ts';
import { depthMax } from './redact-value.ts';
import type { SemanticTypes } from './semantic-type.ts';

/** What values at a path look like. There is nothing of the values in it. */
export interface TypeSuggestion {
  readonly path: string;
  readonly semanticType: string;
  /** By what the values look like, or only by what the field is called. */
  readonly basis: 'VALUES' | 'NAME';
  /** Values that look like it, of those that were seen there. */
  readonly hits: number;
  readonly seen: number;
  /** 0 to 1: the share that holds for all values there with 95 % likelihood; at most 0.5 where only the name says so. */
  readonly confidence: number;
  /** What the schema says of the path; null when it says nothing, or there is no schema. */
  readonly declared: string | null;
}

interface Place {
  /** Times that something was here. */
  count: number;
  objects: number;
  seen: number;
  readonly hits: Map<string, number>;
  readonly fields: Map<string, Place>;
  entries: Place | null;
  elements: Place | null;
}

const newPlace = (): Place => ({
  count: 0,
  objects: 0,
  seen: 0,
  hits: new Map(),
  fields: new Map(),
  entries: null,
  elements: null,
});

const fieldsMax = 300;
/** Of one sample. Records may make up any number of keys, within each other. */
const placesMax = 50_000;
const elementsMax = 20;
const keysMax = 1_000;
const suggestionsMax = 500;
/** A key that no schema names is a field when it is there often enough; else it is data, and may be somebody's name. */
const fieldShareMin = 0.2;
const fieldCountMin = 2;
const fieldName = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
/** Fewer hits than this share are chance. One in ten numbers looks like a card number. */
const shareMin = 0.05;
const shareMinOf: Readonly<Record<string, number>> = { pan: 0.3, customertext: 0.3 };
const nameConfidenceMax = 0.5;

/**
 * Gathers what values of records look like, path by path, and forgets the values. Keys that may be data, as in maps by
 * address, are no part of a path: they become `{}`.
 */
export class SampledTypes {
  readonly #types: SemanticTypes;
  readonly #declared: ReadonlyMap<string, string | null>;
  /** Paths of the schema and all on the way to them. */
  readonly #known = new Set<string>();
  readonly #root = newPlace();
  #places = 0;

  constructor(
    types: SemanticTypes,
    fields: readonly { readonly path: string; readonly semanticType: string | null }[],
  ) {
    this.#types = types;
    this.#declared = new Map(fields.map(({ path, semanticType }) => [path, semanticType]));
    for (const place of [...fields, ...fields.flatMap(({ path }) => placesTo(path))]) this.#known.add(place.path);
  }

  add(record: unknown): void {
    this.#walk(this.#root, { path: '', depth: 0 }, record);
  }

  /** Surest first. */
  suggestions(): readonly TypeSuggestion[] {
    const found: TypeSuggestion[] = [];
    this.#tell(this.#root, '', found);
    return found
      .sort((one, other) => other.confidence - one.confidence || (one.path < other.path ? -1 : 1))
      .slice(0, suggestionsMax);
  }

  #walk(place: Place, { path, depth }: { readonly path: string; readonly depth: number }, value: unknown): void {
    if (value === null || value === undefined || depth > depthMax) return;
    place.count += 1;
    const down = (step: FieldPathStep, inner: unknown) => {
      const at = childPath(path, step);
      const child = this.#childOf(place, step, at);
      if (child !== null) this.#walk(child, { path: at, depth: depth + 1 }, inner);
    };
    if (Array.isArray(value)) {
      for (const element of value.slice(0, elementsMax)) down({ kind: 'ELEMENT' }, element);
    } else if (typeof value === 'object') {
      place.objects += 1;
      for (const [key, inner] of Object.entries(value).slice(0, keysMax)) {
        down(this.#stepOf(place, path, key), inner);
      }
    } else {
      place.seen += 1;
      for (const type of typesOfValue(value)) place.hits.set(type, (place.hits.get(type) ?? 0) + 1);
    }
  }

  /** Null where there is no room for a place that no schema names. */
  #childOf(place: Place, step: FieldPathStep, path: string): Place | null {
    const known = step.kind === 'FIELD' ? place.fields.get(step.name) : place[sideOf(step)];
    if (known !== undefined && known !== null) return known;
    if (this.#places >= placesMax && !this.#known.has(path)) return null;
    this.#places += 1;
    return childOf(place, step);
  }

  #stepOf(place: Place, path: string, key: string): FieldPathStep {
    const field = { kind: 'FIELD', name: key } as const;
    const isKnown = this.#known.has(childPath(path, field));
    const mayBeField = fieldName.test(key) && typesOfValue(key).length === 0 && !this.#known.has(`${path}{}`);
    return isKnown || (mayBeField && (place.fields.has(key) || place.fields.size < fieldsMax))
      ? field
      : { kind: 'ENTRY' };
  }

  #tell(place: Place, path: string, found: TypeSuggestion[]): void {
    found.push(...this.#suggestionsAt(place, path));
    const folded = place.entries ?? newPlace();
    for (const [name, child] of place.fields) {
      const at = childPath(path, { kind: 'FIELD', name });
      const isField =
        this.#known.has(at) || (child.count >= fieldCountMin && child.count >= fieldShareMin * place.objects);
      if (isField) this.#tell(child, at, found);
      else merge(folded, child);
    }
    if (folded.count > 0) this.#tell(folded, childPath(path, { kind: 'ENTRY' }), found);
    if (place.elements !== null) this.#tell(place.elements, childPath(path, { kind: 'ELEMENT' }), found);
  }

  #suggestionsAt({ hits, seen }: Place, path: string): readonly TypeSuggestion[] {
    const declared = this.#declared.get(path) ?? null;
    const byValues = [...hits]
      .filter(([type, count]) => count >= (shareMinOf[type] ?? shareMin) * seen)
      .map(
        ([semanticType, count]): TypeSuggestion => ({
          ...{ path, semanticType, basis: 'VALUES', hits: count, seen, declared },
          confidence: likelyShare(count, seen),
        }),
      );
    const called = seen === 0 ? null : typeOfName(nameOf(path), this.#types);
    if (called === null || byValues.some(({ semanticType }) => semanticType === called)) return byValues;
    const confidence = Math.min(nameConfidenceMax, likelyShare(seen, seen));
    return [...byValues, { path, semanticType: called, basis: 'NAME', hits: 0, seen, confidence, declared }];
  }
}

/** Field that a path ends in: `phones[]` is called after `phones`. */
const nameOf = (path: string): string => /([^.[\]{}]*)(?:\[\]|\{\})*$/.exec(path)?.[1] ?? '';

const sideOf = ({ kind }: FieldPathStep): 'elements' | 'entries' => (kind === 'ELEMENT' ? 'elements' : 'entries');

function childOf(place: Place, step: FieldPathStep): Place {
  if (step.kind !== 'FIELD') {
    const side = place[sideOf(step)] ?? newPlace();
    place[sideOf(step)] = side;
    return side;
  }
  const known = place.fields.get(step.name) ?? newPlace();
  place.fields.set(step.name, known);
  return known;
}

function merge(into: Place, from: Place): void {
  into.count += from.count;
  into.objects += from.objects;
  into.seen += from.seen;
  for (const [type, count] of from.hits) into.hits.set(type, (into.hits.get(type) ?? 0) + count);
  for (const [name, child] of from.fields) merge(childOf(into, { kind: 'FIELD', name }), child);
  for (const side of ['entries', 'elements'] as const) {
    const inner = from[side];
    if (inner === null) continue;
    const known = into[side] ?? newPlace();
    into[side] = known;
    merge(known, inner);
  }
}

/** The lower end of Wilson's interval at 95 %, two digits: few values say little. */
function likelyShare(hits: number, seen: number): number {
  const [z, share] = [1.96, hits / seen];
  const middle = share + (z * z) / (2 * seen);
  const spread = z * Math.sqrt((share * (1 - share) + (z * z) / (4 * seen)) / seen);
  return Math.round((100 * (middle - spread)) / (1 + (z * z) / seen)) / 100;
}
