import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unwrapKey, wrapKey } from '../../../src/adapters/keys/local/key-wrap.ts';
import { LocalKeyProvider } from '../../../src/adapters/keys/local/local-key-provider.ts';
import rfc5649 from '../../vectors/key-wrap.json' with { type: 'json' };

describe('AES key wrap with padding', () => {
  it.each(rfc5649.vectors)('answers the example of RFC 5649 for the key $key', ({ kek, key, wrapped }) => {
    const [kekBytes, keyBytes, wrappedBytes] = [kek, key, wrapped].map((hex) => Buffer.from(hex, 'hex'));
    expect(wrapKey(kekBytes!, keyBytes!)).toEqual(wrappedBytes);
    expect(unwrapKey(kekBytes!, wrappedBytes!)).toEqual(keyBytes);
  });

  it('refuses every flip of one bit', () => {
    const kek = randomBytes(32);
    const wrapped = wrapKey(kek, randomBytes(32));
    for (let bit = 0; bit < wrapped.length * 8; bit += 1) {
      const flipped = Buffer.from(wrapped);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => unwrapKey(kek, flipped)).toThrow();
    }
  });
});

describe('the local key provider', () => {
  let directory: string;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lineward-kek-'));
    path = join(directory, 'kek');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('makes a file of 32 bytes that only its owner may read, and reads it again', async () => {
    const provider = await LocalKeyProvider.open(path);
    const { mode, size } = await stat(path);
    expect([mode & 0o777, size]).toEqual([0o600, 32]);
    expect(await readdir(directory)).toEqual(['kek']);
    const key = randomBytes(32);
    const again = await LocalKeyProvider.open(path);
    expect(again.id).toBe(provider.id);
    expect(await again.unwrap(await provider.wrap(key))).toEqual(key);
    expect((await provider.wrap(key)).includes(key)).toBe(false);
    expect(provider.id).not.toContain((await readFile(path)).toString('hex').slice(0, 8));
  });

  it('agrees on one file when many open it at once', async () => {
    const providers = await Promise.all(Array.from({ length: 8 }, () => LocalKeyProvider.open(path)));
    expect(new Set(providers.map(({ id }) => id)).size).toBe(1);
    expect(await readdir(directory)).toEqual(['kek']);
  });

  it.each([0o640, 0o604, 0o620, 0o666])('refuses a file of mode %o and says how to mend it', async (mode) => {
    await LocalKeyProvider.open(path);
    await chmod(path, mode);
    await expect(LocalKeyProvider.open(path)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`chmod 600 ${path}`),
    });
  });

  it('refuses a file of another length and leaves it as it is', async () => {
    await writeFile(path, 'short', { mode: 0o600 });
    await expect(LocalKeyProvider.open(path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await readFile(path, 'utf8')).toBe('short');
  });

  it('refuses a path below something that is no folder', async () => {
    await writeFile(path, 'a file');
    await expect(LocalKeyProvider.open(join(path, 'kek'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('does not unwrap what another file wrapped', async () => {
    const wrapped = await (await LocalKeyProvider.open(join(directory, 'other'))).wrap(randomBytes(32));
    const provider = await LocalKeyProvider.open(path);
    await expect(provider.unwrap(wrapped)).rejects.toMatchObject({ code: 'KEY_MISMATCH' });
  });

  it('adds a key that wraps from the next start on, while the ones before still unwrap', async () => {
    const first = await LocalKeyProvider.addKey(path);
    const key = randomBytes(32);
    const wrapped = await first.wrap(key);
    const second = await LocalKeyProvider.addKey(path);
    const third = await LocalKeyProvider.addKey(path);
    const { mode, size } = await stat(path);
    expect([mode & 0o777, size, await readdir(directory)]).toEqual([0o600, 96, ['kek']]);
    const ids = [third, second, first].map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    const all = await LocalKeyProvider.openAll(path);
    expect(all.map(({ id }) => id)).toEqual(ids);
    expect((await LocalKeyProvider.open(path)).id).toBe(third.id);
    expect(await all[2]?.unwrap(wrapped)).toEqual(key);
    expect(await all[2]?.rewrap(wrapped)).toEqual(wrapped);
    await expect(all[0]?.unwrap(wrapped)).rejects.toMatchObject({ code: 'KEY_MISMATCH' });
    for (const provider of [first, ...all]) await expect(provider.health()).resolves.toBeUndefined();
  });

  it('loses no key when many are added at once', async () => {
    const first = await LocalKeyProvider.open(path);
    const added = await Promise.allSettled(Array.from({ length: 8 }, () => LocalKeyProvider.addKey(path)));
    const refused = added.filter(({ status }) => status === 'rejected');
    for (const answer of refused) expect(answer).toMatchObject({ reason: { code: 'CONFIG_INVALID' } });
    const all = await LocalKeyProvider.openAll(path);
    expect(all).toHaveLength(1 + added.length - refused.length);
    expect(all.at(-1)?.id).toBe(first.id);
    expect(await readdir(directory)).toEqual(['kek']);
  });

  it('leaves the file alone while another process changes it, and says what to do', async () => {
    const first = await LocalKeyProvider.open(path);
    await writeFile(`${path}.new`, '');
    await expect(LocalKeyProvider.addKey(path)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`remove ${path}.new`),
    });
    expect((await LocalKeyProvider.openAll(path)).map(({ id }) => id)).toEqual([first.id]);
  });

  it('has no keys where there is no file, and makes none', async () => {
    expect(await LocalKeyProvider.openAll(path)).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('is unhealthy once the file is gone or replaced', async () => {
    const provider = await LocalKeyProvider.open(path);
    await expect(provider.health()).resolves.toBeUndefined();
    await writeFile(path, randomBytes(32));
    await expect(provider.health()).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
    await rm(path);
    await expect(provider.health()).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
  });
});
