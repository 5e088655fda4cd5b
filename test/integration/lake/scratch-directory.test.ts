import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openScratchDirectory } from '../../../src/adapters/store/local/scratch-directory.ts';

describe('directories for what processes hold on the disk while they work', () => {
  let parent: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'lineward-scratch-'));
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  const host = hostname().replace(/[^\w.]/gu, '_');
  const left = async (name: string, { days = 0 } = {}): Promise<string> => {
    const directory = join(parent, name, 'reading');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, '0.parquet'), 'rows');
    const then = new Date(Date.now() - days * 86_400_000);
    for (const path of [join(directory, '0.parquet'), directory, join(parent, name)]) await utimes(path, then, then);
    return name;
  };
  const gonePid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

  it('removes what killed processes and earlier ones of this pid left', async () => {
    await left(`lake-${host}-${gonePid()}`);
    await left(`lake-${host}-${process.pid}`);
    const own = await openScratchDirectory(parent, 'lake');
    expect(await readdir(parent)).toEqual([basename(own)]);
    expect(await readdir(own)).toEqual([]);
  });

  it('leaves those of living processes, of other hosts at work, and of other names', async () => {
    const others = [
      await left(`lake-${host}-${process.ppid}`),
      await left(`lake-elsewhere-${process.pid}`),
      await left(`lake-elsewhere-${gonePid()}`),
      await left(`engine-${host}-${gonePid()}`),
      await left('lake-notes', { days: 9 }),
    ];
    await left('lake-elsewhere-1', { days: 2 });
    const own = await openScratchDirectory(parent, 'lake');
    expect(await readdir(parent)).toEqual([...others, basename(own)].sort());
  });
});
