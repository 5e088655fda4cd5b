import { LinewardError } from '../../errors/lineward-error.ts';
import { canonicalJson } from '../canonical-json.ts';
import { depthMax, isPlainObject } from './redact-value.ts';

/** 0xFF never occurs in UTF-8, so a plaintext that begins with it is typed; all others are plain strings. */
export const typedMark = 0xff;
const jsonTag = 0x6a; // j
const bigintTag = 0x69; // i
/** Each node takes a byte at least, so a value with more of them cannot fit an envelope. */
const nodesMax = 1 << 20;

/**
 * The bytes that are encrypted for a value: UTF-8 for a string; `FF 6A` and RFC 8785 canonical JSON for numbers,
 * booleans, arrays and objects; `FF 69` and decimal digits for a bigint. (`FF 70` is padding around one of these.)
 * @throws LinewardError VALUE_INVALID for null (callers keep null as it is), lone surrogates, NaN, dates, bytes,
 * class instances, and nesting deeper than 32.
 */
export function encodeSealedValue(value: unknown): Buffer {
  const form = sealedForm(value);
  return typeof form === 'string' ? Buffer.from(form, 'utf8') : form;
}

/** {@link encodeSealedValue} where a string may stand for its UTF-8: a cipher that takes both is spared a copy. */
export function sealedForm(value: unknown): Buffer | string {
  if (typeof value === 'string') {
    assertWellFormed(value);
    return value;
  }
  if (value === null) throw new LinewardError('VALUE_INVALID', 'Null is not encrypted; keep it as null.');
  const [tag, text] = typeof value === 'bigint' ? [bigintTag, value.toString()] : [jsonTag, jsonText(value)];
  return Buffer.concat([Buffer.of(typedMark, tag), Buffer.from(text, 'utf8')]);
}

/**
 * The value of decrypted bytes.
 * @throws LinewardError VALUE_INVALID for an unknown tag, and what `TextDecoder`, `JSON.parse` or `BigInt` throw on bytes
 * never encoded here.
 */
export function decodeSealedValue(plaintext: Uint8Array): unknown {
  if (plaintext[0] !== typedMark) return strictUtf8.decode(plaintext);
  const text = strictUtf8.decode(plaintext.subarray(2));
  if (plaintext[1] === bigintTag) return BigInt(text);
  if (plaintext[1] === jsonTag) return JSON.parse(text);
  throw new LinewardError('VALUE_INVALID');
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function jsonText(value: unknown): string {
  let nodes = 0;
  const check = (part: unknown, depth: number): void => {
    nodes += 1;
    if (depth > depthMax || nodes > nodesMax) throw new LinewardError('VALUE_INVALID', 'The value is too large.');
    if (part === null || typeof part === 'boolean' || (typeof part === 'number' && Number.isFinite(part))) return;
    if (typeof part === 'string') {
      assertWellFormed(part);
    } else if (Array.isArray(part)) {
      for (const item of part) check(item, depth + 1);
    } else if (isPlainObject(part)) {
      for (const key of Object.keys(part)) {
        assertWellFormed(key);
        check(part[key], depth + 1);
      }
    } else {
      throw new LinewardError('VALUE_INVALID', 'Only JSON values and bigints can be encrypted.');
    }
  };
  check(value, 0);
  return canonicalJson(value);
}

function assertWellFormed(text: string): void {
  if (!text.isWellFormed()) throw new LinewardError('VALUE_INVALID', 'The text holds half a character (surrogate).');
}
