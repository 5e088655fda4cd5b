import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { loadEnv } from '../../../src/config/env.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';

function namesOf(source: Record<string, string>): string[] {
  try {
    loadEnv(source);
  } catch (error) {
    if (error instanceof LinewardError)
      return (error.details.problems as string[]).map((problem) => problem.split(':')[0] ?? '');
  }
  return [];
}
const vault = { VAULT_ADDR: 'https://vault.internal:8200', VAULT_TOKEN: 'hvs.hunter2', VAULT_TRANSIT_KEY: 'lineward' };

describe('settings of key providers', () => {
  test('ask for the local key file when there are none', () => {
    expect(loadEnv({}).keyProviders).toEqual({ provider: 'local', timeoutMs: 5_000, awsKms: null, vault: null });
  });

  test('are read by provider, and one that does not wrap is set up all the same', () => {
    const { keyProviders } = loadEnv({
      ...vault,
      KEY_PROVIDER: 'aws-kms',
      KEY_TIMEOUT_MS: '700',
      AWS_KMS_KEY_ID: 'alias/lineward, arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      AWS_KMS_ENDPOINT: 'http://127.0.0.1:4599',
      VAULT_TRANSIT_KEY: 'next,lineward',
      VAULT_NAMESPACE: 'team/a',
    });
    expect(keyProviders).toMatchObject({
      provider: 'aws-kms',
      timeoutMs: 700,
      awsKms: {
        keys: ['alias/lineward', 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'],
        endpoint: 'http://127.0.0.1:4599',
      },
      vault: { keys: ['next', 'lineward'], address: vault.VAULT_ADDR, namespace: 'team/a', mount: 'transit' },
    });
  });

  test('name all that a provider lacks at once', () => {
    expect(namesOf({ KEY_PROVIDER: 'aws-kms' })).toEqual(['AWS_KMS_KEY_ID']);
    expect(namesOf({ KEY_PROVIDER: 'vault' })).toEqual(['VAULT_TRANSIT_KEY', 'VAULT_ADDR', 'VAULT_TOKEN']);
    expect(namesOf({ VAULT_TRANSIT_KEY: 'lineward', PORT: 'x' })).toEqual(['PORT', 'VAULT_ADDR', 'VAULT_TOKEN']);
    expect(namesOf({ ...vault, VAULT_TOKEN_FILE: '/run/token' })).toEqual(['VAULT_TOKEN_FILE']);
  });

  test('leave alone what the environment holds for other programs', () => {
    const { VAULT_TRANSIT_KEY: _key, ...cli } = vault;
    expect(loadEnv(cli).keyProviders.vault).toBeNull();
  });

  test.each(['http://vault.internal', 'https://u:p@vault.internal', 'https://vault.internal/?a=b', 'ftp://x', 'vault'])(
    'refuse the address %s',
    (VAULT_ADDR) => {
      expect(namesOf({ ...vault, VAULT_ADDR })).toEqual(['VAULT_ADDR']);
    },
  );

  test.each(['http://127.0.0.1:8200', 'http://[::1]:8200', 'http://localhost:8200', 'https://v/base/'])(
    'take the address %s',
    (VAULT_ADDR) => {
      expect(loadEnv({ ...vault, VAULT_ADDR }).keyProviders.vault?.address).toBe(VAULT_ADDR);
    },
  );

  test('never show the token', () => {
    const env = loadEnv(vault);
    expect(inspect(env, { depth: 9, showHidden: true }) + JSON.stringify(env)).not.toContain('hunter2');
    expect(env.keyProviders.vault?.token).toMatchObject({ reveal: expect.any(Function) });
  });
});
