import { LinewardError } from '../../errors/lineward-error.ts';

/** One step of a field path: into a record's field, into an array's elements, into a map's values. */
export type FieldPathStep =
  | { readonly kind: 'FIELD'; readonly name: string }
  | { readonly kind: 'ELEMENT' }
  | { readonly kind: 'ENTRY' };

/**
 * The steps of a path as the registry writes it: `a.b`, `phones[]`, `contacts{}.email`.
 * @throws LinewardError SCHEMA_INVALID when the text is no path.
 */
export function parseFieldPath(path: string): readonly FieldPathStep[] {
  const steps = path.split('.').flatMap((segment): FieldPathStep[] => {
    const brackets = /(?:\[\]|\{\})+$/.exec(segment)?.[0] ?? '';
    const name = segment.slice(0, segment.length - brackets.length);
    if (name === '' || /[[\]{}]/.test(name)) {
      throw new LinewardError('SCHEMA_INVALID', 'A field path is written like a.b, a[] or a{}.', { path: [path] });
    }
    const containers = (brackets.match(/\[\]|\{\}/g) ?? []).map(
      (bracket): FieldPathStep => (bracket === '[]' ? { kind: 'ELEMENT' } : { kind: 'ENTRY' }),
    );
    return [{ kind: 'FIELD', name }, ...containers];
  });
  return steps;
}

/** The path one step further down; the empty path is the record itself. */
export function childPath(parent: string, step: FieldPathStep): string {
  if (step.kind === 'ELEMENT') return `${parent}[]`;
  if (step.kind === 'ENTRY') return `${parent}{}`;
  return parent === '' ? step.name : `${parent}.${step.name}`;
}

/** One step on the way to a field. */
export interface FieldPathPlace {
  /** Where the step begins. */
  readonly from: string;
  readonly step: FieldPathStep;
  readonly path: string;
}

/** The way to a field; empty for a name with brackets of its own, which a schema may have and no path can spell. */
export function placesTo(path: string): readonly FieldPathPlace[] {
  const places: FieldPathPlace[] = [];
  let from = '';
  for (const step of stepsOrNone(path)) {
    const place = { from, step, path: childPath(from, step) };
    places.push(place);
    from = place.path;
  }
  return places;
}

function stepsOrNone(path: string): readonly FieldPathStep[] {
  try {
    return parseFieldPath(path);
  } catch {
    return [];
  }
}
