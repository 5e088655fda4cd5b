import type { ErrorCode } from '../../errors/codes.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

/** Numbers of the Confluent REST Proxy for our codes; the status is their first three digits. */
const proxyCodes: Partial<Record<ErrorCode, number>> = {
  TOPIC_NOT_MAPPED: 40_401,
  NOT_FOUND: 40_401,
  MESSAGE_INVALID: 42_203,
  LIMIT_EXCEEDED: 41_301,
  UNAUTHENTICATED: 40_101,
  KEY_SCHEMA_MISSING: 42_201,
  VALUE_SCHEMA_MISSING: 42_202,
  SCHEMA_INVALID: 42_205,
  SCHEMA_TOO_LARGE: 42_205,
  FIELD_DUPLICATE: 42_205,
  SCHEMA_NOT_USABLE: 40_801,
  SCHEMA_NOT_FOUND: 40_801,
  SCHEMA_INCOMPATIBLE: 40_801,
  SUBJECT_NOT_FOUND: 40_801,
  SUBJECT_INVALID: 40_801,
  VERSION_NOT_FOUND: 40_801,
  VERSION_INVALID: 40_801,
  REGISTRY_NOT_PERMITTED: 40_801,
  KAFKA_NOT_CONFIGURED: 50_302,
  KAFKA_UNAVAILABLE: 50_301,
};
/** Numbers for a record that was not written. */
export const recordCodes = { INVALID: 42_203, NO_PARTITION: 40_402, REFUSED: 50_002, UNAVAILABLE: 50_301 } as const;

/** The number for a code; one that the proxy has none for gets its status, and 01. */
export function proxyCodeOf(code: ErrorCode): number {
  return proxyCodes[code] ?? new LinewardError(code).spec.http * 100 + 1;
}
