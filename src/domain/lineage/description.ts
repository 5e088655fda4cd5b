import { digestOf } from '../canonical-json.ts';
import { canKeep, isObject } from './event-value.ts';

export const descriptionParts = ['documentation', 'owners', 'tags', 'properties', 'terms', 'domain'] as const;
/** What may be said about a dataset; of a field, `documentation`, `tags` and `terms`. */
export type DescriptionPart = (typeof descriptionParts)[number];

export type DescriptionValue = string | readonly string[] | Readonly<Record<string, string>>;

/** One part of a description. */
export interface Saying {
  /** Path of the field; empty for the dataset itself. */
  readonly path: string;
  readonly part: DescriptionPart;
  /** Null takes back what was said. */
  readonly value: DescriptionValue | null;
}

/** Longest documentation, in characters. */
const documentationCharsMax = 100_000;
/** Equal whatever the order of members, which the database does not keep; the order of words is a part of what was said. */
export function isSameValue(one: DescriptionValue | null, other: DescriptionValue | null): boolean {
  return digestOf(one) === digestOf(other);
}

/** Names a dataset, or one of its fields. */
export interface DescribedPlace {
  readonly datasetId: string;
  /** Empty for the dataset itself. */
  readonly path: string;
}

/** A change of one part of a description. */
export interface DescriptionChange extends DescribedPlace {
  readonly id: number;
  readonly part: DescriptionPart;
  readonly saidBy: string;
  readonly actorId: string | null;
  /** JSON; null where nothing was said. */
  readonly before: string | null;
  readonly after: string | null;
  readonly at: Date;
}

/** What is in force of a description. */
export interface Description {
  readonly documentation: string | null;
  readonly owners: readonly string[];
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  /** Names of terms of the glossary. */
  readonly terms: readonly string[];
  /** Name of the domain that it belongs to. */
  readonly domain: string | null;
}

export const noDescription: Description = {
  ...{ documentation: null, owners: [], tags: [], properties: {} },
  ...{ terms: [], domain: null },
};

/** Most owners, tags or properties of a dataset, and most characters of one. */
const wordsMax = 100;
const wordCharsMax = 200;

/**
 * What facets of OpenLineage say about a dataset: `documentation`, `ownership`, `tags` (with `field` of a field), and descriptions
 * in `schema`. What is not in its form, or too long to be kept, says nothing.
 */
export function readSayings(facets: Readonly<Record<string, unknown>>): readonly Saying[] {
  const { documentation, ownership, tags, schema } = facets;
  return [
    ...told(documentation, 'documentation', (facet) => textOf(facet.description)),
    ...told(ownership, 'owners', (facet) => wordsOf(facet.owners, (owner) => owner.name)),
    ...told(tags, 'tags', (facet) => wordsOf(ofDataset(facet.tags), tagOf)),
    ...fieldTags(tags),
    ...fieldTexts(schema),
  ];
}

type Facet = Readonly<Record<string, unknown>>;

function told(facet: unknown, part: DescriptionPart, read: (facet: Facet) => DescriptionValue | null): Saying[] {
  if (!isObject(facet)) return [];
  if (facet._deleted === true) return [{ path: '', part, value: null }];
  const value = read(facet);
  return value === null ? [] : [{ path: '', part, value }];
}

function textOf(value: unknown): string | null {
  const isKept = typeof value === 'string' && canKeep.text(value) && value.length <= documentationCharsMax;
  return isKept && value.trim() !== '' ? value : null;
}

function wordsOf(values: unknown, wordOf: (value: Facet) => unknown): readonly string[] | null {
  if (!Array.isArray(values)) return null;
  const words = values.flatMap((value) => {
    const word = isObject(value) ? wordOf(value) : null;
    return typeof word === 'string' && canKeep.text(word) && word !== '' && word.length <= wordCharsMax ? [word] : [];
  });
  return [...new Set(words)].slice(0, wordsMax);
}

/** A tag of a key alone is the key; one with a value is `key:value`. */
function tagOf({ key, value }: Facet): string | null {
  if (typeof key !== 'string') return null;
  return typeof value !== 'string' || value === '' || value === 'true' ? key : `${key}:${value}`;
}

const fieldOf = (tag: unknown): string | null =>
  isObject(tag) && typeof tag.field === 'string' && tag.field !== '' && canKeep.field(tag.field) ? tag.field : null;

const ofDataset = (tags: unknown): unknown =>
  Array.isArray(tags) ? tags.filter((tag) => isObject(tag) && fieldOf(tag) === null) : tags;

function fieldTags(facet: unknown): Saying[] {
  if (!isObject(facet) || !Array.isArray(facet.tags)) return [];
  const byField = Map.groupBy(facet.tags as readonly unknown[], fieldOf);
  return [...byField].flatMap(([path, tags]): Saying[] =>
    path === null ? [] : [{ path, part: 'tags', value: wordsOf(tags, tagOf) ?? [] }],
  );
}

const nestingMax = 64;

function fieldTexts(facet: unknown): Saying[] {
  return isObject(facet) && Array.isArray(facet.fields) ? textsIn(facet.fields, '', 0) : [];
}

function textsIn(values: readonly unknown[], prefix: string, depth: number): Saying[] {
  if (depth > nestingMax) return [];
  return values.flatMap((value): Saying[] => {
    if (!isObject(value) || typeof value.name !== 'string' || value.name === '') return [];
    const path = `${prefix}${value.name}`;
    if (!canKeep.field(path)) return [];
    const text = textOf(value.description);
    const inside = Array.isArray(value.fields) ? textsIn(value.fields, `${path}.`, depth + 1) : [];
    return [...(text === null ? [] : [{ path, part: 'documentation' as const, value: text }]), ...inside];
  });
}
