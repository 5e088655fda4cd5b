import type { ErrorCode } from '../../errors/codes.ts';

/**
 * True for a key that cannot be had now and may be had later, once the provider answers or is set up right: the work is tried
 * again instead of given up.
 */
export const isKeyFault = (code: ErrorCode): boolean => code === 'KEY_UNAVAILABLE' || code === 'KEY_MISMATCH';
