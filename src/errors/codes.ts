/** How an error of a code is treated wherever it surfaces. */
export interface ErrorCodeSpec {
  /** What a client reads when the thrower gave no message of its own. */
  readonly message: string;
  /** Level at which the process logs it. */
  readonly level: 'info' | 'warn' | 'error';
  /** True when the same call may succeed later without change. */
  readonly retryable: boolean;
  /** False hides the thrower's message behind `message` and a request id. */
  readonly exposed: boolean;
  /** HTTP status where it leaves by HTTP. */
  readonly http: number;
  /** True for a domain refusal: GraphQL mutations answer it as a `userErrors` item. */
  readonly refusal: boolean;
}

const refusal = (message: string, http = 422, retryable = false): ErrorCodeSpec => ({
  message,
  level: 'info',
  retryable,
  exposed: true,
  http,
  refusal: true,
});
const fault = (message: string, http = 500, retryable = false): ErrorCodeSpec => ({
  message,
  level: 'error',
  retryable,
  exposed: true,
  http,
  refusal: false,
});

/** The closed list of error codes; GraphQL publishes it as `enum ErrorCode`. */
export const errorCodes = {
  BAD_INPUT: refusal('The input is not valid.', 400),
  BAD_CURSOR: refusal('The cursor does not belong to this list and filter.', 400),
  NOT_FOUND: refusal('There is no such object.', 404),
  CONFLICT: refusal('The object was changed by somebody else; read it again.', 409),
  ALREADY_EXISTS: refusal('An object of that name exists already.', 409),
  IDEMPOTENCY_MISMATCH: refusal('The idempotency key was used before with other input.', 409),
  LIMIT_EXCEEDED: refusal('The request is over a limit.', 413),
  UNAUTHENTICATED: { ...fault('Authentication is required.', 401), level: 'warn' },
  FORBIDDEN: { ...fault('The actor may not do this.', 403), level: 'warn' },

  SCHEMA_INVALID: refusal('The schema document is not valid.'),
  FIELD_DUPLICATE: refusal('Two fields of one record have the same name.'),
  SEMANTIC_TYPE_UNKNOWN: refusal('The semantic type is not registered.'),
  MESSAGE_INVALID: refusal('The message does not fit the schema of its entity.'),
  TOPIC_NOT_MAPPED: refusal('No entity is mapped to the topic.', 404),
  MAPPING_INVALID: refusal('The mapping does not fit the entity.'),

  KAFKA_NOT_CONFIGURED: refusal('Kafka is not configured; set KAFKA_BROKERS.', 503),
  KAFKA_UNAVAILABLE: { ...fault('Kafka does not answer; try again later.', 503, true), level: 'warn' },
  KAFKA_REFUSED: fault('Kafka refused the request.', 502),

  LAKE_TABLE_REFUSED: refusal('The table cannot be worked on in place.'),
  LAKE_FILE_UNREADABLE: fault('A file of the table cannot be read.', 422),
  LAKE_FILE_CHANGED: { ...fault('A file changed under the operation.', 409, true), level: 'warn' },
  LAKE_CHECK_FAILED: fault('A safety check on a rewritten file failed; the original is untouched.', 500),
  LAKE_ENGINE_FAILED: fault('The lake engine failed.', 500, true),

  OPERATION_STATE: refusal('The operation is not in a state that allows this.', 409),
  PLAN_CHANGED: refusal('The plan is not the one that was read; read it again.', 409),
  HOLD_ACTIVE: refusal('A legal hold forbids this.', 409),
  LEASE_LOST: { ...fault('Another worker took over.', 409, true), level: 'warn' },
  CANCELLED: { ...fault('The work was cancelled.', 499), level: 'info' },
  UPSTREAM_BEHIND: { ...fault('A stream has not yet caught up.', 503, true), level: 'warn' },

  DECRYPT_FAILED: refusal('The envelope cannot be opened.'),
  SUITE_UNKNOWN: refusal('The envelope names an unknown crypto suite.'),
  KEY_DESTROYED: refusal('The key was destroyed.', 410),
  KEY_UNAVAILABLE: fault('The key provider does not answer.', 503, true),
  VALUE_INVALID: refusal('The value cannot be processed.'),
  CERTIFICATE_INVALID: refusal('The certificate does not verify.'),

  CONFIG_INVALID: fault('The configuration is not valid.'),
  DATA_DIR_LOCKED: fault('Another Lineward runs on this data directory.'),
  DATA_DIR_NOT_WRITABLE: fault('The data directory is not writable.'),
  PORT_IN_USE: fault('The port is taken.'),
  DATABASE_UNAVAILABLE: fault('The database does not answer.', 503, true),
  JOB_PAYLOAD_INVALID: fault('A task payload does not fit its contract.'),
  TIMEOUT: { ...fault('The request took too long.', 504, true), level: 'warn' },
  INTERNAL: { ...fault('Something went wrong on our side.', 500), exposed: false },
} as const satisfies Record<string, ErrorCodeSpec>;

export type ErrorCode = keyof typeof errorCodes;
