import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  KMSClient,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AwsKmsKeyProvider } from '../../../src/adapters/keys/aws-kms/aws-kms-key-provider.ts';
import { LocalKeyProvider } from '../../../src/adapters/keys/local/local-key-provider.ts';
import { VaultKeyProvider } from '../../../src/adapters/keys/vault/vault-key-provider.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { KeyProviders } from '../../../src/services/privacy/key-providers.ts';
import type { KeyProvider } from '../../../src/services/privacy/ports.ts';
import { startKmsServer } from '../../testkit/kms-server.ts';
import { type TcpGate, tcpGate } from '../../testkit/tcp-gate.ts';
import { startTransitServer } from '../../testkit/transit-server.ts';

const timeoutMs = 3_000;
const awsSecret = 'an-aws-secret-of-these-tests';
vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDTEST');
vi.stubEnv('AWS_SECRET_ACCESS_KEY', awsSecret);
vi.stubEnv('AWS_REGION', 'eu-central-1');

const kms = await startKmsServer();
const transit = await startTransitServer();
const directory = await mkdtemp(join(tmpdir(), 'lineward-kek-'));
afterAll(async () => {
  vi.unstubAllEnvs();
  await kms?.stop();
  await transit.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A kind of provider: `open` gives the same wrapping key each time, as another process would get it. */
interface Kind {
  readonly gate: TcpGate | null;
  readonly secrets: readonly string[];
  open(): Promise<KeyProvider>;
  openAnother(): Promise<KeyProvider>;
}

const admin = new KMSClient(kms === null ? {} : { endpoint: kms.url });
const newKmsKey = async () => {
  const { KeyMetadata } = await admin.send(new CreateKeyCommand({}));
  return { id: KeyMetadata?.KeyId ?? '', arn: KeyMetadata?.Arn ?? '' };
};

const kinds: Record<string, () => Promise<Kind>> = {
  async local() {
    return {
      gate: null,
      secrets: [],
      open: () => LocalKeyProvider.open(join(directory, 'kek')),
      openAnother: () => LocalKeyProvider.open(join(directory, 'another')),
    };
  },
  async 'aws-kms'() {
    const gate = await tcpGate(kms?.url ?? '');
    const [key, another] = [await newKmsKey(), await newKmsKey()];
    const open = (id: string) => AwsKmsKeyProvider.open({ key: id, endpoint: gate.url, timeoutMs });
    return { gate, secrets: [awsSecret], open: () => open(key.id), openAnother: () => open(another.id) };
  },
  async vault() {
    const gate = await tcpGate(transit.url);
    const settings = { address: gate.url, namespace: null, mount: 'transit', timeoutMs };
    const token = { reveal: () => transit.token };
    const open = async (key: string) => new VaultKeyProvider({ ...settings, token, key });
    return { gate, secrets: [transit.token], open: () => open('lineward'), openAnother: () => open('another') };
  },
};

describe.each(Object.keys(kinds).filter((name) => name !== 'aws-kms' || kms !== null))(
  'the key provider %s',
  (name) => {
    let kind: Kind;
    let provider: KeyProvider;
    beforeAll(async () => {
      kind = await (kinds[name] as () => Promise<Kind>)();
      provider = await kind.open();
    });
    afterAll(() => kind?.gate?.close());

    const calls = (wrapped: Buffer): Record<string, () => Promise<unknown>> => ({
      wrap: () => provider.wrap(randomBytes(32)),
      unwrap: () => provider.unwrap(wrapped),
      rewrap: () => provider.rewrap(wrapped),
      health: () => provider.health(),
    });
    const codeOf = (call: Promise<unknown>) =>
      call.then(
        () => 'answered',
        (error: unknown) => (error instanceof LinewardError ? error.code : String(error)),
      );

    it('wraps keys that another process unwraps, and shows nothing of them', async () => {
      const key = randomBytes(32);
      const wrapped = await provider.wrap(key);
      expect(await (await kind.open()).unwrap(wrapped)).toEqual(key);
      expect(wrapped.includes(key)).toBe(false);
      expect(wrapped.includes(key.toString('base64'))).toBe(false);
      expect(provider.id).toMatch(new RegExp(`^${name}:.`));
      expect((await kind.open()).id).toBe(provider.id);
      await expect(provider.health()).resolves.toBeUndefined();
    });

    it('wraps many at once', async () => {
      const keys = Array.from({ length: 40 }, () => randomBytes(32));
      const wrapped = await Promise.all(keys.map((key) => provider.wrap(key)));
      expect(await Promise.all(wrapped.map((bytes) => provider.unwrap(bytes)))).toEqual(keys);
    });

    it('refuses what another key wrapped', async () => {
      const another = await kind.openAnother();
      expect(another.id).not.toBe(provider.id);
      const foreign = await another.wrap(randomBytes(32));
      expect(await codeOf(provider.unwrap(foreign))).toBe('KEY_MISMATCH');
      expect(await codeOf(provider.rewrap(foreign))).toBe('KEY_MISMATCH');
      expect(await codeOf(provider.health())).toBe('answered');
    });

    it('never answers another key for bytes that were changed', async () => {
      const key = randomBytes(32);
      const wrapped = await provider.wrap(key);
      let same = 0;
      for (let index = 0; index < wrapped.length; index += 1) {
        const changed = Buffer.from(wrapped);
        changed[index]! ^= 1;
        const answer = await provider.unwrap(changed).catch((error: LinewardError) => error.code);
        if (Buffer.isBuffer(answer) && answer.equals(key)) same += 1;
        else expect(answer, `byte ${index}`).toBe('KEY_MISMATCH');
      }
      // Vault reads the version 0 as 1.
      expect(same).toBe(name === 'vault' ? 1 : 0);
      const broken = [
        wrapped.subarray(0, -4),
        wrapped.subarray(0, 5),
        Buffer.alloc(0),
        randomBytes(64),
        randomBytes(8_000),
      ];
      for (const bytes of broken) {
        expect([await codeOf(provider.unwrap(bytes)), await codeOf(provider.rewrap(bytes))]).toEqual([
          'KEY_MISMATCH',
          'KEY_MISMATCH',
        ]);
      }
    });

    it('rewraps without changing the key', async () => {
      const key = randomBytes(32);
      const wrapped = await provider.wrap(key);
      const again = await provider.rewrap(wrapped);
      expect(await provider.unwrap(again)).toEqual(key);
      expect(await provider.unwrap(wrapped)).toEqual(key);
    });

    it('tells nothing of keys, tokens and wrapped bytes in its errors', async () => {
      const key = randomBytes(32);
      const wrapped = await provider.wrap(key);
      const faults: unknown[] = [];
      const changed = Buffer.from(wrapped);
      changed[changed.length - 1]! ^= 1;
      await provider.unwrap(changed).catch((error: unknown) => faults.push(error));
      await kind.gate?.close();
      const later = [provider.wrap(key), provider.unwrap(wrapped), provider.rewrap(wrapped)];
      for (const answer of await Promise.allSettled(later))
        if (answer.status === 'rejected') faults.push(answer.reason);
      await kind.gate?.open();
      expect(faults).toHaveLength(kind.gate === null ? 1 : 4);
      const told = inspect(faults, { depth: 20, showHidden: true });
      const kept = [key, wrapped].flatMap((bytes) => [
        bytes.toString('base64'),
        bytes.toString('hex'),
        bytes.toString(),
      ]);
      for (const secret of [...kept, ...kind.secrets]) expect(told).not.toContain(secret);
    });

    // The local keys have no server to lose.
    if (name === 'local') return;
    it('is unavailable while its server is gone or silent, and works again after', async () => {
      const key = randomBytes(32);
      const wrapped = await provider.wrap(key);
      for (const outage of ['close', 'hang'] as const) {
        await kind.gate?.[outage]();
        const states = await Promise.all(Object.values(calls(wrapped)).map((call) => codeOf(call())));
        expect(states, outage).toEqual(Array.from({ length: 4 }, () => 'KEY_UNAVAILABLE'));
        await kind.gate?.open();
        for (const [verb, call] of Object.entries(calls(wrapped))) expect(await codeOf(call()), verb).toBe('answered');
        expect(await provider.unwrap(wrapped)).toEqual(key);
      }
    });
  },
);

describe.skipIf(kms === null)('AWS KMS', () => {
  const open = (key: string) => AwsKmsKeyProvider.open({ key, endpoint: kms?.url ?? '', timeoutMs });

  it('is one provider for the id and the ARN of a key, and goes to the region of the ARN', async () => {
    const { id, arn } = await newKmsKey();
    vi.stubEnv('AWS_REGION', 'us-west-2');
    const byArn = await open(arn);
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    const key = randomBytes(32);
    expect(await (await open(id)).unwrap(await byArn.wrap(key))).toEqual(key);
    expect([byArn.id, (await open(id)).id]).toEqual([`aws-kms:${id}`, `aws-kms:${id}`]);
  });

  it('takes an alias for the key it names at start, and still unwraps after it was turned to another', async () => {
    const [before, after] = [await newKmsKey(), await newKmsKey()];
    const alias = `alias/k${randomBytes(4).toString('hex')}`;
    await admin.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: before.id }));
    const first = new KeyProviders(await open(alias));
    const key = randomBytes(32);
    const wrapped = await first.wrap(key);
    await admin.send(new UpdateAliasCommand({ AliasName: alias, TargetKeyId: after.id }));
    expect(await first.unwrap(wrapped)).toEqual(key);
    const second = new KeyProviders(await open(alias), [await open(before.arn)]);
    expect([wrapped.kekId, second.current.id]).toEqual([`aws-kms:${before.id}`, `aws-kms:${after.id}`]);
    const moved = await second.rewrap(wrapped);
    expect(moved.kekId).toBe(second.current.id);
    expect(await new KeyProviders(await open(alias)).unwrap(moved)).toEqual(key);
    await expect(open('alias/nobody')).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
  });

  it('is unavailable, not lost, while its key is disabled or unknown', async () => {
    const { id } = await newKmsKey();
    const provider = await open(id);
    const key = randomBytes(32);
    const wrapped = await provider.wrap(key);
    await admin.send(new DisableKeyCommand({ KeyId: id }));
    await expect(provider.unwrap(wrapped)).rejects.toMatchObject({
      code: 'KEY_UNAVAILABLE',
      details: { reason: 'DisabledException' },
    });
    await expect(provider.health()).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
    await admin.send(new EnableKeyCommand({ KeyId: id }));
    expect(await provider.unwrap(wrapped)).toEqual(key);
    const unknown = await open('00000000-0000-4000-8000-000000000000');
    await expect(unknown.wrap(key)).rejects.toMatchObject({
      code: 'KEY_UNAVAILABLE',
      details: { reason: 'NotFoundException' },
    });
  });

  it('binds its context into each wrapped key', async () => {
    const { id } = await newKmsKey();
    const wrapped = await (await open(id)).wrap(randomBytes(32));
    const bare = new DecryptCommand({ KeyId: id, CiphertextBlob: wrapped });
    await expect(admin.send(bare)).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
    const context = { application: 'lineward', purpose: 'account-key' };
    const whole = new DecryptCommand({ KeyId: id, CiphertextBlob: wrapped, EncryptionContext: context });
    expect((await admin.send(whole)).Plaintext).toHaveLength(32);
  });

  it('is unavailable within its time where no credentials are found', async () => {
    const { id } = await newKmsKey();
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_CONFIG_FILE', join(directory, 'none'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(directory, 'none'));
    await expect((await open(id)).wrap(randomBytes(32))).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
  });
});
