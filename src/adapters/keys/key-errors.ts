import { LinewardError } from '../../errors/lineward-error.ts';

/**
 * The errors of all providers. They never carry the vendor's error as `cause`: what a client library keeps of a request
 * or answer for debugging can hold the key itself.
 */
export const keyUnavailable = (holder: string, reason: string): LinewardError =>
  new LinewardError('KEY_UNAVAILABLE', `${holder} cannot be used now: ${reason}.`, { details: { reason } });

export const keyMismatch = (holder: string): LinewardError =>
  new LinewardError('KEY_MISMATCH', `The key was not wrapped by this key of ${holder}, or was changed since.`);
