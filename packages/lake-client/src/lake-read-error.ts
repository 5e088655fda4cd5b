interface Told {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly path?: unknown;
  readonly retryable?: unknown;
}

/** Why a read failed, as the service says it. */
export class LakeReadError extends Error {
  override readonly name = 'LakeReadError';
  /** Of the service, such as `NOT_FOUND`; `UNREACHABLE` and `INCOMPLETE` are of this library. */
  readonly code: string;
  /** Place of the fault in the request. */
  readonly path: readonly string[];
  /** True when the same read may succeed later. */
  readonly retryable: boolean;

  constructor(
    code: string,
    message: string,
    more: { path?: readonly string[]; retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.code = code;
    this.path = more.path ?? [];
    this.retryable = more.retryable ?? false;
  }

  static from(told: unknown, status: number): LakeReadError {
    const { code, message, path, retryable } = (typeof told === 'object' && told !== null ? told : {}) as Told;
    return new LakeReadError(
      typeof code === 'string' ? code : 'UNREACHABLE',
      typeof message === 'string' ? message : `The service answered ${status}.`,
      { path: Array.isArray(path) ? path.map(String) : [], retryable: retryable === true },
    );
  }
}
