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

/** The error itself when it is ours, else one with the original as `cause`: DATABASE_UNAVAILABLE, TIMEOUT or INTERNAL. */
export function toLinewardError(error: unknown): LinewardError {
  if (error instanceof LinewardError) return error;
  if (isCutOff(error)) return new LinewardError('TIMEOUT', tooSlow, { cause: error });
  return new LinewardError(isDatabaseAway(error) ? 'DATABASE_UNAVAILABLE' : 'INTERNAL', undefined, { cause: error });
}

const tooSlow =
  'The question takes the database longer than an answer may take; ask for less at a time: smaller pages, a narrower filter, fewer fields.';

/** True for a statement that the server ended before its end, or that waited as long for a connection; the driver keeps codes, not errors. */
function isCutOff(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'DriverException' || !('code' in error)) return false;
  return error.code === '57014' || error.code === ('TIMEOUT' satisfies ErrorCode);
}

/** SQLSTATEs of a server that goes down, comes up or is full, and the system's names of a connection that fails. */
const awayCodes = /^(080[0-7]|57P0[1-3]|53300|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN)/;
/** The client gives a connection that was cut no code. */
const awayMessages = /^(Connection terminated|timeout exceeded when trying to connect)/;

/** True for an error of the database driver that tells of the connection and not of the statement. */
function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'DriverException') return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  return code === null ? awayMessages.test(error.message) : awayCodes.test(code);
}
