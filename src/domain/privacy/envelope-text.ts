import { isAccountId } from './account-id.ts';
import { decryptFailed, isKeyVersion, isSubjectScope } from './envelope-context.ts';
import { assertSuite, membersOf } from './header-json.ts';

/**
 * Suites of envelopes of one value. 1: AES-256-GCM under a version of the account's key. 2: the same under a key derived
 * per epoch, with a commitment to it. 3: AES-SIV, the same envelope for the same value. (4 is the stream of files.)
 */
export type EnvelopeSuite = 1 | 2 | 3;

export interface EnvelopeHeader {
  readonly suite: EnvelopeSuite;
  readonly accountId: string;
  /** Present when the key is one of a subject and not of the whole account. */
  readonly subjectScope?: string;
  readonly keyVersion: number;
  readonly semanticType: string;
}

/** Longest envelope text, in characters. */
export const envelopeLengthMax = 1024 * 1024;

export function isEnvelopeSuite(suite: unknown): suite is EnvelopeSuite {
  return suite === 1 || suite === 2 || suite === 3;
}

/**
 * The text of all envelopes with one header: padded base64 of
 * `{"crypto_id":suite,"sid":account,"sub":subject scope,"kv":key version,"t":semantic type,"ct":base64url}`, without
 * `sub` for a key of the whole account. Strings are written as `JSON.stringify` writes them.
 */
export class EnvelopeFrame {
  // Base64 works on groups of 3 bytes: all whole groups before the ciphertext are the same text in every envelope.
  readonly #head: string;
  /** The 0 to 2 bytes of JSON that share a group with the ciphertext; the JSON ends in `"ct":"` there, so it is ASCII. */
  readonly #rest: string;

  constructor(header: EnvelopeHeader) {
    const sub = header.subjectScope === undefined ? '' : `"sub":${JSON.stringify(header.subjectScope)},`;
    const json =
      `{"crypto_id":${header.suite},"sid":${JSON.stringify(header.accountId)},${sub}` +
      `"kv":${header.keyVersion},"t":${JSON.stringify(header.semanticType)},"ct":"`;
    const bytes = Buffer.from(json, 'utf8');
    const whole = bytes.length - (bytes.length % 3);
    this.#head = bytes.toString('base64', 0, whole);
    this.#rest = bytes.toString('latin1', whole);
  }

  /** True when an envelope begins with this header, whatever follows. */
  begins(text: string): boolean {
    // Two strings are compared as memory, which `startsWith` does character by character.
    return text.slice(0, this.#head.length) === this.#head;
  }

  text(ct: Buffer): string {
    // btoa takes a third of the time of a Buffer and its toString.
    return this.#head + btoa(`${this.#rest}${ct.toString('base64url')}"}`);
  }

  /** The ciphertext when `text` is exactly what {@link text} makes of it, else null; takes half the time of making it. */
  ciphertextOf(text: string): Buffer | null {
    if (!this.begins(text)) return null;
    const json = jsonEndOf(text.slice(this.#head.length));
    return json?.startsWith(this.#rest) === true ? ciphertextBytes(json.slice(this.#rest.length, -2)) : null;
  }
}

/** How base64 ends that ends in `"}`, by the bytes in its last group (0 for 3). */
const lastGroups = ['', 'fQ==', 'In0='] as const;

/**
 * Decoded canonical base64 that ends in `"}`, as a binary string; null for any other text. `atob` skips whitespace and
 * takes missing padding and loose bits; but n bytes need all characters of their canonical length, so there is no room
 * for whitespace, and the last group is known.
 */
function jsonEndOf(base64: string): string | null {
  try {
    const json = atob(base64);
    const whole = base64.length === 4 * Math.ceil(json.length / 3) && json.endsWith('"}');
    return whole && base64.endsWith(lastGroups[json.length % 3] ?? '') ? json : null;
  } catch {
    return null;
  }
}

/** The last characters of base64url without loose bits, by the characters in its last group. */
const lastCharacters = ['', '', 'AQgw', 'AEIMQUYcgkosw048'] as const;

/**
 * The bytes of canonical base64url; null for any other text. Node skips what is no base64, which then is too short, and
 * takes the standard alphabet and loose bits.
 */
function ciphertextBytes(base64Url: string): Buffer | null {
  const over = base64Url.length % 4;
  if (over === 1 || base64Url.includes('+') || base64Url.includes('/')) return null;
  if (over > 0 && lastCharacters[over]?.includes(base64Url.charAt(base64Url.length - 1)) !== true) return null;
  const bytes = Buffer.from(base64Url, 'base64url');
  return bytes.length === Math.floor((base64Url.length * 3) / 4) ? bytes : null;
}

export interface ParsedEnvelope {
  readonly header: EnvelopeHeader;
  readonly frame: EnvelopeFrame;
  readonly ct: Buffer;
}

/** @throws LinewardError DECRYPT_FAILED, SUITE_UNKNOWN. */
export function parseEnvelope(text: string): ParsedEnvelope {
  if (typeof text !== 'string' || text.length > envelopeLengthMax) throw decryptFailed();
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw decryptFailed();
  const json = bytes.toString('utf8');
  assertSuite(json, isEnvelopeSuite);
  const members = membersOf(json);
  const header = headerOf(members);
  if (header === null) throw decryptFailed();
  const frame = new EnvelopeFrame(header);
  const ct = Buffer.from(String(members.ct), 'base64url');
  // One comparison refuses all that Node's decoders let pass: whitespace, other alphabets, bad padding, trailing
  // bits, duplicate and unknown keys, another key order, escapes that are not needed.
  if (frame.text(ct) !== text || ct.length < ciphertextBytesMin[header.suite]) throw decryptFailed();
  return { header, frame, ct };
}

/** What each suite puts beside the encrypted bytes, in bytes. */
const ciphertextBytesMin = { 1: 28, 2: 92, 3: 16 } as const satisfies Record<EnvelopeSuite, number>;

function headerOf({ crypto_id: suite, sid, sub, kv, t }: Readonly<Record<string, unknown>>): EnvelopeHeader | null {
  if (!isEnvelopeSuite(suite) || typeof sid !== 'string' || !isAccountId(sid)) return null;
  if (typeof kv !== 'number' || !isKeyVersion(kv) || typeof t !== 'string' || !t.isWellFormed()) return null;
  const header: EnvelopeHeader = { suite, accountId: sid, keyVersion: kv, semanticType: t };
  if (sub === undefined) return header;
  return typeof sub === 'string' && isSubjectScope(sub) ? { ...header, subjectScope: sub } : null;
}
