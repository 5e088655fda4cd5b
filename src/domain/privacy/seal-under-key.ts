import { sealerOf } from './envelope.ts';
import type { AccountKey } from './key-holder.ts';
import { normalizedText } from './token.ts';

/** How a value is sealed: what it is, by which suite, and whether its length is hidden. */
export interface SealForm {
  readonly semanticType: string;
  readonly suite: 1 | 2 | 3;
  readonly padding: boolean;
}

/**
 * The envelope of a value under the key of its holder. Under suite 3 equal values give equal envelopes, so texts are
 * normalized first.
 */
export function sealUnderKey(key: AccountKey, value: unknown, form: SealForm): string {
  return sealerUnderKey(key, form)(value);
}

/** {@link sealUnderKey} for many values of one form. */
export function sealerUnderKey(
  key: AccountKey,
  { semanticType, suite, padding }: SealForm,
): (value: unknown) => string {
  const { accountId, scope, version: keyVersion } = key;
  const subject = scope === '' ? {} : { subjectScope: scope };
  const sealer = sealerOf({ suite, accountId, ...subject, keyVersion, semanticType, key: key.key, padding });
  if (suite !== 3) return (value) => sealer.seal(value);
  return (value) => sealer.seal(typeof value === 'string' ? normalizedText(semanticType, value) : value);
}
