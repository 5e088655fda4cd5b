/** What can be wrong with a transformer. */
export const specIssueCodes = [
  'NOT_JSON',
  'SHAPE',
  'UNKNOWN_MEMBER',
  'MISSING_MEMBER',
  'UNKNOWN_TRANSFORM',
  'UNKNOWN_TOPIC',
  'UNKNOWN_TABLE',
  'UNKNOWN_SCHEMA',
  'UNKNOWN_FIELD',
  'UNKNOWN_ORDER',
  'ORDER_INVALID',
  'DUPLICATE_FIELD',
  'FIELD_NAME',
  'KEY_MISSING',
  'ACCOUNT_MISSING',
  'COMPARE_MISSING',
  'TYPE_CONFLICT',
  'EXPRESSION_INVALID',
  'FORMAT_INVALID',
  'ZONE_UNKNOWN',
  'PROTECT_PLACE',
  'CODEC_UNKNOWN',
  'PATH_INVALID',
  'PATH_MISMATCH',
  'LOCATION_TAKEN',
  'CYCLE',
  'NOT_READABLE',
] as const;
export type SpecIssueCode = (typeof specIssueCodes)[number];

/** One fault of a document, where it is and how it is mended. */
export interface SpecIssue {
  /** Place in the document, such as `sources[0].transforms[1].fields[0]`; empty for the whole. */
  readonly path: string;
  readonly code: SpecIssueCode;
  readonly message: string;
}

/** A path as documents are read: `sources[0].key`. */
export function placeOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./u, '');
}

/** ` Known are a, b, c.`, the first of them; nothing where there are none. */
export function knownNames(names: Iterable<string>, most = 20): string {
  const all = [...names];
  if (all.length === 0) return '';
  const shown = all.slice(0, most).join(', ');
  return ` Known are ${shown}${all.length > most ? ` and ${all.length - most} more` : ''}.`;
}
