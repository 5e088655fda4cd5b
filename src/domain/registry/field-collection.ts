import type { FieldMeaning, Recurrence, SchemaFieldPath } from './schema-format.ts';

/** What a walk over a schema knows of a field where it stands. */
export type FoundField = Omit<SchemaFieldPath, 'semanticType' | 'tags' | 'recurrences' | 'plainAt'>;

/** The paths of a schema as a walk finds them: each stands once, in the order in which they were met. */
export class FieldCollection {
  readonly #fields = new Map<string, FoundField>();
  readonly #recurrences = new Map<string, Recurrence>();
  readonly #plain = new Set<string>();

  get size(): number {
    return this.#fields.size;
  }

  has(path: string): boolean {
    return this.#fields.has(path);
  }

  /** Branches of a union may share a path; then its values are what either of them says. */
  add(field: FoundField): void {
    const known = this.#fields.get(field.path);
    if (known === undefined) this.#fields.set(field.path, field);
    else
      this.#fields.set(field.path, {
        ...known,
        nullable: known.nullable && field.nullable,
        meanings: distinct([...known.meanings, ...field.meanings]),
      });
  }

  /** At a path begins again what began at one further up. */
  recur(at: string, to: string): void {
    if (at !== to) this.#recurrences.set(`${at} ${to}`, { at, to });
  }

  /** At a path may stand a value without members. */
  allowPlain(at: string): void {
    this.#plain.add(at);
  }

  /** What is said of the record as a whole holds for its own fields where nothing is said of them. */
  all(ofRecord: readonly FieldMeaning[]): readonly SchemaFieldPath[] {
    const recurrences = Map.groupBy(this.#recurrences.values(), ({ at }) => fieldOf(at));
    const parents = new Set(this.#places());
    const plain = Map.groupBy(
      [...this.#plain].filter((at) => parents.has(at)),
      fieldOf,
    );
    return [...this.#fields.values()].map((field) => ({
      ...field,
      semanticType: field.meanings.find(({ semanticType }) => semanticType !== null)?.semanticType ?? null,
      tags: [...new Set(field.meanings.flatMap(({ tags }) => tags))],
      meanings: isOfRecord(field.path)
        ? spoken(field.meanings.flatMap((one) => (saysSomething(one) ? [one] : ofRecord)))
        : field.meanings,
      recurrences: recurrences.get(field.path) ?? [],
      plainAt: plain.get(field.path) ?? [],
    }));
  }

  /** All places that have members, elements or values with a path. */
  *#places(): Generator<string> {
    for (const path of this.#fields.keys()) yield* placesAbove(path);
    for (const { at } of this.#recurrences.values()) {
      yield at;
      yield* placesAbove(at);
    }
  }
}

/** The field that a place belongs to: the place without the marks of elements and values behind it. */
function fieldOf(place: string): string {
  return place.replace(/(\[\]|\{\})+$/, '');
}

function* placesAbove(path: string): Generator<string> {
  if (isOfRecord(path)) return;
  for (const { index } of path.matchAll(/\.|\[\]|\{\}/g)) yield path.slice(0, index);
}

/** Those that say something; one that says nothing when there are none. */
export function spoken(meanings: readonly FieldMeaning[]): readonly FieldMeaning[] {
  const saying = meanings.filter(saysSomething);
  return saying.length === 0 ? [{ semanticType: null, tags: [] }] : distinct(saying);
}

function saysSomething({ semanticType, tags }: FieldMeaning): boolean {
  return semanticType !== null || tags.length > 0;
}

/** True for a field of the record itself. */
function isOfRecord(path: string): boolean {
  return !/[.[{]/.test(path);
}

function distinct(meanings: readonly FieldMeaning[]): readonly FieldMeaning[] {
  return [...new Map(meanings.map((one) => [JSON.stringify([one.semanticType, one.tags]), one])).values()];
}
