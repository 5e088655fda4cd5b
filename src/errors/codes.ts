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
  /** Number by which Confluent's schema registry protocol knows it; the HTTP status where it has none. */
  readonly registryCode?: number;
}

const refusal = (message: string, http = 422, retryable = false): ErrorCodeSpec => ({
  message,
  level: 'info',
  retryable,
  exposed: true,
  http,
  refusal: true,
});
const registryRefusal = (registryCode: number, message: string): ErrorCodeSpec => ({
  ...refusal(message, Math.trunc(registryCode / 100)),
  registryCode,
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
  QUERY_TOO_COMPLEX: { ...fault('The GraphQL document is over a limit.', 400), level: 'info' },
  DOCUMENT_NOT_TRUSTED: {
    ...fault('Only registered GraphQL documents are answered here; have this one added to TRUSTED_DOCUMENTS.', 400),
    level: 'info',
  },
  UNAUTHENTICATED: { ...fault('Authentication is required.', 401), level: 'warn' },
  RATE_LIMITED: {
    ...fault('The actor has sent as many requests as it may in a minute; try again later.', 429, true),
    level: 'warn',
  },
  IDENTITY_PROVIDER_UNAVAILABLE: {
    ...fault('The service that people log in to does not answer; try again later.', 503, true),
    level: 'warn',
  },
  FORBIDDEN: { ...fault('The actor may not do this.', 403), level: 'warn' },

  SCHEMA_INVALID: registryRefusal(42_201, 'The schema document is not valid.'),
  FIELD_DUPLICATE: refusal('Two fields of one record have the same name.'),
  SEMANTIC_TYPE_UNKNOWN: refusal('The semantic type is not registered.'),
  MESSAGE_INVALID: refusal('The message does not fit the schema of its entity.'),
  TOPIC_NOT_MAPPED: refusal('No entity is mapped to the topic.', 404),
  KEY_SCHEMA_MISSING: refusal('Records with keys need the schema of the keys.'),
  VALUE_SCHEMA_MISSING: refusal('Records need the schema of their values.'),
  SCHEMA_NOT_USABLE: refusal('Records of the topic are not written with this schema.'),
  MAPPING_INVALID: refusal('The mapping does not fit the entity.'),
  MAPPING_IN_USE: refusal('A stream or an operation still needs the mapping.', 409),

  SUBJECT_NOT_FOUND: registryRefusal(40_401, 'There is no such subject.'),
  VERSION_NOT_FOUND: registryRefusal(40_402, 'The subject has no such version.'),
  SCHEMA_NOT_FOUND: registryRefusal(40_403, 'Schema not found'),
  SUBJECT_SOFT_DELETED: registryRefusal(40_404, 'The subject was deleted; delete it permanently, or register again.'),
  SUBJECT_NOT_SOFT_DELETED: registryRefusal(40_405, 'The subject must be deleted before it is deleted permanently.'),
  VERSION_SOFT_DELETED: registryRefusal(40_406, 'The version was deleted; delete it permanently, or register again.'),
  VERSION_NOT_SOFT_DELETED: registryRefusal(40_407, 'The version must be deleted before it is deleted permanently.'),
  SUBJECT_CONFIG_NOT_FOUND: registryRefusal(40_408, 'The subject has no configuration of its own.'),
  SUBJECT_MODE_NOT_FOUND: registryRefusal(40_409, 'The subject has no mode of its own.'),
  ASSOCIATION_NOT_FOUND: registryRefusal(40_410, 'There is no such association.'),
  SCHEMA_INCOMPATIBLE: registryRefusal(40_901, 'The schema is not compatible with an earlier version.'),
  ASSOCIATIONS_TOO_MANY: registryRefusal(40_902, 'The resource has as many associations as it may have.'),
  ASSOCIATION_OF_RESOURCE_EXISTS: registryRefusal(40_903, 'The resource has an association of that type already.'),
  ASSOCIATION_OF_SUBJECT_EXISTS: registryRefusal(40_904, 'The subject has an association already.'),
  ASSOCIATION_STRONG_EXISTS: registryRefusal(40_905, 'The subject has a strong association already.'),
  SUBJECT_VERSION_REQUIRED: registryRefusal(40_907, 'The subject has no version that is not deleted.'),
  ASSOCIATION_FROZEN: registryRefusal(40_908, 'The association is frozen.'),
  VERSION_INVALID: registryRefusal(42_202, 'A version is a positive number, "latest" or -1.'),
  COMPATIBILITY_LEVEL_INVALID: registryRefusal(42_203, 'There is no such compatibility level.'),
  MODE_INVALID: registryRefusal(42_204, 'There is no such mode.'),
  REGISTRY_NOT_PERMITTED: registryRefusal(42_205, 'The mode of the subject does not permit this.'),
  REFERENCE_EXISTS: registryRefusal(42_206, 'Another schema refers to this one.'),
  SCHEMA_ID_MISMATCH: registryRefusal(42_207, 'The schema is known under another id.'),
  SUBJECT_INVALID: registryRefusal(42_208, 'The subject name is not valid.'),
  SCHEMA_TOO_LARGE: registryRefusal(42_209, 'The schema is too large.'),
  RULE_SET_INVALID: registryRefusal(42_210, 'The rule set is not valid.'),
  CONTEXT_NOT_EMPTY: registryRefusal(42_211, 'The context has subjects.'),
  ASSOCIATION_INVALID: registryRefusal(42_212, 'The association is not valid.'),
  ASSOCIATION_BATCH_TOO_LARGE: registryRefusal(42_213, 'The batch of associations is over a limit.'),

  EVENT_INVALID: refusal('The lineage event is not valid.'),

  KAFKA_NOT_CONFIGURED: refusal('Kafka is not configured; set KAFKA_BROKERS.', 503),
  KAFKA_UNAVAILABLE: { ...fault('Kafka does not answer; try again later.', 503, true), level: 'warn' },
  KAFKA_REFUSED: fault('Kafka refused the request.', 502),

  STREAM_STATE: refusal('The stream is not in a state that allows this.', 409, true),
  REPLAY_REFUSED: refusal('The stream cannot be replayed.'),

  LAKE_TABLE_REFUSED: refusal('The table cannot be worked on in place.'),
  LAKE_LOCATION_TAKEN: refusal('Another table has this directory, or a part of it.', 409),
  LAKE_TABLE_EMPTY: refusal('The directory has no data files.'),
  LAKE_FILE_UNREADABLE: fault('A file of the table cannot be read.', 422),
  LAKE_FILE_CHANGED: { ...fault('A file changed under the operation.', 409, true), level: 'warn' },
  LAKE_CHECK_FAILED: fault('A safety check on a rewritten file failed; the original is untouched.', 500),
  LAKE_STORE_UNAVAILABLE: {
    ...fault('The store of the lake does not answer; try again later.', 503, true),
    level: 'warn',
  },
  LAKE_READS_BUSY: {
    ...fault('As many lake reads are under way as this process takes; try again later.', 503, true),
    level: 'warn',
  },
  LAKE_ENGINE_FAILED: fault('The lake engine failed.', 500, true),

  TRANSFORMER_INVALID: refusal('The transformer is not valid.'),
  TRANSFORMER_STATE: refusal('The transformer is not in a state that allows this.', 409),

  OPERATION_STATE: refusal('The operation is not in a state that allows this.', 409),
  APPROVAL_REFUSED: refusal('Another actor must approve.', 403),
  PLAN_CHANGED: refusal('The plan is not the one that was read; read it again.', 409),
  RETENTION_LOCKED: refusal('A minimum retention forbids this.', 409),
  HOLD_ACTIVE: refusal('A legal hold forbids this.', 409),
  ERASURE_DEFERRED: refusal(
    'The erasure of the data was asked for; it is kept for a legal hold or a regulation alone, and not read.',
    403,
  ),
  LEASE_LOST: { ...fault('Another worker took over.', 409, true), level: 'warn' },
  CANCELLED: { ...fault('The work was cancelled.', 499), level: 'info' },
  URGENT_FIRST: { ...fault('An urgent operation in the same place goes first.', 503, true), level: 'warn' },
  UPSTREAM_BEHIND: { ...fault('A stream has not yet caught up.', 503, true), level: 'warn' },

  DECRYPT_FAILED: refusal('The envelope cannot be opened.'),
  SUITE_UNKNOWN: refusal('The envelope names an unknown crypto suite.'),
  KEY_DESTROYED: refusal('The key was destroyed.', 410),
  KEY_IN_USE: refusal('The version of the key may still be needed.', 409),
  KEY_UNAVAILABLE: fault('The key provider does not answer.', 503, true),
  KEY_EXHAUSTED: refusal('The key has encrypted as many values as it may; rotate it.', 409),
  QUOTA_EXCEEDED: refusal('The quota of this minute is used up; try again in the next.', 429, true),
  KEY_MISMATCH: fault('The wrapped key was not made by this wrapping key, or was changed.', 500),
  VALUE_INVALID: refusal('The value cannot be processed.'),
  CERTIFICATE_INVALID: refusal('The certificate does not verify.'),
  AUDIT_LOG_INVALID: refusal('The audit log does not verify.'),
  AUDIT_CHECKPOINT_REFUSED: fault('A checkpoint of the audit log is not the one that was published.', 500),

  CONFIG_INVALID: fault('The configuration is not valid.'),
  DATA_DIR_LOCKED: fault('Another Lineward runs on this data directory.'),
  DATA_DIR_NOT_WRITABLE: fault('The data directory is not writable.'),
  PORT_IN_USE: fault('The port is taken.'),
  DATABASE_UNAVAILABLE: fault('The database does not answer.', 503, true),
  DATABASE_ROLE_REFUSED: fault('The role of the database may do more than the service should.'),
  DATABASE_NOT_READY: fault('The database lacks migrations or grants of this version; run `lineward migrate`.'),
  QUEUE_UNAVAILABLE: fault('The job queue does not answer.', 503, true),
  JOB_PAYLOAD_INVALID: fault('A task payload does not fit its contract.'),
  TIMEOUT: { ...fault('The request took too long.', 504, true), level: 'warn' },
  INTERNAL: { ...fault('Something went wrong on our side.', 500), exposed: false },
} as const satisfies Record<string, ErrorCodeSpec>;

export type ErrorCode = keyof typeof errorCodes;
