import type { KeyObject } from 'node:crypto';
import { LinewardError } from '../../errors/lineward-error.ts';
import { assertAccountId } from './account-id.ts';

export interface OpenContext {
  /** The account on whose behalf the caller acts; never taken from the envelope. */
  readonly accountId: string;
  /** The subject that the key belongs to, 1 to 200 UTF-16 units; absent for a key of the whole account. */
  readonly subjectScope?: string | undefined;
  /** 1 to 2^31 - 1. */
  readonly keyVersion: number;
  /** 32-byte secret key of that account (or subject) and version. */
  readonly key: KeyObject;
  /** Further text bound to the envelope without being in it, e.g. a purpose; the same is needed to open. */
  readonly ctx?: string;
}

/**
 * `["lineward:v1", crypto_id, sid, kv, t, ctx]`, each item as UTF-8 behind its length in 4 bytes, big endian; behind them
 * come `extra` items, and the subject scope where there is one. Equal bytes mean equal lists, because each item says its
 * length and the suite says how many extra items there are.
 */
export function associatedData(
  context: Omit<OpenContext, 'key'>,
  suite: number,
  semanticType: string,
  extra: readonly string[] = [],
): Buffer {
  const { accountId, keyVersion, ctx = '', subjectScope } = context;
  const fixed = ['lineward:v1', String(suite), accountId, String(keyVersion), semanticType, ctx];
  const texts = [...fixed, ...extra, ...(subjectScope === undefined ? [] : [subjectScope])];
  return Buffer.concat(texts.flatMap((text) => lengthPrefixed(Buffer.from(text, 'utf8'))));
}

function lengthPrefixed(item: Buffer): readonly Buffer[] {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(item.length);
  return [length, item];
}

/** @throws LinewardError VALUE_INVALID for an account, subject scope, key version or `ctx` that cannot be. */
export function assertOpenContext({ accountId, subjectScope, keyVersion, ctx = '' }: Omit<OpenContext, 'key'>): void {
  assertAccountId(accountId);
  if (subjectScope !== undefined && !isSubjectScope(subjectScope)) {
    throw new LinewardError('VALUE_INVALID', 'A subject scope has 1 to 200 well-formed characters.');
  }
  if (!isKeyVersion(keyVersion) || !ctx.isWellFormed()) {
    throw new LinewardError('VALUE_INVALID', 'The key version or context of the envelope is not valid.');
  }
}

export function isSubjectScope(subjectScope: string): boolean {
  return subjectScope !== '' && subjectScope.length <= 200 && subjectScope.isWellFormed();
}

export function isKeyVersion(version: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= 0x7fffffff;
}

/** The one answer to everything that does not fit: it tells no reason, so that nobody learns from it. */
export function decryptFailed(): LinewardError {
  return new LinewardError('DECRYPT_FAILED');
}
