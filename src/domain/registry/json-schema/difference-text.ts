import type { Incompatibility } from '../schema-format.ts';
import type { JsonDifference } from './json-difference.ts';

type Text = readonly [fits: RegExp, description: string, suggestion: string];

/** What a rule means, for people: the first that fits its name. */
const texts: readonly Text[] = [
  [
    /^REQUIRED_PROPERTY_ADDED/,
    'a property was added that messages must have, and earlier messages lack it',
    'Leave it out of "required", or give it a "default".',
  ],
  [
    /ADDED_TO_OPEN_CONTENT_MODEL$/,
    'it was added to an open content model: the earlier schema allowed anything under this name, so earlier messages may hold a value that no longer fits',
    'Set "additionalProperties": false in the earlier schema, or configure the compatibility policy LENIENT, which trusts that nobody used the name.',
  ],
  [
    /ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL$/,
    'it was added to a partially open content model whose patterns or "additionalProperties" allowed other values under this name',
    'Give it a schema that allows all that the earlier patterns allowed.',
  ],
  [
    /REMOVED_FROM_CLOSED_CONTENT_MODEL$/,
    'it was removed from a closed content model, so earlier messages that hold it are refused',
    'Keep it, or open the content model by leaving out "additionalProperties": false.',
  ],
  [
    /REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL$/,
    'it was removed, and the patterns or "additionalProperties" that cover it now allow less',
    'Keep it, or widen what covers it.',
  ],
  [
    /^REQUIRED_ATTRIBUTE_ADDED$/,
    'it became required, and earlier messages may lack it',
    'Leave it out of "required", or give it a "default".',
  ],
  [
    /^ADDITIONAL_(PROPERTIES|ITEMS)_REMOVED$/,
    'the content model was closed, and earlier messages may hold more',
    'Leave the content model open.',
  ],
  [
    /^UNEVALUATED_\w+_REMOVED$/,
    'the content model was closed, and earlier messages may hold more',
    'Leave the content model open.',
  ],
  [/^TYPE_NARROWED$/, 'number became integer, and earlier messages may hold fractions', 'Keep "number".'],
  [/^TYPE_CHANGED$/, 'the type is another one', 'Keep the type, or allow both with "oneOf".'],
  [/^SCHEMA_ADDED$/, 'a schema was added where anything was allowed', 'Leave it out, or make it allow anything.'],
  [/^ENUM_ARRAY_/, 'allowed values were taken away', 'Keep all earlier values.'],
  [
    /^COMBINED_TYPE_CHANGED$/,
    '"allOf", "anyOf" and "oneOf" were exchanged in a way that refuses earlier messages',
    'Keep the keyword, or change to "anyOf".',
  ],
  [
    /^COMBINED_TYPE_SUBSCHEMAS_CHANGED$/,
    'no assignment of the earlier members to the new ones keeps all of them readable',
    'Change one member at a time, and only by widening it.',
  ],
  [
    /^PRODUCT_TYPE_EXTENDED$/,
    '"allOf" has more members, which earlier messages need not fit',
    'Keep the members of "allOf".',
  ],
  [
    /^SUM_TYPE_NARROWED$/,
    '"anyOf" or "oneOf" has fewer members, and earlier messages may be of a missing one',
    'Keep all earlier members.',
  ],
  [/^NOT_TYPE_EXTENDED$/, '"not" excludes more than before', 'Exclude no more than the earlier schema did.'],
  [
    /^DEPENDENCY_/,
    'a dependency between properties was added or tightened',
    'Keep the dependencies as they were, or loosen them.',
  ],
  [/_ADDED$/, 'a limit was added that earlier messages need not keep', 'Leave the limit out.'],
  [
    /_(NARROWED|DECREASED|INCREASED|EXPANDED|CHANGED|EXTENDED)$/,
    'a limit was tightened or changed, and earlier messages may be outside of it',
    'Keep the earlier limit, or loosen it.',
  ],
];

/** A difference as the registry tells it. */
export function incompatibilityOf({ type, path }: JsonDifference): Incompatibility {
  const place = `#${path === '' ? '/' : path}`;
  const [, what = 'it changed', suggestion = ''] = texts.find(([fits]) => fits.test(type)) ?? [];
  return {
    errorType: type,
    description: `At ${place} ${what}`,
    path: place,
    additionalInfo: path.slice(path.lastIndexOf('/') + 1),
    suggestion,
  };
}
