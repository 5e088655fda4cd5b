import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LocalKeyProvider } from '../../../src/adapters/keys/local/local-key-provider.ts';
import { openKeyProviders } from '../../../src/adapters/keys/open-key-providers.ts';
import { VaultKeyProvider, type VaultSettings } from '../../../src/adapters/keys/vault/vault-key-provider.ts';
import { KeyProviders } from '../../../src/services/privacy/key-providers.ts';
import { startTransitServer, type TransitServer } from '../../testkit/transit-server.ts';

let directory: string;
let transit: TransitServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lineward-vault-'));
  transit = await startTransitServer({ namespace: 'team/a', mount: 'kms/transit' });
});
afterEach(() => {
  transit.sealed = false;
  transit.authenticationStatus = 400;
});
afterAll(async () => {
  await transit?.stop();
  await rm(directory, { recursive: true, force: true });
});

const settings = (more: Partial<VaultSettings> = {}): VaultSettings => ({
  address: transit.url,
  namespace: 'team/a',
  mount: 'kms/transit',
  token: { reveal: () => transit.token },
  key: 'lineward',
  timeoutMs: 1_000,
  ...more,
});
const vault = (more?: Partial<VaultSettings>) => new VaultKeyProvider(settings(more));
const administer = (path: string, body: unknown = {}) =>
  fetch(`${transit.url}/v1/kms/transit/${path}`, {
    method: 'POST',
    headers: { 'x-vault-token': transit.token, 'x-vault-namespace': 'team/a' },
    body: JSON.stringify(body),
  });
const unavailable = (reason: string) => ({ code: 'KEY_UNAVAILABLE', details: { reason } });

describe('Vault', () => {
  it('is named by namespace, mount and key, and wraps into its own text', async () => {
    const provider = vault();
    expect(provider.id).toBe('vault:team/a/kms/transit/lineward');
    expect(vault({ namespace: null }).id).toBe('vault:kms/transit/lineward');
    expect((await provider.wrap(randomBytes(32))).toString()).toMatch(/^vault:v1:[\w+/]+=*$/);
    const below = vault({ address: `${transit.url}/` });
    await expect(below.health()).resolves.toBeUndefined();
  });

  it('rewraps under the newest version, after which earlier ones may be forbidden', async () => {
    const provider = vault({ key: 'turning' });
    const key = randomBytes(32);
    const first = await provider.wrap(key);
    await administer('keys/turning/rotate');
    expect(await provider.unwrap(first)).toEqual(key);
    const second = await provider.rewrap(first);
    expect([first.toString().slice(0, 9), second.toString().slice(0, 9)]).toEqual(['vault:v1:', 'vault:v2:']);
    await administer('keys/turning/config', { min_decryption_version: 2 });
    expect(await provider.unwrap(second)).toEqual(key);
    const ahead = Buffer.from(second.toString().replace('v2', 'v9'));
    await expect(provider.unwrap(ahead)).rejects.toMatchObject(unavailable('HTTP 400, version is too new'));
    const tooOld = unavailable('HTTP 400, disallowed by policy (too old)');
    await expect(provider.unwrap(first)).rejects.toMatchObject(tooOld);
    await administer('keys/turning/config', { min_decryption_version: 1 });
    expect(await provider.unwrap(first)).toEqual(key);
  });

  it('tells bytes of another key from a fault also where the server calls them its own error', async () => {
    transit.authenticationStatus = 500;
    const foreign = await vault({ key: 'another' }).wrap(randomBytes(32));
    await vault().wrap(randomBytes(32));
    await expect(vault().unwrap(foreign)).rejects.toMatchObject({ code: 'KEY_MISMATCH' });
    await expect(vault().rewrap(foreign)).rejects.toMatchObject({ code: 'KEY_MISMATCH' });
  });

  it('is unavailable while sealed, and says so', async () => {
    const key = randomBytes(32);
    const wrapped = await vault().wrap(key);
    transit.sealed = true;
    await expect(vault().unwrap(wrapped)).rejects.toMatchObject(unavailable('HTTP 503, Vault is sealed'));
    transit.sealed = false;
    expect(await vault().unwrap(wrapped)).toEqual(key);
  });

  it.each([
    ['another token', { token: { reveal: () => 'hvs.wrong' } }, 'HTTP 403, permission denied'],
    ['another namespace', { namespace: 'team/b' }, 'HTTP 404'],
    ['no namespace', { namespace: null }, 'HTTP 404'],
    ['another mount', { mount: 'transit' }, 'HTTP 404'],
    ['a key that is not there', { key: 'nobody' }, 'HTTP 400, encryption key not found'],
    [
      'a token file that is not there',
      { token: { file: '/nonexistent/token' } },
      'its token file cannot be read (ENOENT)',
    ],
    ['a token that is no header', { token: { reveal: () => 'a\nb' } }, 'TypeError'],
  ])('is unavailable with %s, and says why', async (_what, more, reason) => {
    const wrapped = await vault().wrap(randomBytes(32));
    await expect(vault(more).unwrap(wrapped)).rejects.toMatchObject(unavailable(reason));
  });

  it('reads the token file for each call', async () => {
    const file = join(directory, 'token');
    const provider = vault({ token: { file } });
    await writeFile(file, `${transit.token}\n`);
    const wrapped = await provider.wrap(randomBytes(32));
    await writeFile(file, 'hvs.expired');
    await expect(provider.unwrap(wrapped)).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
    await writeFile(file, transit.token);
    expect(await provider.unwrap(wrapped)).toHaveLength(32);
  });
});

describe('a server that is not Vault', () => {
  const requests: string[] = [];
  let answer: { status: number; body: string; location?: string };
  let url: string;
  const server = createServer((request, response) => {
    requests.push(`${request.url}`);
    const headers = answer.location === undefined ? {} : { location: answer.location };
    response.writeHead(answer.status, headers).end(answer.body);
  });
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  const asked = async (status: number, body: string, location?: string) => {
    requests.length = 0;
    answer = { status, body, ...(location === undefined ? {} : { location }) };
    const error = await vault({ address: url })
      .unwrap(Buffer.from('vault:v1:AAAA'))
      .catch((fault: unknown) => fault);
    return { error, requests: requests.length };
  };

  it('is not followed to where it sends us', async () => {
    const { error, requests } = await asked(307, '', '/elsewhere');
    expect(error).toMatchObject(unavailable('HTTP 307'));
    expect(requests).toBe(1);
  });

  it.each(['', 'null', '{}', '{"data":{}}', '{"data":{"plaintext":"%"}}', '<html>'])(
    'is not believed when it answers %j',
    async (body) => {
      expect((await asked(200, body)).error).toMatchObject(unavailable('its answer is not whole'));
    },
  );

  it('is asked again once when it fails, and its words are not repeated', async () => {
    const { error, requests } = await asked(502, '{"errors":["you sent vault:v1:AAAA"]}');
    expect(error).toMatchObject(unavailable('HTTP 502'));
    expect(requests).toBe(2);
    expect((await asked(400, '{"errors":["what?"]}')).requests).toBe(1);
  });
});

describe('moving keys', () => {
  it('from the key file to Vault and back keeps every key, and the ones before serve until then', async () => {
    const file = join(directory, 'kek');
    const { key: _key, timeoutMs, ...place } = settings();
    const configured = { timeoutMs, awsKms: null, vault: { ...place, keys: ['next', 'lineward'] } };
    const open = async (provider: 'local' | 'vault') => {
      const { current, others } = await openKeyProviders({ ...configured, provider }, file);
      return new KeyProviders(current, others);
    };
    await LocalKeyProvider.addKey(file);
    const onFile = await open('local');
    const key = randomBytes(32);
    const rows = [await onFile.wrap(key), { kekId: vault().id, wrapped: await vault().wrap(key) }];
    await LocalKeyProvider.addKey(file);

    const onVault = await open('vault');
    expect(onVault.others.map(({ id }) => id.split(':')[0]).toSorted()).toEqual(['local', 'local', 'vault']);
    for (const row of rows) expect(await onVault.unwrap(row)).toEqual(key);
    const moved = await Promise.all(rows.map((row) => onVault.rewrap(row)));
    expect(new Set(moved.map(({ kekId }) => kekId))).toEqual(new Set(['vault:team/a/kms/transit/next']));

    const back = await open('local');
    expect(back.current.id).not.toBe(onFile.current.id);
    for (const row of moved) {
      const again = await back.rewrap(row);
      expect([again.kekId, await back.unwrap(again)]).toEqual([back.current.id, key]);
    }
  });

  it('needs a key of the provider that wraps, and makes no file where it is another', async () => {
    const none = { provider: 'vault', timeoutMs: 1_000, awsKms: null, vault: null } as const;
    const file = join(directory, 'never');
    await expect(openKeyProviders(none, file)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await LocalKeyProvider.openAll(file)).toEqual([]);
  });
});
