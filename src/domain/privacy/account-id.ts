import { LinewardError } from '../../errors/lineward-error.ts';

/** True for 1 to 200 UTF-16 units without control characters and half characters (lone surrogates). */
export function isAccountId(accountId: string): boolean {
  return accountId !== '' && accountId.length <= 200 && !/[\p{Cc}\p{Cs}]/u.test(accountId);
}

/** Throws LinewardError VALUE_INVALID for what is no account id. */
export function assertAccountId(accountId: string): void {
  if (!isAccountId(accountId)) {
    throw new LinewardError('VALUE_INVALID', 'An account id has 1 to 200 characters and no control characters.');
  }
}
