import { resolve } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { leastQueryCost } from '../../../src/config/api-settings.ts';
import { databaseOf } from '../../../src/config/database-settings.ts';
import { envSchema, loadEnv } from '../../../src/config/env.ts';
import { queryCostMax } from '../../../src/domain/access/query-cost.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';

const token = 'a-token-of-enough-length';

function problemsOf(source: Record<string, string>): string[] {
  try {
    loadEnv(source);
  } catch (error) {
    if (error instanceof LinewardError && error.code === 'CONFIG_INVALID') return error.details.problems as string[];
    throw error;
  }
  return [];
}
const namesOf = (source: Record<string, string>) => problemsOf(source).map((problem) => problem.split(':')[0]);

describe('settings', () => {
  test('have defaults that run everything embedded on loopback', () => {
    expect(loadEnv({})).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 4000,
      REGISTRY_PORT: 8081,
      PRODUCE_PORT: 8082,
      REGISTRY_INCOMPATIBLE_CODE: 409,
      LINEWARD_ROLES: ['api', 'worker', 'consumer'],
      LINEWARD_DATA_DIR: resolve('.lineward'),
      lake: { kind: 'LOCAL', root: resolve('.lineward/lake') },
      kafkaNamespace: null,
      authenticated: false,
    });
  });

  test('that are empty count as unset, and other variables are nobody’s business', () => {
    expect(loadEnv({ PORT: '', KAFKA_BROKERS: '', PATH: '/bin', constructor: 'x' }).PORT).toBe(4000);
    expect(Object.isFrozen(loadEnv({}))).toBe(true);
  });

  test('are read into numbers, lists and paths', () => {
    const env = loadEnv({
      PORT: '0',
      REGISTRY_INCOMPATIBLE_CODE: '40901',
      LINEWARD_ROLES: 'worker, api,',
      KAFKA_BROKERS: 'a:1, [::1]:2',
      LAKE_URL: 'file:///data/my%20lake',
    });
    expect([env.PORT, env.LINEWARD_ROLES, env.KAFKA_BROKERS]).toEqual([0, ['worker', 'api'], ['a:1', '[::1]:2']]);
    expect(env.REGISTRY_INCOMPATIBLE_CODE).toBe(40_901);
    expect([env.lake, env.kafkaNamespace]).toEqual([{ kind: 'LOCAL', root: '/data/my lake' }, 'kafka://a:1']);
    expect(loadEnv({ KAFKA_BROKERS: 'a:1', KAFKA_NAMESPACE: 'kafka://main' }).kafkaNamespace).toBe('kafka://main');
  });

  test('keep a percent sign in the data directory as it is', () => {
    expect(loadEnv({ LINEWARD_DATA_DIR: '/data/100%/a%20b' }).lake).toMatchObject({ root: '/data/100%/a%20b/lake' });
  });

  test('say how Kafka is reached', () => {
    const KAFKA_BROKERS = 'kafka.example:9093';
    const login = { KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_USERNAME: 'u', KAFKA_PASSWORD: 'canary' };
    const env = loadEnv({ KAFKA_BROKERS, KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: '/ca.pem', ...login });
    expect(env.kafka).toMatchObject({
      tls: { caFile: '/ca.pem' },
      login: { mechanism: 'scram-sha-512', username: 'u' },
    });
    expect(JSON.stringify(env)).not.toContain('canary');
    expect(loadEnv({}).kafka).toBeNull();
    expect(loadEnv({ KAFKA_BROKERS }).kafka).toEqual({ brokers: [KAFKA_BROKERS], tls: null, login: null });
    const wrong: [Record<string, string>, string][] = [
      [{ KAFKA_USERNAME: 'u' }, 'KAFKA_USERNAME'],
      [{ KAFKA_SASL_MECHANISM: 'plain', KAFKA_USERNAME: 'u' }, 'KAFKA_PASSWORD'],
      [{ KAFKA_TLS_CA_FILE: '/ca.pem' }, 'KAFKA_TLS_CA_FILE'],
      [{ KAFKA_TLS: 'true', KAFKA_TLS_CERT_FILE: '/c.pem' }, 'KAFKA_TLS_CERT_FILE'],
      [{ ...login, KAFKA_SASL_MECHANISM: 'plain', KAFKA_BROKERS }, 'KAFKA_SASL_MECHANISM'],
    ];
    for (const [settings, name] of wrong) expect(() => loadEnv(settings), name).toThrow(new RegExp(name));
    expect(
      loadEnv({ ...login, KAFKA_SASL_MECHANISM: 'plain', KAFKA_BROKERS: '127.0.0.1:9092' }).kafka?.login,
    ).not.toBeNull();
  });

  test('give a database one role or two', () => {
    const [DATABASE_URL, DATABASE_MIGRATION_URL] = ['postgres://app:canary@h/d', 'postgres://owner:canary@h/d'];
    expect(databaseOf(loadEnv({}))).toBeNull();
    expect(databaseOf(loadEnv({ DATABASE_URL }))).toEqual({ url: DATABASE_URL, ownerUrl: null, isOwnerAllowed: false });
    expect(databaseOf(loadEnv({ DATABASE_URL, DATABASE_MIGRATION_URL }))?.ownerUrl).toBe(DATABASE_MIGRATION_URL);
    expect(databaseOf(loadEnv({ DATABASE_URL, DATABASE_OWNER_ALLOWED: 'true' }))?.ownerUrl).toBe(DATABASE_URL);
    expect(() => loadEnv({ DATABASE_MIGRATION_URL })).toThrow(/DATABASE_URL: is required/);
    const both = { DATABASE_URL, DATABASE_MIGRATION_URL, DATABASE_OWNER_ALLOWED: 'true' };
    expect(() => loadEnv(both)).toThrow(/DATABASE_OWNER_ALLOWED/);
    expect(() => loadEnv(both)).not.toThrow(/canary/);
  });

  test('name a bucket', () => {
    const lake = (LAKE_URL: string) => loadEnv({ LAKE_URL, LAKE_S3_ENDPOINT: 'http://127.0.0.1:9000' }).lake;
    const place = { kind: 'S3', bucket: 'my-lake', region: 'us-east-1', endpoint: 'http://127.0.0.1:9000' };
    expect(lake('s3://my-lake')).toEqual({ ...place, prefix: '' });
    expect(lake('s3://my-lake/')).toEqual({ ...place, prefix: '' });
    expect(lake('s3://my-lake/data/main/')).toEqual({ ...place, prefix: 'data/main' });
    for (const url of [
      's3://',
      's3://UPPER',
      's3://b/x',
      's3://my-lake/../x',
      's3://my-lake//x',
      'gs://my-lake',
      's3:my-lake',
    ])
      expect(() => lake(url), url).toThrow(/LAKE_URL/);
    expect(() => loadEnv({ LAKE_S3_ENDPOINT: 'http://example.com' })).toThrow(/LAKE_S3_ENDPOINT/);
  });

  test('are all refused at once, by name', () => {
    const wrong = {
      HOST: '0.0.0.0',
      PORT: '65536',
      REGISTRY_PORT: 'x',
      PRODUCE_PORT: '-1',
      REGISTRY_INCOMPATIBLE_CODE: '410',
      LINEWARD_ROLES: 'api,boss',
      NODE_ENV: 'staging',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://x',
      REDIS_URL: 'http://x',
      KAFKA_BROKERS: 'noport',
      KAFKA_NAMESPACE: 'here',
      LAKE_URL: 'gs://bucket',
      LAKE_MEMORY_MB: '1',
      LAKE_TIMEOUT_MS: '1',
      LANDING_FLUSH_MS: '1',
      LEASE_TTL_MS: '1',
      SWEEP_INTERVAL_MS: '1.5',
      KEY_PROVIDER: 'paper',
      KEY_TIMEOUT_MS: '1',
      AWS_KMS_KEY_ID: 'a key',
      AWS_KMS_ENDPOINT: 'http://kms.internal',
      VAULT_ADDR: 'vault.internal:8200',
      VAULT_NAMESPACE: '../b',
      VAULT_TOKEN: 'two words',
      VAULT_TRANSIT_KEY: 'a/b',
      VAULT_TRANSIT_MOUNT: '/transit',
    };
    expect(new Set(namesOf(wrong))).toEqual(
      new Set([...Object.keys(wrong).filter((name) => name !== 'HOST'), 'LINEWARD_API_TOKEN']),
    );
  });

  test.each(['file://other-host/lake', 'file:///a%2Fb', 'file://[', 's3://b'])('refuse the lake URL %s', (LAKE_URL) => {
    expect(namesOf({ LAKE_URL })).toEqual(['LAKE_URL']);
  });

  test('want a token when others can reach the process, or in production', () => {
    for (const source of [{ HOST: '0.0.0.0' }, { HOST: '::' }, { HOST: '10.0.0.1' }, { NODE_ENV: 'production' }]) {
      expect(namesOf(source)).toEqual(['LINEWARD_API_TOKEN']);
      expect(loadEnv({ ...source, LINEWARD_API_TOKEN: token }).authenticated).toBe(true);
    }
    for (const HOST of ['localhost', '::1', '127.0.0.2']) expect(namesOf({ HOST })).toEqual([]);
  });

  test('that are secret are never shown, neither when they are wrong nor when they are right', () => {
    const secrets = {
      DATABASE_URL: 'postgres://u:hunter2@h/d',
      REDIS_URL: 'redis://:hunter2@h',
      LINEWARD_API_TOKEN: `hunter2-${token}`,
    };
    const env = loadEnv(secrets);
    expect(env.DATABASE_URL?.reveal()).toBe(secrets.DATABASE_URL);
    for (const shown of [
      JSON.stringify(env),
      inspect(env, { depth: 9, showHidden: true }),
      `${env.LINEWARD_API_TOKEN}`,
    ])
      expect(shown).not.toContain('hunter2');
    expect(
      problemsOf({ DATABASE_URL: 'hunter2', LINEWARD_API_TOKEN: 'hunter2', REDIS_URL: 'hunter2' }).join(),
    ).not.toContain('hunter2');
  });

  test('each say what they are for', () => {
    for (const [name, setting] of Object.entries(envSchema.shape)) expect(setting.description, name).toMatch(/\.$/);
  });
});

test('an actor may spend in a minute what one query may cost, at least, and TLS needs both files', () => {
  expect(leastQueryCost).toBe(queryCostMax);
  expect(problemsOf({ API_QUERY_COST_PER_MINUTE: String(queryCostMax - 1) })).toHaveLength(1);
  expect(loadEnv({ API_QUERY_COST_PER_MINUTE: '0' }).API_QUERY_COST_PER_MINUTE).toBe(0);
  for (const [given, missing] of [
    [{ TLS_CERT_FILE: 'c' }, 'TLS_KEY_FILE'],
    [{ TLS_KEY_FILE: 'k' }, 'TLS_CERT_FILE'],
    [{ TLS_CLIENT_CA_FILE: 'a' }, 'TLS_CERT_FILE'],
  ] as const)
    expect(problemsOf(given)).toEqual([expect.stringContaining(`${missing}: is required`)]);
});
