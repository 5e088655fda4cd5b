import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../testkit/app.ts';
import { startTransitServer, type TransitServer } from '../testkit/transit-server.ts';

const run = promisify(execFile);

describe('a service whose keys are wrapped by Vault', () => {
  let transit: TransitServer;
  let app: TestApp;
  beforeAll(async () => {
    transit = await startTransitServer();
    app = await testApp({
      LINEWARD_ROLES: 'api',
      KEY_PROVIDER: 'vault',
      VAULT_ADDR: transit.url,
      VAULT_TOKEN: transit.token,
      VAULT_TRANSIT_KEY: 'lineward,lineward-before',
    });
  });
  afterAll(async () => {
    await app?.stop();
    await transit?.stop();
  });

  const ready = async () => {
    const response = await fetch(`${app.urls.main}/readyz`);
    const { parts } = (await response.json()) as { parts: Record<string, unknown> };
    return { status: response.status, keys: parts.keys, earlier: parts['earlier-keys'] };
  };

  test('is ready while Vault answers, says what is wrong while it does not, and starts without it', async () => {
    const fine = { ready: true, vital: true };
    expect(await ready()).toMatchObject({ status: 200, keys: fine, earlier: { ready: true, vital: false } });
    transit.sealed = true;
    const reason = 'Vault cannot be used now: HTTP 503, Vault is sealed.';
    expect(await ready()).toMatchObject({ status: 503, keys: { ready: false, reason } });
    await app.restart();
    expect(await ready()).toMatchObject({ status: 503, keys: { ready: false, reason } });
    transit.sealed = false;
    expect(await ready()).toMatchObject({ status: 200, keys: fine });
  });
});

describe('lineward keys add', () => {
  test('adds a wrapping key to the file of the data directory', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lineward-keys-'));
    const add = async () => {
      const { stdout } = await run('npx', ['--no-install', 'tsx', 'src/cli/main.ts', 'keys', 'add'], {
        env: { ...process.env, LINEWARD_DATA_DIR: directory },
      });
      return stdout;
    };
    try {
      expect(await add()).toMatch(/^added local:[\da-f]{16}; restart every process/);
      await add();
      expect((await stat(join(directory, 'keys', 'kek.key'))).size).toBe(64);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
