import { ByteWriter } from '../byte-writer.ts';
import { isJsonObject } from '../json-text.ts';
import { scalarForms, sized, tag } from './scalar-encoding.ts';
import { wellKnownForms } from './well-known-types.ts';

/** Deepest nesting of values within a `Struct`. */
const depthMax = 100;

/** The bytes of a message, or what it must be instead. */
export type WellKnownBytes = Buffer | string;

/**
 * Bytes of a well-known message whose JSON form is its own, by the ProtoJSON mapping; null for any other message, and for
 * `Any`, which needs the types of the file.
 */
export function wellKnownBytes(fullName: string, value: unknown): WellKnownBytes | null {
  switch (fullName) {
    case 'google.protobuf.Timestamp':
      return timestamp(String(value));
    case 'google.protobuf.Duration':
      return duration(String(value));
    case 'google.protobuf.FieldMask':
      return fieldMask(String(value));
    case 'google.protobuf.Empty':
      return Buffer.alloc(0);
    case 'google.protobuf.Struct':
      return struct(value, 0);
    case 'google.protobuf.ListValue':
      return list(value, 0);
    case 'google.protobuf.Value':
      return dynamic(value, 0);
    default: {
      const scalar = wellKnownForms.get(fullName);
      return scalar === undefined ? null : wrapped(scalar, value);
    }
  }
}

function member(out: ByteWriter, number: number, type: string, value: unknown): ByteWriter {
  const form = scalarForms[type];
  if (form === undefined || form.isDefault(value)) return out;
  tag(out, number, form.wireType);
  form.write(out, value);
  return out;
}

function wrapped(type: string, value: unknown): WellKnownBytes {
  return scalarForms[type]?.refusal?.(value) ?? member(new ByteWriter(), 1, type, value).bytes;
}

function seconds(whole: number, nanos: number): Buffer {
  return member(member(new ByteWriter(), 1, 'int64', whole), 2, 'int32', nanos).bytes;
}

function timestamp(text: string): WellKnownBytes {
  const [, head = '', fraction = '', offset = ''] = /^(.{19})(?:\.(\d+))?(.+)$/.exec(text) ?? [];
  const local = Date.parse(`${head}Z`);
  // A day that its month lacks is taken for one of the next.
  const isDay = !Number.isNaN(local) && new Date(local).toISOString().startsWith(head);
  const at = Date.parse(`${head}${offset}`) / 1_000;
  const isInRange = at >= -62_135_596_800 && at <= 253_402_300_799;
  return isDay && isInRange ? seconds(at, nanosOf(fraction)) : 'a time from year 1 to year 9999';
}

function duration(text: string): WellKnownBytes {
  const [, sign = '', whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?s$/.exec(text) ?? [];
  if (Number(whole) > 315_576_000_000) return 'of at most 10,000 years';
  const factor = sign === '-' ? -1 : 1;
  return seconds(factor * Number(whole), factor * nanosOf(fraction));
}

function nanosOf(fraction: string): number {
  return Number(fraction.padEnd(9, '0'));
}

/** Paths are in lowerCamelCase in JSON and as the fields are called in the message. */
function fieldMask(text: string): Buffer {
  const out = new ByteWriter();
  for (const path of text === '' ? [] : text.split(',')) {
    tag(out, 1, 2);
    sized(out, Buffer.from(path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)));
  }
  return out.bytes;
}

function struct(value: unknown, depth: number): WellKnownBytes {
  const out = new ByteWriter();
  for (const [key, item] of Object.entries(isJsonObject(value) ? value : {})) {
    const inner = dynamic(item, depth + 1);
    if (typeof inner === 'string') return inner;
    if (!key.isWellFormed()) return 'with keys of whole characters';
    const entry = new ByteWriter();
    tag(entry, 1, 2);
    sized(entry, Buffer.from(key));
    tag(entry, 2, 2);
    sized(entry, inner);
    tag(out, 1, 2);
    sized(out, entry.bytes);
  }
  return out.bytes;
}

function list(value: unknown, depth: number): WellKnownBytes {
  const out = new ByteWriter();
  for (const item of Array.isArray(value) ? value : []) {
    const inner = dynamic(item, depth + 1);
    if (typeof inner === 'string') return inner;
    tag(out, 1, 2);
    sized(out, inner);
  }
  return out.bytes;
}

function dynamic(value: unknown, depth: number): WellKnownBytes {
  if (depth > depthMax) return `nested at most ${depthMax} levels deep`;
  const out = new ByteWriter();
  if (value === null) {
    tag(out, 1, 0);
    return out.byte(0).bytes;
  }
  if (typeof value === 'number') {
    tag(out, 2, 1);
    return out.double(value).bytes;
  }
  if (typeof value === 'boolean') {
    tag(out, 4, 0);
    return out.byte(value ? 1 : 0).bytes;
  }
  if (typeof value === 'string' && !value.isWellFormed()) return 'text of whole characters';
  const inner =
    typeof value === 'string' ? Buffer.from(value) : Array.isArray(value) ? list(value, depth) : struct(value, depth);
  if (typeof inner === 'string') return inner;
  tag(out, typeof value === 'string' ? 3 : Array.isArray(value) ? 6 : 5, 2);
  sized(out, inner);
  return out.bytes;
}
