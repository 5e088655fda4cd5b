import { readFile } from 'node:fs/promises';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { LinewardError } from '../../errors/lineward-error.ts';

/** The part of the configuration that says how brokers are reached, and by whom. */
export interface KafkaPlaceSettings {
  readonly brokers: readonly string[];
  readonly tls: {
    readonly caFile: string | undefined;
    readonly certFile: string | undefined;
    readonly keyFile: string | undefined;
  } | null;
  readonly login: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: { reveal(): string };
  } | null;
}

/** What a client needs to connect. */
export interface KafkaConnection {
  /** `host:port` of at least one broker. */
  readonly brokers: readonly string[];
  readonly ssl?: Exclude<KafkaConfig['ssl'], boolean> | undefined;
  readonly sasl?: SASLOptions | undefined;
}

/** @throws LinewardError CONFIG_INVALID for a file that cannot be read, by the name of its setting. */
export async function connectionOf({ brokers, tls, login }: KafkaPlaceSettings): Promise<KafkaConnection> {
  const sasl = login === null ? {} : { sasl: saslOf(login) };
  if (tls === null) return { brokers, ...sasl };
  const ca = await pem('KAFKA_TLS_CA_FILE', tls.caFile);
  const cert = await pem('KAFKA_TLS_CERT_FILE', tls.certFile);
  const key = await pem('KAFKA_TLS_KEY_FILE', tls.keyFile);
  const own = cert === undefined || key === undefined ? {} : { cert, key };
  return { brokers, ssl: { ...(ca !== undefined && { ca: [ca] }), ...own }, ...sasl };
}

function saslOf({ mechanism, username, password }: NonNullable<KafkaPlaceSettings['login']>): SASLOptions {
  return { mechanism, username, password: password.reveal() };
}

async function pem(setting: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const text = await readFile(path, 'utf8');
    if (text.includes('-----BEGIN ')) return text;
  } catch (cause) {
    throw new LinewardError('CONFIG_INVALID', `${setting}: the file ${path} cannot be read.`, {
      path: [setting],
      cause,
    });
  }
  throw new LinewardError('CONFIG_INVALID', `${setting}: the file ${path} is no PEM file.`, { path: [setting] });
}
