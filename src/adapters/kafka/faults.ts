import { setTimeout as sleep } from 'node:timers/promises';
import { LinewardError } from '../../errors/lineward-error.ts';

/** A call that has no answer by then is told to be unavailable. */
const CALL_DEADLINE_MS = 5_000;

const unavailableNames = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSLockTimeout',
  'AggregateError',
]);

interface VendorError {
  readonly name?: string;
  readonly type?: string;
  readonly retriable?: boolean;
  readonly cause?: unknown;
  readonly originalError?: unknown;
}

/** The error and what it wraps, outermost first; kafkajs wraps in `cause` or `originalError`. */
function* chain(error: unknown): Generator<VendorError> {
  let current = error;
  for (let depth = 0; current instanceof Error && depth < 8; depth += 1) {
    const vendor: VendorError = current;
    yield vendor;
    const inner: unknown = vendor.cause ?? vendor.originalError;
    if (inner === current) return;
    current = inner;
  }
}

/** Kafka's own name of the fault (`MESSAGE_TOO_LARGE`), null when the broker did not answer with one. */
export function protocolType(error: unknown): string | null {
  for (const { type } of chain(error)) if (type) return type;
  return null;
}

/** The error in our words. `doing` completes "Kafka … while <doing>" and holds no personal data. */
export function toKafkaError(error: unknown, doing: string): LinewardError {
  if (error instanceof LinewardError) return error;
  const type = protocolType(error);
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION') {
    return new LinewardError('NOT_FOUND', `There is no such topic or partition in Kafka (${doing}).`, { cause: error });
  }
  const links = [...chain(error)];
  // A TypeError is the client tripping over metadata that changed under it; the next try finds it settled.
  const away = links.some((link) => unavailableNames.has(link.name ?? '') || link instanceof TypeError);
  if (away || (type !== null && links.some((link) => link.type === type && link.retriable === true))) {
    const detail = type ?? links.at(-1)?.name ?? 'no answer';
    return new LinewardError(
      'KAFKA_UNAVAILABLE',
      `Kafka does not answer (${detail}) while ${doing}; try again later.`,
      {
        cause: error,
      },
    );
  }
  return new LinewardError(
    'KAFKA_REFUSED',
    `Kafka refused with ${type ?? links[0]?.name ?? 'an error'} while ${doing}.`,
    {
      cause: error,
    },
  );
}

/** The result of `work`, or KAFKA_UNAVAILABLE when it takes longer; the work itself is not stopped. */
export async function withinDeadline<T>(work: Promise<T>, doing: string, deadlineMs = CALL_DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new LinewardError('KAFKA_UNAVAILABLE', `Kafka did not answer in ${deadlineMs} ms while ${doing}.`));
    }, deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw toKafkaError(error, doing);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What a broker answers of a partition without a leader, a group without a coordinator, or a producer whose last transaction
 * is still being completed, for the moment.
 */
const passing = new Set([
  'CONCURRENT_TRANSACTIONS',
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
]);
/** Below the deadline of a call, so that the answer is told and not the lateness. */
const PASSING_MS = 3_000;
const PASSING_WAIT_MS = 150;

/** Whether a leader or coordinator is about to be found, or the client tripped over metadata that changed under it. */
const isPassing = (error: unknown): boolean => passing.has(protocolType(error) ?? '') || error instanceof TypeError;

/** Tries again what kafkajs gives up at once while leaders and coordinators move. */
export async function throughMoves<T>(call: () => Promise<T>, forMs = PASSING_MS): Promise<T> {
  const deadline = Date.now() + forMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (Date.now() > deadline || !isPassing(error)) throw error;
      await sleep(PASSING_WAIT_MS);
    }
  }
}
