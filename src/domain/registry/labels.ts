import type { Recurrence, SchemaFieldPath } from './schema-format.ts';
import type { SchemaMetadata } from './schema-metadata.ts';

/** What the catalog knows of a semantic type, by its canonical name. */
export interface KnownSemanticType {
  readonly name: string;
  readonly classifications: readonly string[];
}

/** What governance calls a value; tags of these names are classifications. */
const classifications: readonly string[] = ['PII', 'PCI', 'PHI', 'SECRET'];

/** Longest tag that becomes a label; the schema keeps longer ones too. */
const tagCharsMax = 256;

/** Most paths into records inside themselves that metadata is looked up for; each costs as much as a field. */
const pathsInsideMax = 20_000;

/** A field with what it is and what it means, whichever way its schema says so. */
export interface LabelledField extends SchemaFieldPath {
  readonly classifications: readonly string[];
  /** Further types that its values may have; null stands for a part of the schema that shares the path and names none. */
  readonly otherTypes: readonly (string | null)[];
}

export interface LabelSource {
  /** Full name of the record; patterns of Avro and Protobuf metadata begin with it. */
  readonly record: string;
  readonly metadata: SchemaMetadata | null;
  readonly semanticTypeOf: (name: string) => KnownSemanticType | null;
}

/**
 * Reads the three spellings of one thing: `twilio_type`, `confluent:tags` and `metadata.tags` by path pattern. A tag that
 * names a semantic type gives the field that type, unless `twilio_type` has said it; a tag that names a classification gives
 * it that. All tags stay tags.
 */
export function labelFields(fields: readonly SchemaFieldPath[], source: LabelSource): readonly LabelledField[] {
  const patterns = Object.entries(source.metadata?.tags ?? {}).map(([pattern, tags]) => ({
    matches: pathMatcher(pattern),
    tags,
  }));
  const recurrences = fields
    .flatMap((field) => field.recurrences)
    .slice(0, patterns.length === 0 ? 0 : Math.floor(pathsInsideMax / fields.length));
  return fields.map((field) => {
    const paths = [field.path, ...pathsInside(field.path, recurrences)];
    return labelled(
      field,
      paths.flatMap((path) => tagsFor(path, patterns, source.record)),
      source,
    );
  });
}

/** The paths of a field in records that lie directly inside themselves: metadata may name it there. */
function pathsInside(path: string, recurrences: readonly Recurrence[]): readonly string[] {
  return recurrences.flatMap(({ at, to }) => {
    if (to === '') return [`${at}.${path}`];
    return path.startsWith(`${to}.`) ? [`${at}${path.slice(to.length)}`] : [];
  });
}

function tagsFor(path: string, patterns: readonly TagPattern[], record: string): readonly string[] {
  if (patterns.length === 0) return [];
  const plain = path.replace(/\[\]|\{\}/g, '');
  const spellings = [plain, `${record}.${plain}`, `.${record}.${plain}`, `$.${plain}`, `object.${plain}`];
  return patterns.filter(({ matches }) => spellings.some((spelling) => matches(spelling))).flatMap(({ tags }) => tags);
}

interface TagPattern {
  readonly matches: (path: string) => boolean;
  readonly tags: readonly string[];
}

function labelled(field: SchemaFieldPath, fromMetadata: readonly string[], source: LabelSource): LabelledField {
  const tags = labels([...field.tags, ...fromMetadata]);
  const known = field.meanings.map((meaning) =>
    firstKnown([meaning.semanticType, ...labels([...meaning.tags, ...fromMetadata])], source),
  );
  const semanticType = known.find((type) => type !== null)?.name ?? null;
  // A name that nobody registered stays one, so that a plan sees it and removes the values: it may be misspelt.
  const types = new Set(known.map((type, index) => type?.name ?? field.meanings[index]?.semanticType ?? null));
  const meant = tags.map((tag) => tag.toUpperCase()).filter((tag) => classifications.includes(tag));
  return {
    ...field,
    tags,
    semanticType,
    otherTypes: [...types].filter((name) => name !== semanticType),
    classifications: [...new Set([...known.flatMap((type) => type?.classifications ?? []), ...meant])],
  };
}

function labels(tags: readonly string[]): readonly string[] {
  return [...new Set(tags)].filter((tag) => tag.length <= tagCharsMax);
}

function firstKnown(names: readonly (string | null)[], { semanticTypeOf }: LabelSource): KnownSemanticType | null {
  return names.map((name) => (name === null ? null : semanticTypeOf(name))).find((type) => type !== null) ?? null;
}

/**
 * A pattern over dotted paths: `?` is one character and `*` any number of them within a segment, `**` any number of
 * segments. Matching takes time of pattern × path and never backtracks further.
 */
export function pathMatcher(pattern: string): (path: string) => boolean {
  const tokens = [...pattern.matchAll(/\*\*|\*|\?|[^*?]/gsu)].map(([token]) => token);
  return (path) => {
    let reached = closure(tokens, new Set([0]), true);
    for (const char of path) {
      const next = new Set<number>();
      for (const at of reached) {
        const token = tokens[at];
        if (token === '**' || (token === '*' && char !== '.')) next.add(at);
        else if (token === char || (token === '?' && char !== '.')) next.add(at + 1);
      }
      if (next.size === 0) return false;
      reached = closure(tokens, next, char === '.');
    }
    return reached.has(tokens.length);
  };
}

/** Positions that are reached without reading a character: stars may stand for nothing, and `**.` for no segment at all. */
function closure(tokens: readonly string[], positions: Set<number>, segmentStarts: boolean): Set<number> {
  for (const at of positions) {
    const token = tokens[at];
    if (token === '*' || token === '**') positions.add(at + 1);
    if (segmentStarts && token === '**' && tokens[at + 1] === '.') positions.add(at + 2);
  }
  return positions;
}
