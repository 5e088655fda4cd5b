import { canKeep, isObject, keyOf, type PlaceName, readNames } from './event-value.ts';

export type TransformationKind = 'DIRECT' | 'INDIRECT';

/** A column goes into another. */
export interface ColumnLink {
  readonly source: PlaceName;
  readonly sourceField: string;
  /** Empty for the dataset as a whole: it decides which rows there are. */
  readonly targetField: string;
  readonly kind: TransformationKind;
  /** E.g. `IDENTITY`, `AGGREGATION`, `FILTER`; empty where nobody said. */
  readonly subtype: string;
  /** True where the value cannot be seen behind it, e.g. by hashing. */
  readonly masking: boolean;
}

type Transformation = Pick<ColumnLink, 'kind' | 'subtype' | 'masking'>;
type Values = Readonly<Record<string, unknown>>;

const subtypeCharsMax = 200;

/** Links of a `columnLineage` facet of any version, each once; null for a facet that says nothing, empty for one that is deleted. */
export function readColumnLinks(facet: unknown): readonly ColumnLink[] | null {
  if (!isObject(facet)) return null;
  if (facet._deleted === true) return [];
  const fields = isObject(facet.fields) ? Object.entries(facet.fields) : [];
  const links = fields.flatMap(([targetField, value]) =>
    isObject(value) && targetField !== '' && canKeep.field(targetField)
      ? linksInto(targetField, value.inputFields, value)
      : [],
  );
  const all = [...links, ...linksInto('', facet.dataset, {})];
  return all.length === 0 ? null : [...new Map(all.map((link) => [linkKey(link), link])).values()];
}

/** One text for a link; equal links have equal texts. */
export function linkKey({ source, sourceField, targetField, kind, subtype, masking }: ColumnLink): string {
  return [keyOf(source), sourceField, targetField, kind, subtype, String(masking)].join('\0');
}

function linksInto(targetField: string, inputs: unknown, output: Values): readonly ColumnLink[] {
  if (!Array.isArray(inputs)) return [];
  return inputs.flatMap((input: unknown) => {
    const source = sourceOf(input);
    if (source === null) return [];
    return transformationsOf(source.value, output).map((transformation) => ({
      source: source.names,
      sourceField: source.field,
      targetField,
      ...transformation,
    }));
  });
}

function sourceOf(
  input: unknown,
): { readonly names: PlaceName; readonly field: string; readonly value: Values } | null {
  if (!isObject(input) || typeof input.field !== 'string' || input.field === '' || !canKeep.field(input.field))
    return null;
  try {
    return { names: readNames(input, []), field: input.field, value: input };
  } catch {
    return null;
  }
}

/** Where nobody says how, the value itself is taken to go over: a label too many is found, one too few is not. */
function transformationsOf(input: Values, output: Values): readonly Transformation[] {
  const given = Array.isArray(input.transformations) ? input.transformations.filter(isObject) : [];
  if (given.length > 0) return given.map(transformationOf);
  // Before 1-1-0 the field that comes out told, of all that go in.
  const subtype = subtypeOf(output.transformationType);
  return [{ kind: 'DIRECT', subtype, masking: subtype === 'MASKED' }];
}

function transformationOf({ type, subtype, masking }: Values): Transformation {
  const isIndirect = typeof type === 'string' && type.toUpperCase() === 'INDIRECT';
  return { kind: isIndirect ? 'INDIRECT' : 'DIRECT', subtype: subtypeOf(subtype), masking: masking === true };
}

function subtypeOf(value: unknown): string {
  return typeof value === 'string' && canKeep.text(value)
    ? value.slice(0, subtypeCharsMax).toUpperCase().toWellFormed()
    : '';
}
