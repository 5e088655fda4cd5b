import kafkajs, { type Kafka, type LogEntry } from 'kafkajs';
import { registerCodecs } from './codecs.ts';
import type { KafkaConnection } from './connection.ts';

registerCodecs();

/** What the adapter asks of a logger; pino has it. */
export interface KafkaLogger {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface KafkaClientOptions extends KafkaConnection {
  readonly clientId: string;
  readonly logger?: KafkaLogger | undefined;
}

/** Tries are few because every caller has its own deadline or its own loop around them. */
const callRetry = { retries: 5, initialRetryTime: 100, maxRetryTime: 800 } as const;

/**
 * One configured client. Its log goes to `logger` one or two levels lower: kafkajs reports each lost connection as an
 * error, while the streams mend that by themselves. Only the text is passed on, never fields, which may hold contents.
 */
export function createClient(options: KafkaClientOptions): Kafka {
  const { logger } = options;
  return new kafkajs.Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    ...(options.ssl && { ssl: options.ssl }),
    ...(options.sasl && { sasl: options.sasl }),
    connectionTimeout: 1_000,
    requestTimeout: 8_000,
    retry: callRetry,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry: LogEntry) => {
      const fields = { component: 'kafkajs', part: entry.namespace, broker: entry.log.broker };
      if (entry.level === kafkajs.logLevel.ERROR) logger?.warn(fields, entry.log.message);
      else logger?.debug(fields, entry.log.message);
    },
  });
}
