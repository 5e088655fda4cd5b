import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { KeyProviders } from '../../../src/services/privacy/key-providers.ts';
import type { KeyProvider } from '../../../src/services/privacy/ports.ts';

interface Fake extends KeyProvider {
  readonly calls: string[];
  /** What `unwrap` gave out. */
  readonly given: Buffer[];
  down: boolean;
}

function fake(id: string): Fake {
  const [kek, iv] = [randomBytes(32), randomBytes(16)];
  const turned = (bytes: Buffer) => createCipheriv('aes-256-ctr', kek, iv).update(bytes);
  const provider: Fake = {
    id,
    calls: [],
    given: [],
    down: false,
    async wrap(key) {
      called('wrap');
      return turned(key);
    },
    async unwrap(wrapped) {
      called('unwrap');
      const key = createDecipheriv('aes-256-ctr', kek, iv).update(wrapped);
      provider.given.push(key);
      return key;
    },
    async rewrap(wrapped) {
      called('rewrap');
      return Buffer.concat([wrapped]);
    },
    async health() {},
  };
  const called = (verb: string) => {
    provider.calls.push(verb);
    if (provider.down) throw new LinewardError('KEY_UNAVAILABLE');
  };
  return provider;
}

describe('key providers', () => {
  it('wrap with the current one and unwrap with the one that wrapped', async () => {
    const [before, now] = [fake('before'), fake('now')];
    const key = randomBytes(32);
    const earlier = await new KeyProviders(before).wrap(key);
    const both = new KeyProviders(now, [before]);
    expect(earlier.kekId).toBe('before');
    expect((await both.wrap(key)).kekId).toBe('now');
    expect(await both.unwrap(earlier)).toEqual(key);
    expect(await both.unwrap(await both.wrap(key))).toEqual(key);
  });

  it('move a key to the current one and overwrite what passed through this process', async () => {
    const [before, now] = [fake('before'), fake('now')];
    const key = randomBytes(32);
    const moved = await new KeyProviders(now, [before]).rewrap(await new KeyProviders(before).wrap(key));
    expect(moved.kekId).toBe('now');
    expect(await new KeyProviders(now).unwrap(moved)).toEqual(key);
    expect(before.given).toEqual([Buffer.alloc(32)]);
  });

  it('overwrite it also when the current one is down, and move it later', async () => {
    const [before, now] = [fake('before'), fake('now')];
    const providers = new KeyProviders(now, [before]);
    const wrapped = await new KeyProviders(before).wrap(randomBytes(32));
    now.down = true;
    await expect(providers.rewrap(wrapped)).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
    expect(before.given).toEqual([Buffer.alloc(32)]);
    now.down = false;
    expect((await providers.rewrap(wrapped)).kekId).toBe('now');
  });

  it('leave a new version of the current wrapping key to its holder', async () => {
    const now = fake('now');
    const providers = new KeyProviders(now);
    const wrapped = await providers.wrap(randomBytes(32));
    expect(await providers.rewrap(wrapped)).toEqual(wrapped);
    expect(now.calls).toEqual(['wrap', 'rewrap']);
  });

  it('hold a key of a wrapping key that is not set up for unavailable, and name it', async () => {
    const lost = { kekId: 'elsewhere', wrapped: randomBytes(40) };
    const providers = new KeyProviders(fake('now'), [fake('before')]);
    for (const call of [() => providers.unwrap(lost), () => providers.rewrap(lost)])
      await expect(call()).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE', details: { kekId: 'elsewhere' } });
  });
});
