import { isJsonObject } from '../json-text.ts';

type Check = (value: unknown) => string | null;

const text =
  (pattern: RegExp, form: string): Check =>
  (value) => {
    if (typeof value !== 'string') return 'must be a string';
    return pattern.test(value) ? null : `must be ${form}`;
  };

const object: Check = (value) => (isJsonObject(value) ? null : 'must be an object');

const any: Check = (value) =>
  isJsonObject(value) && typeof value['@type'] === 'string' ? null : 'must be an object with "@type"';

const checks: ReadonlyMap<string, Check> = new Map([
  [
    'google.protobuf.Timestamp',
    text(
      /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/,
      'a time of RFC 3339 with its offset',
    ),
  ],
  ['google.protobuf.Duration', text(/^-?\d{1,12}(\.\d{1,9})?s$/, 'seconds with the suffix "s"')],
  ['google.protobuf.FieldMask', text(/^([\w.]+(,[\w.]+)*)?$/, 'paths joined by commas')],
  ['google.protobuf.Any', any],
  ['google.protobuf.Struct', object],
  ['google.protobuf.ListValue', (value) => (Array.isArray(value) ? null : 'must be a list')],
  [
    'google.protobuf.Empty',
    (value) => (isJsonObject(value) && Object.keys(value).length === 0 ? null : 'must be an empty object'),
  ],
  ['google.protobuf.Value', () => null],
]);

/** The check of a well-known type whose JSON form is its own, by the ProtoJSON mapping; undefined for any other type. */
export function wellKnownCheck(fullName: string): Check | undefined {
  return checks.get(fullName);
}
