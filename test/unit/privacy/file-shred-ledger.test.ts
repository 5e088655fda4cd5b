import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileShredLedger } from '../../../src/adapters/keys/local/file-shred-ledger.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lineward-ledger-'));
  path = join(directory, 'deep', 'shredded.ndjson');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const holder = (accountId: string) => ({
  operationId: 'op',
  accountId,
  scope: '',
  isWhole: true,
  at: '2026-11-26T10:00:00.000Z',
});
const read = async (from = 0) => {
  const found: { account: string; next: number }[] = [];
  for await (const { holder: one, next } of new FileShredLedger(path).entries(from))
    found.push({ account: one.accountId, next });
  return found;
};
const write = async (...accounts: string[]): Promise<void> => {
  const ledger = new FileShredLedger(path);
  await Promise.all(accounts.map((account) => ledger.append(holder(account))));
  await ledger.close();
};

describe('the ledger of destroyed keys', () => {
  it('is empty before the first entry, and only its owner may read it', async () => {
    expect(await read()).toEqual([]);
    await write('AC1');
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  it('gives entries back in order, also from a place in the middle, across processes', async () => {
    await write('AC1', 'AC2');
    await write('ACé');
    const all = await read();
    expect(all.map(({ account }) => account)).toEqual(['AC1', 'AC2', 'ACé']);
    expect((await read(all[0]?.next)).map(({ account }) => account)).toEqual(['AC2', 'ACé']);
    expect(await read(all[2]?.next)).toEqual([]);
  });

  it('reads many entries that no chunk of the file holds whole', async () => {
    await write(...Array.from({ length: 2_000 }, (_, index) => `AC${index}`));
    expect(await read()).toHaveLength(2_000);
  });

  it('goes on behind a line that a crash cut short', async () => {
    await write('AC1');
    await appendFile(path, '\n{"operationId":"op","acc');
    await write('AC2');
    expect((await read()).map(({ account }) => account)).toEqual(['AC1', 'AC2']);
    await appendFile(path, '\n{"operationId":"op","acc');
    expect(await read()).toHaveLength(2);
  });

  it('refuses to go on over an entry that was changed', async () => {
    await write('AC1');
    await appendFile(path, '{"accountId":"AC2"}\n');
    await expect(read()).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('AC2') });
    expect(await readFile(path, 'utf8')).toContain('AC1');
  });
});
