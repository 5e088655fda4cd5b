import { LinewardError } from '../../../errors/lineward-error.ts';

const names: Readonly<Record<number, string>> = {
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_FOR_PARTITION',
  7: 'REQUEST_TIMED_OUT',
  14: 'GROUP_LOAD_IN_PROGRESS',
  15: 'GROUP_COORDINATOR_NOT_AVAILABLE',
  16: 'NOT_COORDINATOR_FOR_GROUP',
  17: 'INVALID_TOPIC_EXCEPTION',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  30: 'GROUP_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  40: 'INVALID_CONFIG',
  41: 'NOT_CONTROLLER',
  42: 'INVALID_REQUEST',
  44: 'POLICY_VIOLATION',
};
const passing = new Set([5, 6, 7, 14, 15, 16, 41]);
const reasonCharsMax = 300;

/** The fault of one item of an answer, null for none. `reason` is the broker's own sentence about what it was sent. */
export function protocolFault(error: number, doing: string, reason: string | null = null): LinewardError | null {
  if (error === 0) return null;
  const name = names[error] ?? `error ${error}`;
  if (name === 'UNKNOWN_TOPIC_OR_PARTITION')
    return new LinewardError('NOT_FOUND', `There is no such topic or partition in Kafka (${doing}).`);
  if (passing.has(error))
    return new LinewardError('KAFKA_UNAVAILABLE', `Kafka does not answer (${name}) while ${doing}; try again later.`);
  const detail = reason === null ? '' : `: ${reason.slice(0, reasonCharsMax)}`;
  return new LinewardError('KAFKA_REFUSED', `Kafka refused with ${name} while ${doing}${detail}`);
}
