import { z } from 'zod';
import { commaList } from './comma-list.ts';
import { isLoopback } from './loopback.ts';
import { Secret } from './secret.ts';

const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

const file = () => z.string().min(1).optional();

/** Settings of the way to Kafka. */
export const kafkaSettings = {
  KAFKA_BROKERS: z
    .string()
    .transform(commaList)
    .pipe(z.array(z.string().regex(/^[^\s:]+:\d+$|^\[[^\]]+\]:\d+$/, 'must be host:port')).min(1))
    .optional()
    .describe(
      'Kafka bootstrap servers, `host:port` separated by commas. Unset: what needs Kafka answers KAFKA_NOT_CONFIGURED.',
    ),
  KAFKA_NAMESPACE: z
    .string()
    .startsWith('kafka://')
    .optional()
    .describe('Dataset namespace of topics. Unset: `kafka://` and the first broker.'),
  KAFKA_TLS: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('`true` for TLS to the brokers.'),
  KAFKA_TLS_CA_FILE: file().describe('PEM file of the authorities that brokers are trusted by. Unset: those of Node.'),
  KAFKA_TLS_CERT_FILE: file().describe('PEM file of our own certificate, where brokers ask for one.'),
  KAFKA_TLS_KEY_FILE: file().describe('PEM file of its private key.'),
  KAFKA_SASL_MECHANISM: z.enum(mechanisms).optional().describe('How to log in; unset for no login.'),
  KAFKA_USERNAME: z.string().min(1).optional().describe('User for the login.'),
  KAFKA_PASSWORD: z
    .string()
    .transform((text) => new Secret(text))
    .optional()
    .describe('Password for the login.'),
  TOPIC_RETENTION_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400)
    .default(300)
    .describe('How often topics are compared with their retention, seconds. 0: never.'),
  TOPIC_DISCOVERY_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400)
    .default(900)
    .describe('How often topics of the cluster are put into the catalog, seconds. 0: never.'),
};

type Raw = Readonly<Record<string, string | undefined>>;

/** Problems of these settings together. */
export function kafkaProblems(raw: Raw): readonly string[] {
  const problems: string[] = [];
  const hasTls = raw.KAFKA_TLS === 'true';
  for (const name of ['KAFKA_USERNAME', 'KAFKA_PASSWORD'])
    if ((raw.KAFKA_SASL_MECHANISM === undefined) !== (raw[name] === undefined))
      problems.push(`${name}: goes together with KAFKA_SASL_MECHANISM`);
  for (const name of ['KAFKA_TLS_CA_FILE', 'KAFKA_TLS_CERT_FILE', 'KAFKA_TLS_KEY_FILE'])
    if (!hasTls && raw[name] !== undefined) problems.push(`${name}: needs KAFKA_TLS=true`);
  if ((raw.KAFKA_TLS_CERT_FILE === undefined) !== (raw.KAFKA_TLS_KEY_FILE === undefined))
    problems.push('KAFKA_TLS_CERT_FILE: goes together with KAFKA_TLS_KEY_FILE');
  const hosts = commaList(raw.KAFKA_BROKERS ?? '').map((broker) =>
    broker.replace(/:\d+$/u, '').replace(/^\[|\]$/gu, ''),
  );
  if (raw.KAFKA_SASL_MECHANISM === 'plain' && !hasTls && !hosts.every(isLoopback))
    problems.push('KAFKA_SASL_MECHANISM: plain sends the password in the clear; set KAFKA_TLS=true or use scram');
  return problems;
}

export interface KafkaLogin {
  readonly mechanism: (typeof mechanisms)[number];
  readonly username: string;
  readonly password: Secret;
}

/** Paths of PEM files. */
export interface KafkaTls {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** How brokers are reached, and by whom. */
export interface KafkaPlace {
  readonly brokers: readonly string[];
  readonly tls: KafkaTls | null;
  readonly login: KafkaLogin | null;
}

/** Null where Kafka is not configured. */
export function kafkaOf(settings: {
  readonly KAFKA_BROKERS?: readonly string[] | undefined;
  readonly KAFKA_TLS: boolean;
  readonly KAFKA_TLS_CA_FILE?: string | undefined;
  readonly KAFKA_TLS_CERT_FILE?: string | undefined;
  readonly KAFKA_TLS_KEY_FILE?: string | undefined;
  readonly KAFKA_SASL_MECHANISM?: KafkaLogin['mechanism'] | undefined;
  readonly KAFKA_USERNAME?: string | undefined;
  readonly KAFKA_PASSWORD?: Secret | undefined;
}): KafkaPlace | null {
  const { KAFKA_BROKERS: brokers, KAFKA_SASL_MECHANISM: mechanism, KAFKA_USERNAME: username } = settings;
  if (brokers === undefined) return null;
  const { KAFKA_TLS_CA_FILE: caFile, KAFKA_TLS_CERT_FILE: certFile, KAFKA_TLS_KEY_FILE: keyFile } = settings;
  const password = settings.KAFKA_PASSWORD;
  const hasLogin = mechanism !== undefined && username !== undefined && password !== undefined;
  return {
    brokers,
    tls: settings.KAFKA_TLS ? { caFile, certFile, keyFile } : null,
    login: hasLogin ? { mechanism, username, password } : null,
  };
}
