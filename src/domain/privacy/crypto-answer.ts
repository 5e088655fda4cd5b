import type { ErrorCode } from '../../errors/codes.ts';

/** What became of one value of a call. */
export type CryptoAnswer =
  | ValueAnswer
  | { readonly ref: string | null; readonly ok: false; readonly code: ErrorCode; readonly message: string };

/**
 * A class, not a literal: V8 makes literals that mostly outlive their first collection in the old space, and there they
 * keep every value of a call alive until the next full collection, which costs a tenth of the call.
 */
export class ValueAnswer {
  readonly ref: string | null;
  readonly ok = true;
  readonly value: unknown;

  constructor(ref: string | null, value: unknown) {
    this.ref = ref;
    this.value = value;
  }
}
