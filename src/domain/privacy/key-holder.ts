import { createHmac, type KeyObject } from 'node:crypto';
import { LinewardError } from '../../errors/lineward-error.ts';
import { isAccountId } from './account-id.ts';

/** Whose key it is: an account's (`scope` empty) or that of a person in it. */
export interface KeyHolder {
  readonly accountId: string;
  readonly scope: string;
}

/** A version of a holder's key, as an envelope names it. */
export interface KeyVersionName extends KeyHolder {
  readonly version: number;
}

/** The key itself. `id` is that of its row. */
export interface AccountKey extends KeyVersionName {
  readonly id: string;
  readonly key: KeyObject;
}

/** One text per version of a holder's key, for maps. */
export function versionId(name: KeyVersionName): string {
  return `${name.version}:${holderId(name)}`;
}

/** One text per holder, for maps and locks; no scope holds a colon. */
export function holderId({ accountId, scope }: KeyHolder): string {
  return `${scope}:${accountId}`;
}

/** The holder of the keys of this installation itself. No account has an empty id. */
export const installation: KeyHolder = { accountId: '', scope: 'token' };

export function isKeyHolder(holder: KeyHolder): boolean {
  if (holder.accountId === '') return holder.scope === installation.scope;
  return isAccountId(holder.accountId) && /^[\w-]{0,43}$/.test(holder.scope);
}

/** A person in an account, by the value of a key field. */
export interface SubjectName {
  readonly accountId: string;
  readonly field: string;
  readonly value: string;
}

/**
 * The scope of a person's key, 22 characters: a keyed digest, because it stands in the clear in envelopes and key rows, and
 * the value may be a telephone number. Under another installation's key the same person has another scope.
 * @throws LinewardError VALUE_INVALID for half of a surrogate pair: as bytes, all of them are equal.
 */
export function subjectScope(key: KeyObject, { accountId, field, value }: SubjectName): string {
  const hmac = createHmac('sha256', key).update('lineward:subject');
  for (const part of [accountId, field, value]) {
    if (!part.isWellFormed())
      throw new LinewardError('VALUE_INVALID', 'The name of a person holds half a character (surrogate).');
    hmac.update(`\0${Buffer.byteLength(part)}:${part}`);
  }
  return hmac.digest().subarray(0, 16).toString('base64url');
}
