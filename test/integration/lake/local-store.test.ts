import { mkdirSync, mkdtempSync } from 'node:fs';
import { access, appendFile, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalLakeStore } from '../../../src/adapters/store/local/local-store.ts';

describe('local lake store', () => {
  let outer: string;
  let root: string;
  let store: LocalLakeStore;
  const put = async (path: string, text: string): Promise<void> => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
  const identity = async (path: string) => (await store.stat(path)) ?? expect.fail(`no file ${path}`);
  beforeEach(async () => {
    outer = mkdtempSync(join(tmpdir(), 'lineward-store-'));
    root = join(outer, 'lake');
    await mkdir(root);
    store = new LocalLakeStore({ root });
  });
  afterEach(() => rm(outer, { recursive: true, force: true }));

  it('lists data files sorted, with partitions, without hidden names and links', async () => {
    for (const path of ['t/b.parquet', 't/2018/06/a.parquet', 't/_year=2018/c.parquet', 't/_erasure/x.staged']) {
      await put(path, path);
    }
    await put('t/.b.parquet.crc', '');
    await put('t/_metadata', '');
    await symlink(join(root, 't/b.parquet'), join(root, 't/link.parquet'));
    await symlink(join(root, 't/2018'), join(root, 't/linked'));
    expect((await store.list('t')).map(({ path }) => path)).toEqual([
      't/2018/06/a.parquet',
      't/_year=2018/c.parquet',
      't/b.parquet',
    ]);
    expect(await store.list('none')).toEqual([]);
  });

  it('names what is directly in a folder, hidden things too', async () => {
    for (const path of ['t/b/c.parquet', 't/_delta_log/0.json', 't/.hoodie/x', 't/a.parquet']) await put(path, '');
    expect(await store.names('t')).toEqual(['.hoodie', '_delta_log', 'a.parquet', 'b']);
    expect(await store.names('t/a.parquet')).toEqual([]);
    expect(await store.names('none')).toEqual([]);
  });

  it('publishes under a new name, again without harm, and never over other content', async () => {
    await put('_s/1', 'one');
    const published = await store.publish('_s/1', 't/2018/a.parquet');
    expect(published).toEqual(await store.stat('t/2018/a.parquet'));
    expect(await store.stat('_s/1')).toBeNull();
    await put('_s/2', 'one');
    expect(await store.publish('_s/2', 't/2018/a.parquet')).toEqual(published);
    await put('_s/3', 'two');
    await expect(store.publish('_s/3', 't/2018/a.parquet')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(await read('t/2018/a.parquet')).toBe('one');
    await expect(store.publish('_s/none', 't/b.parquet')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('swaps an unchanged file, keeps its mode, and drops what was derived from it', async () => {
    await put('t/d/a.parquet', 'old');
    await writeFile(join(root, 't/d/b.parquet'), 'other', { mode: 0o640 });
    for (const path of ['t/d/.a.parquet.crc', 't/d/.b.parquet.crc', 't/d/_metadata', 't/_common_metadata']) {
      await put(path, 'x');
    }
    await put('_s/1', 'new');
    const swapped = await store.swapIf(await identity('t/d/a.parquet'), '_s/1');
    expect(swapped).toEqual(await store.stat('t/d/a.parquet'));
    expect(await read('t/d/a.parquet')).toBe('new');
    expect((await readdir(join(root, 't/d'))).sort()).toEqual(['.b.parquet.crc', 'a.parquet', 'b.parquet']);
    expect(await readdir(join(root, 't'))).toEqual(['d']);
    await put('_s/2', 'newer');
    await store.swapIf(await identity('t/d/b.parquet'), '_s/2');
    expect((await lstat(join(root, 't/d/b.parquet'))).mode & 0o777).toBe(0o640);
  });

  it('leaves a file alone that changed or went since it was planned', async () => {
    await put('t/a.parquet', 'old');
    await put('_s/1', 'new');
    const planned = await identity('t/a.parquet');
    await appendFile(join(root, 't/a.parquet'), ' and foreign');
    const changed = { code: 'LAKE_FILE_CHANGED', details: { path: 't/a.parquet' } };
    await expect(store.swapIf(planned, '_s/1')).rejects.toMatchObject(changed);
    await expect(store.removeIf(planned)).rejects.toMatchObject(changed);
    expect(await read('t/a.parquet')).toBe('old and foreign');
    expect(await read('_s/1')).toBe('new');
    await store.remove('t/a.parquet');
    await expect(store.swapIf(planned, '_s/1')).rejects.toMatchObject(changed);
  });

  it('notices a rewrite of the same length', async () => {
    await put('t/a.parquet', 'old');
    const planned = await identity('t/a.parquet');
    await put('t/a.parquet', 'odd');
    await put('_s/1', 'new');
    await expect(store.swapIf(planned, '_s/1')).rejects.toMatchObject({ code: 'LAKE_FILE_CHANGED' });
  });

  it('removes an unchanged file, and removes twice without harm', async () => {
    await put('t/a.parquet', 'old');
    await store.removeIf(await identity('t/a.parquet'));
    expect(await store.stat('t/a.parquet')).toBeNull();
    await store.remove('t/a.parquet');
    await store.remove('t');
    await expect(access(join(root, 't'))).rejects.toThrow();
  });

  it.each(['../x', 'a/../../x', '/etc/passwd', '', 'a//b', './a', 'a\\..\\b', 'a\0b'])(
    'refuses the path %j',
    async (path) => {
      await put('_s/1', 'new');
      expect(() => store.stagingPath(path)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
      await expect(store.list(path)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      await expect(store.publish('_s/1', path)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      await expect(store.remove(path)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    },
  );

  it('refuses paths through symbolic links', async () => {
    await writeFile(join(outer, 'outside.parquet'), 'outside');
    await symlink(outer, join(root, 'out'));
    await symlink(join(outer, 'outside.parquet'), join(root, 'link.parquet'));
    await put('_s/1', 'new');
    for (const path of ['out/outside.parquet', 'link.parquet', 'out/new.parquet']) {
      await expect(store.stat(path)).rejects.toMatchObject({ code: 'LAKE_TABLE_REFUSED' });
      await expect(store.publish('_s/1', path)).rejects.toMatchObject({ code: 'LAKE_TABLE_REFUSED' });
      await expect(store.remove(path)).rejects.toMatchObject({ code: 'LAKE_TABLE_REFUSED' });
    }
    expect(await readFile(join(outer, 'outside.parquet'), 'utf8')).toBe('outside');
  });

  it('digests content', async () => {
    await put('t/a.parquet', 'abc');
    expect(await store.sha256('t/a.parquet')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(await store.sha256('t/none')).toBeNull();
  });
});
