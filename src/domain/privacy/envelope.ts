import type { KeyObject } from 'node:crypto';
import { LinewardError } from '../../errors/lineward-error.ts';
import { assertAccountId } from './account-id.ts';
import { decryptGcm, encryptGcm, ivBytes, RandomIvPool, tagBytes } from './aes-gcm.ts';
import { decodeSealedValue, encodeSealedValue } from './sealed-value.ts';

/** Suites that this build opens. 1: AES-256-GCM under a version of the account's key. */
export type EnvelopeSuite = 1;

/** Longest envelope text, in characters. */
const envelopeLengthMax = 1024 * 1024;

export interface OpenContext {
  /** The account on whose behalf the caller acts; never taken from the envelope. */
  readonly accountId: string;
  readonly keyVersion: number;
  /** 32-byte secret key of that account and version. */
  readonly key: KeyObject;
  /** Further text bound to the envelope without being in it, e.g. a purpose; the same is needed to open. */
  readonly ctx?: string;
}

export interface SealContext extends OpenContext {
  readonly suite: EnvelopeSuite;
  /** Canonical semantic type, or `""`. */
  readonly semanticType: string;
}

export interface EnvelopeHeader {
  readonly suite: EnvelopeSuite;
  readonly accountId: string;
  readonly keyVersion: number;
  readonly semanticType: string;
}

const ivPool = new RandomIvPool();

/**
 * Encrypts a value into an envelope: padded base64 of
 * `{"crypto_id":1,"sid":account,"kv":key version,"t":semantic type,"ct":base64url(IV ‖ ciphertext ‖ tag)}`.
 * @throws LinewardError VALUE_INVALID for a value that has no sealed form or is too long; SUITE_UNKNOWN.
 */
export function sealEnvelope(context: SealContext, value: unknown): string {
  return sealEnvelopeWithIv(context, value, ivPool.next());
}

/** {@link sealEnvelope} with a given 12-byte IV. For known-answer tests alone: an IV used twice breaks the key. */
export function sealEnvelopeWithIv(context: SealContext, value: unknown, iv: Uint8Array): string {
  if (context.suite !== 1) throw new LinewardError('SUITE_UNKNOWN');
  assertSealContext(context);
  const plaintext = encodeSealedValue(value);
  if (plaintext.length > envelopeLengthMax / 2) throw tooLong();
  const sealed = encryptGcm(context.key, iv, plaintext, associatedData(context, context.semanticType));
  const envelope = envelopeText(context, Buffer.concat([iv, sealed]).toString('base64url'));
  if (envelope.length > envelopeLengthMax) throw tooLong();
  return envelope;
}

/**
 * Decrypts an envelope of the caller's account and key version.
 * @throws LinewardError DECRYPT_FAILED without a reason when anything does not fit; SUITE_UNKNOWN for another suite.
 */
export function openEnvelope(context: OpenContext, text: string): unknown {
  const { header, ct } = parseEnvelope(text);
  if (header.accountId !== context.accountId || header.keyVersion !== context.keyVersion) throw decryptFailed();
  try {
    const aad = associatedData(context, header.semanticType);
    return decodeSealedValue(decryptGcm(context.key, ct.subarray(0, ivBytes), ct.subarray(ivBytes), aad));
  } catch {
    throw decryptFailed();
  }
}

/**
 * The header of a well-formed envelope. Nothing in it is authenticated: use it to find the key version, and check the
 * account against the caller's own.
 * @throws LinewardError DECRYPT_FAILED, SUITE_UNKNOWN.
 */
export function readEnvelopeHeader(text: string): EnvelopeHeader {
  return parseEnvelope(text).header;
}

function parseEnvelope(text: string): { readonly header: EnvelopeHeader; readonly ct: Buffer } {
  if (typeof text !== 'string' || text.length > envelopeLengthMax) throw decryptFailed();
  const fields = parseFields(text);
  const { crypto_id: suite, sid: accountId, kv: keyVersion, t: semanticType, ct: ctText } = fields;
  if (Number.isSafeInteger(suite) && suite !== 1) throw new LinewardError('SUITE_UNKNOWN');
  if (suite !== 1 || typeof accountId !== 'string' || typeof keyVersion !== 'number') throw decryptFailed();
  if (typeof semanticType !== 'string' || typeof ctText !== 'string') throw decryptFailed();
  const header: EnvelopeHeader = { suite, accountId, keyVersion, semanticType };
  const ct = Buffer.from(ctText, 'base64url');
  // One comparison refuses all that Node's decoders let pass: whitespace, other alphabets, bad padding, trailing
  // bits, duplicate and unknown keys, another key order, escapes that are not needed.
  const canonical = ct.toString('base64url') === ctText && envelopeText(header, ctText) === text;
  if (!canonical || ct.length < ivBytes + tagBytes || !isKeyVersion(keyVersion)) throw decryptFailed();
  return { header, ct };
}

function parseFields(text: string): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
    if (typeof fields === 'object' && fields !== null) return { ...fields };
  } catch {
    throw decryptFailed();
  }
  throw decryptFailed();
}

function envelopeText(header: Omit<EnvelopeHeader, 'suite'>, ct: string): string {
  const sid = JSON.stringify(header.accountId);
  const type = JSON.stringify(header.semanticType);
  const json = `{"crypto_id":1,"sid":${sid},"kv":${header.keyVersion},"t":${type},"ct":"${ct}"}`;
  return Buffer.from(json, 'utf8').toString('base64');
}

/** `["lineward:v1", crypto_id, sid, kv, t, ctx]`, each item as UTF-8 behind its length in 4 bytes, big endian. */
function associatedData(context: OpenContext, semanticType: string): Buffer {
  const { accountId, keyVersion, ctx = '' } = context;
  const items = ['lineward:v1', '1', accountId, String(keyVersion), semanticType, ctx].map((item) => Buffer.from(item));
  const aad = Buffer.allocUnsafe(items.reduce((sum, item) => sum + 4 + item.length, 0));
  let offset = 0;
  for (const item of items) {
    offset = aad.writeUInt32BE(item.length, offset);
    offset += item.copy(aad, offset);
  }
  return aad;
}

function assertSealContext({ accountId, keyVersion, semanticType, ctx = '' }: SealContext): void {
  assertAccountId(accountId);
  if (!isKeyVersion(keyVersion) || !semanticType.isWellFormed() || !ctx.isWellFormed()) {
    throw new LinewardError('VALUE_INVALID', 'The key version, semantic type or context of the envelope is not valid.');
  }
}

function isKeyVersion(version: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= 0x7fffffff;
}

function tooLong(): LinewardError {
  return new LinewardError('VALUE_INVALID', 'The value is too long; an envelope holds up to about 512 KiB.');
}

function decryptFailed(): LinewardError {
  return new LinewardError('DECRYPT_FAILED');
}
