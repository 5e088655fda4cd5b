import { jsonName } from './protobuf-message.ts';
import { jsonOfScalar, readScalar, type ScalarValue, scalarDefault } from './scalar-decoding.ts';
import { wellKnownBytes } from './well-known-encoding.ts';
import { wellKnownForms } from './well-known-types.ts';
import { messageDepthMax, notProtobuf, type WireField, wireFields } from './wire-reader.ts';

/**
 * The JSON form of a well-known message, by the ProtoJSON mapping. What the schema does not describe is base64: the content of
 * an `Any`, and messages about schemas.
 * @throws LinewardError VALUE_INVALID for bytes that are no such message, or a time or length out of its range.
 */
export function wellKnownValue(fullName: string, content: Uint8Array): unknown {
  switch (fullName) {
    case 'google.protobuf.Timestamp':
      return timestamp(content);
    case 'google.protobuf.Duration':
      return duration(content);
    case 'google.protobuf.FieldMask':
      return texts(content).map(camelPath).join(',');
    case 'google.protobuf.Empty':
      return {};
    case 'google.protobuf.Struct':
      return struct(content, 0);
    case 'google.protobuf.ListValue':
      return list(content, 0);
    case 'google.protobuf.Value':
      return dynamic(content, 0);
    case 'google.protobuf.Any':
      return { '@type': scalar(content, 1, 'string'), value: jsonOfScalar(scalar(content, 2, 'bytes')) };
    default:
      return other(fullName, content);
  }
}

function other(fullName: string, content: Uint8Array): unknown {
  const form = wellKnownForms.get(fullName);
  if (form === undefined) return Buffer.from(content).toString('base64');
  return jsonOfScalar(scalar(content, 1, form));
}

/** The last value of a field, or its default. */
function scalar(content: Uint8Array, number: number, type: string): ScalarValue {
  const last = wireFields(content).findLast((field) => field.number === number);
  return last === undefined ? scalarDefault(type) : readScalar(type, last.content);
}

function texts(content: Uint8Array): readonly string[] {
  return wireFields(content).flatMap((field) =>
    field.number === 1 ? [String(readScalar('string', field.content))] : [],
  );
}

const camelPath = (path: string): string => path.split('.').map(jsonName).join('.');

function timestamp(content: Uint8Array): string {
  const [seconds, nanos] = [Number(scalar(content, 1, 'int64')), Number(scalar(content, 2, 'int32'))];
  const isInRange = seconds >= -62_135_596_800 && seconds <= 253_402_300_799 && nanos >= 0 && nanos < 1e9;
  if (!isInRange) throw notProtobuf();
  return `${new Date(seconds * 1_000).toISOString().slice(0, 19)}${fraction(nanos)}Z`;
}

function duration(content: Uint8Array): string {
  const [seconds, nanos] = [Number(scalar(content, 1, 'int64')), Number(scalar(content, 2, 'int32'))];
  const isInRange = Math.abs(seconds) <= 315_576_000_000 && Math.abs(nanos) < 1e9 && seconds * nanos >= 0;
  if (!isInRange) throw notProtobuf();
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
}

/** Nanoseconds in three, six or nine digits. */
function fraction(nanos: number): string {
  if (nanos === 0) return '';
  return `.${String(nanos)
    .padStart(9, '0')
    .replace(/(?:000){1,2}$/, '')}`;
}

function struct(content: Uint8Array, depth: number): Readonly<Record<string, unknown>> {
  const entries = new Map<string, unknown>();
  for (const { number, content: entry } of wireFields(content)) {
    if (number !== 1) continue;
    const value = wireFields(entry).findLast((field) => field.number === 2);
    entries.set(String(scalar(entry, 1, 'string')), dynamic(value?.content ?? Buffer.alloc(0), depth + 1));
  }
  return Object.fromEntries(entries);
}

function list(content: Uint8Array, depth: number): readonly unknown[] {
  return wireFields(content).flatMap((field) => (field.number === 1 ? [dynamic(field.content, depth + 1)] : []));
}

/** A value without a kind is null. */
function dynamic(content: Uint8Array, depth: number): unknown {
  if (depth > messageDepthMax) throw notProtobuf();
  const last = wireFields(content).findLast(({ number }) => number >= 1 && number <= 6);
  return last === undefined ? null : dynamicKind(last, depth);
}

function dynamicKind({ number, content }: WireField, depth: number): unknown {
  switch (number) {
    case 2:
      return jsonOfScalar(readScalar('double', content));
    case 3:
      return readScalar('string', content);
    case 4:
      return readScalar('bool', content);
    case 5:
      return struct(content, depth);
    case 6:
      return list(content, depth);
    default:
      return null;
  }
}

const flatFields: Readonly<Record<string, readonly number[]>> = {
  'google.protobuf.Timestamp': [1, 2],
  'google.protobuf.Duration': [1, 2],
  'google.protobuf.FieldMask': [1],
  'google.protobuf.Empty': [],
  'google.protobuf.Any': [1, 2],
};

/** The content of a well-known message without fields that its type does not have; the same bytes where there are none. */
export function knownContent(fullName: string, content: Buffer): Buffer {
  if (dynamicTypes.has(fullName)) {
    const written = wellKnownBytes(fullName, wellKnownValue(fullName, content));
    return Buffer.isBuffer(written) && !written.equals(content) ? written : content;
  }
  const numbers = flatFields[fullName] ?? (wellKnownForms.has(fullName) ? [1] : null);
  const fields = wireFields(content);
  const known = fields.filter(({ number }) => numbers === null || numbers.includes(number));
  return known.length === fields.length ? content : Buffer.concat(known.map(({ raw }) => raw));
}

/** Messages that hold any JSON. */
export const dynamicTypes: ReadonlySet<string> = new Set([
  'google.protobuf.Struct',
  'google.protobuf.ListValue',
  'google.protobuf.Value',
]);
