import type { ErrorCode } from '../../errors/codes.ts';

/** What became of one value of a call. */
export type CryptoAnswer =
  | { readonly ref: string | null; readonly ok: true; readonly value: unknown }
  | { readonly ref: string | null; readonly ok: false; readonly code: ErrorCode; readonly message: string };
