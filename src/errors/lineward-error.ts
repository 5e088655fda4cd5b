import { type ErrorCode, type ErrorCodeSpec, errorCodes } from './codes.ts';

export interface LinewardErrorOptions {
  /** Place of the fault in the caller's input, e.g. `["schema", "fields", "3", "twilio_type"]`. */
  readonly path?: readonly string[];
  readonly cause?: unknown;
  /** Facts a program may branch on. Never personal data. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error class of the product: a refusal or a fault with a code from `codes.ts`. */
export class LinewardError extends Error {
  override readonly name = 'LinewardError';
  readonly code: ErrorCode;
  /** `path` of the options. Not of that name, because GraphQL takes an error with a `path` for one it has placed itself. */
  readonly field: readonly string[];
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message?: string, options: LinewardErrorOptions = {}) {
    super(message ?? errorCodes[code].message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.field = options.path ?? [];
    this.details = options.details ?? {};
  }

  get spec(): ErrorCodeSpec {
    return errorCodes[this.code];
  }
}

/** True for a domain refusal that a mutation answers as a `userErrors` item. */
export function isRefusal(error: unknown): error is LinewardError {
  return error instanceof LinewardError && error.spec.refusal;
}

/** The error itself when it is ours, else an INTERNAL one with the original as `cause`. */
export function toLinewardError(error: unknown): LinewardError {
  return error instanceof LinewardError ? error : new LinewardError('INTERNAL', undefined, { cause: error });
}
