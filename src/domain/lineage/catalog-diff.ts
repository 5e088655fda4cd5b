import type { CatalogDataset, CatalogField, CatalogJob } from './catalog-line.ts';
import { type DescriptionPart, type DescriptionValue, isSameValue, type Saying } from './description.ts';
import { keyOf, type PlaceName } from './event-value.ts';

/** What the catalog knows of a dataset that an import speaks of. */
export interface KnownDataset {
  readonly id: string;
  readonly isDropped: boolean;
  /** Null while nobody has told a schema. */
  readonly fields: readonly CatalogField[] | null;
  /** What this source said before. */
  readonly said: readonly Saying[];
}

/** What the catalog knows of a job. */
export type KnownJob = Pick<CatalogJob, 'inputs' | 'outputs'>;

/** One thing that an import changes; null stands for nothing. */
export interface CatalogChange {
  /** `fields.<path>`, `<part>`, `fields.<path>.<part>`, `inputs`, `outputs`. */
  readonly what: string;
  readonly before: DescriptionValue | null;
  readonly after: DescriptionValue | null;
}

export interface DatasetDiff {
  readonly change: 'ADDED' | 'CHANGED' | 'UNCHANGED';
  readonly changes: readonly CatalogChange[];
  /** The schema to be told; null where it is as it was, or is not told. */
  readonly fields: readonly CatalogField[] | null;
  /** The parts to be said. */
  readonly sayings: readonly Saying[];
}

/** What an import changes about a dataset. A type that the source does not tell stays as it is known. */
export function datasetDiff(given: CatalogDataset, known: KnownDataset | null): DatasetDiff {
  const before = new Map((known?.fields ?? []).map(({ path, type }) => [path, type]));
  const fields = given.fields?.map(({ path, type }) => ({ path, type: type ?? before.get(path) ?? null })) ?? null;
  const ofFields = fields === null ? [] : fieldChanges(before, fields);
  const isNewSchema = fields !== null && (known?.fields == null || known.isDropped);
  const said = new Map((known?.said ?? []).map((one) => [`${one.path}\0${one.part}`, one.value]));
  const sayings = given.sayings.filter(
    ({ path, part, value }) => !isSameValue(said.get(`${path}\0${part}`) ?? null, value),
  );
  const changes = [
    ...ofFields,
    ...sayings.map(({ path, part, value }) => ({
      what: wordFor(path, part),
      before: said.get(`${path}\0${part}`) ?? null,
      after: value,
    })),
  ];
  const isNew = known === null || known.isDropped;
  return {
    change: isNew ? 'ADDED' : changes.length > 0 || isNewSchema ? 'CHANGED' : 'UNCHANGED',
    changes,
    fields: isNewSchema || ofFields.length > 0 ? fields : null,
    sayings,
  };
}

/**
 * What an import changes about a job. Only what it reads and writes more: that it reads something no longer is told by events
 * of its runs.
 */
export function jobDiff(given: CatalogJob, known: KnownJob | null): Pick<DatasetDiff, 'change' | 'changes'> {
  const changes = (['inputs', 'outputs'] as const).flatMap((what): CatalogChange[] => {
    const before = new Set((known?.[what] ?? []).map(keyOf));
    const more = given[what].filter((place) => !before.has(keyOf(place)));
    return more.length === 0 ? [] : [{ what, before: null, after: more.map(shown) }];
  });
  return { change: known === null ? 'ADDED' : changes.length > 0 ? 'CHANGED' : 'UNCHANGED', changes };
}

const shown = ({ namespace, name }: PlaceName): string => `${namespace} ${name}`;
const wordFor = (path: string, part: DescriptionPart): string => (path === '' ? part : `fields.${path}.${part}`);

function fieldChanges(before: ReadonlyMap<string, string | null>, fields: readonly CatalogField[]): CatalogChange[] {
  const after = new Map(fields.map(({ path, type }) => [path, type]));
  const word = (of: ReadonlyMap<string, string | null>, path: string): string | null =>
    of.has(path) ? (of.get(path) ?? 'of unknown type') : null;
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((path) => {
    const change = { what: `fields.${path}`, before: word(before, path), after: word(after, path) };
    return change.before === change.after ? [] : [change];
  });
}
