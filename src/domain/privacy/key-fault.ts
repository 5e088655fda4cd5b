import { type ErrorCode, errorCodes } from '../../errors/codes.ts';

/**
 * True for a key that cannot be had now and may be had later, once the provider or the database answers, or is set up right: the
 * work is tried again instead of given up.
 */
export const isKeyFault = (code: ErrorCode): boolean => code === 'KEY_MISMATCH' || errorCodes[code].retryable;
