/** A field as far as two versions can differ in it. */
export interface ComparedField {
  readonly path: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly required: boolean;
  readonly semanticType: string | null;
  readonly classifications: readonly string[];
  readonly tags: readonly string[];
  readonly doc: string | null;
}

export const fieldChangeKinds = [
  'TYPE',
  'NULLABLE',
  'REQUIRED',
  'SEMANTIC_TYPE',
  'CLASSIFICATIONS',
  'TAGS',
  'DOC',
] as const;
export type FieldChangeKind = (typeof fieldChangeKinds)[number];

/** A path that both versions have, with what is different about it. */
export interface FieldChange<Field extends ComparedField> {
  readonly path: string;
  readonly before: Field;
  readonly after: Field;
  readonly changes: readonly FieldChangeKind[];
}

/** What a path means for governance now and did not before, or the other way round. */
export interface ClassificationChange {
  readonly path: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** What happened to the fields of an entity between two versions. */
export interface FieldsDiff<Field extends ComparedField> {
  /** In the order of the later version. */
  readonly added: readonly Field[];
  /** In the order of the earlier version. */
  readonly removed: readonly Field[];
  /** In the order of the later version. */
  readonly changed: readonly FieldChange<Field>[];
  /** Also of fields that were added or removed with their classifications. */
  readonly classificationChanges: readonly ClassificationChange[];
}

/**
 * Compares the fields of two versions by path. The order of fields, and of labels on a field, makes no difference. A renamed
 * field is one removed and one added, because data written under the old name stays under it.
 */
export function diffFields<Field extends ComparedField>(
  before: readonly Field[],
  after: readonly Field[],
): FieldsDiff<Field> {
  const earlier = new Map(before.map((field) => [field.path, field]));
  const later = new Map(after.map((field) => [field.path, field]));
  const changed = after.flatMap((field) => {
    const old = earlier.get(field.path);
    const changes = old === undefined ? [] : changesBetween(old, field);
    return old === undefined || changes.length === 0 ? [] : [{ path: field.path, before: old, after: field, changes }];
  });
  const paths = [...later.keys(), ...[...earlier.keys()].filter((path) => !later.has(path))];
  return {
    added: after.filter(({ path }) => !earlier.has(path)),
    removed: before.filter(({ path }) => !later.has(path)),
    changed,
    classificationChanges: paths.flatMap((path) => classificationChange(path, earlier.get(path), later.get(path))),
  };
}

/** True when nothing differs. */
export function isSame(diff: FieldsDiff<ComparedField>): boolean {
  return diff.added.length === 0 && diff.removed.length === 0 && diff.changed.length === 0;
}

const differs: Readonly<Record<FieldChangeKind, (one: ComparedField, other: ComparedField) => boolean>> = {
  TYPE: (one, other) => one.type !== other.type,
  NULLABLE: (one, other) => one.nullable !== other.nullable,
  REQUIRED: (one, other) => one.required !== other.required,
  SEMANTIC_TYPE: (one, other) => one.semanticType !== other.semanticType,
  CLASSIFICATIONS: (one, other) => !sameLabels(one.classifications, other.classifications),
  TAGS: (one, other) => !sameLabels(one.tags, other.tags),
  DOC: (one, other) => one.doc !== other.doc,
};

function changesBetween(before: ComparedField, after: ComparedField): readonly FieldChangeKind[] {
  return fieldChangeKinds.filter((kind) => differs[kind](before, after));
}

function sameLabels(one: readonly string[], other: readonly string[]): boolean {
  return missing(one, other).length === 0 && missing(other, one).length === 0;
}

/** Labels of `all` that are not among `those`. */
function missing(all: readonly string[], those: readonly string[]): readonly string[] {
  const known = new Set(those);
  return [...new Set(all)].filter((label) => !known.has(label));
}

function classificationChange(
  path: string,
  before: ComparedField | undefined,
  after: ComparedField | undefined,
): readonly ClassificationChange[] {
  const [old, next] = [before?.classifications ?? [], after?.classifications ?? []];
  const change = { path, added: missing(next, old), removed: missing(old, next) };
  return change.added.length === 0 && change.removed.length === 0 ? [] : [change];
}
