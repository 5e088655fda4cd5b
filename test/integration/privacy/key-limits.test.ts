import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalKeyProvider } from '../../../src/adapters/keys/local/local-key-provider.ts';
import { leaseBlock, messageCap } from '../../../src/domain/privacy/key-state.ts';
import { AccountKeySchema } from '../../../src/entities/account-key.entity.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { KeyLeases } from '../../../src/services/privacy/key-leases.ts';
import type { KeyProvider } from '../../../src/services/privacy/ports.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { accountHolder, type KeyPartsOptions, keyParts, keyRowsOf, newAccount } from '../../testkit/keys.ts';

let database: TestDatabase;
let directory: string;
let provider: KeyProvider;
/** A provider that unwraps and does not wrap. */
let wrapless: KeyProvider;

beforeAll(async () => {
  database = await testDatabase();
  directory = await mkdtemp(join(tmpdir(), 'lineward-keys-'));
  const local = await LocalKeyProvider.open(join(directory, 'kek'));
  provider = local;
  wrapless = {
    id: local.id,
    wrap: () => Promise.reject(new LinewardError('KEY_UNAVAILABLE')),
    unwrap: (wrapped) => local.unwrap(wrapped),
    rewrap: (wrapped) => local.rewrap(wrapped),
    health: () => local.health(),
  };
});
afterAll(async () => {
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const process = (options: Partial<KeyPartsOptions> = {}) => keyParts({ em: database.em, provider, ...options });
const rowsOf = (accountId: string) => keyRowsOf(database.em, accountId);
const setRow = (accountId: string, data: { encCount?: number; activatedAt?: Date }) =>
  database.em.fork().nativeUpdate(AccountKeySchema, { accountId, state: 'ACTIVE' }, data);
const statesOf = async (accountId: string) => (await rowsOf(accountId)).map(({ version, state }) => [version, state]);
const day = 24 * 60 * 60 * 1_000;

describe('the count of what a key encrypted', () => {
  it('grows by a block per process, and by the next one only when that is used up', async () => {
    const accountId = newAccount();
    const { keys } = process();
    const key = await keys.activeKey(accountHolder(accountId));
    keys.charge(key, leaseBlock - 1);
    await keys.activeKey(accountHolder(accountId));
    // One for the canary.
    expect((await rowsOf(accountId))[0]?.encCount).toBe(leaseBlock + 1);
    keys.charge(key, 1);
    await keys.activeKey(accountHolder(accountId));
    expect((await rowsOf(accountId))[0]?.encCount).toBe(2 * leaseBlock + 1);
  });

  it('holds what a batch took over its block against the next block', async () => {
    const accountId = newAccount();
    const { keys } = process();
    const key = await keys.activeKey(accountHolder(accountId));
    keys.charge(key, leaseBlock + 10);
    await keys.activeKey(accountHolder(accountId));
    keys.charge(key, leaseBlock - 10);
    await keys.activeKey(accountHolder(accountId));
    expect((await rowsOf(accountId))[0]?.encCount).toBe(3 * leaseBlock + 1);
  });

  it('loses no block when many processes lease at once', async () => {
    const accountId = newAccount();
    await process().keys.activeKey(accountHolder(accountId));
    await Promise.all(Array.from({ length: 20 }, () => process().keys.activeKey(accountHolder(accountId))));
    expect((await rowsOf(accountId))[0]?.encCount).toBe(21 * leaseBlock + 1);
  });

  it('never passes the cap, whoever leases', async () => {
    const accountId = newAccount();
    const { id } = await process().keys.activeKey(accountHolder(accountId));
    await setRow(accountId, { encCount: messageCap - 3 * leaseBlock });
    const leases = Array.from({ length: 8 }, () => new KeyLeases({ em: database.em }).ensure(id));
    const outcomes = await Promise.allSettled(leases);
    const refused = outcomes.filter((one) => one.status === 'rejected').map(({ reason }) => reason.code);
    expect(refused).toEqual(Array.from({ length: 5 }, () => 'KEY_EXHAUSTED'));
    expect((await rowsOf(accountId))[0]?.encCount).toBe(messageCap);
  });

  it('is kept in memory for a bounded number of keys, and what is dropped costs a block', async () => {
    const [first, second] = [newAccount(), newAccount()];
    const { keys } = process();
    const ids = [(await keys.activeKey(accountHolder(first))).id, (await keys.activeKey(accountHolder(second))).id];
    const leases = new KeyLeases({ em: database.em, keysMax: 1 });
    for (const id of [ids[0], ids[0], ids[1], ids[1], ids[0]]) await leases.ensure(id ?? '');
    const counts = [await rowsOf(first), await rowsOf(second)].map(([row]) => row?.encCount);
    expect(counts).toEqual([3 * leaseBlock + 1, 2 * leaseBlock + 1]);
  });
});

describe('a key that encrypted enough', () => {
  it.each([
    ['at 2^31 values', { encCount: 2 ** 31 }],
    ['near the cap', { encCount: messageCap - 1 }],
    ['at 90 days', { activatedAt: new Date(Date.now() - 90 * day) }],
  ])('%s is followed by the next version, which one of many processes makes', async (_name, data) => {
    const accountId = newAccount();
    const before = await process().keys.activeKey(accountHolder(accountId));
    await setRow(accountId, data);
    const keys = await Promise.all(Array.from({ length: 8 }, () => process().keys.activeKey(accountHolder(accountId))));
    expect(new Set(keys.map(({ version }) => version))).toEqual(new Set([2]));
    expect(await statesOf(accountId)).toEqual([
      [1, 'RETIRED'],
      [2, 'ACTIVE'],
    ]);
    const old = await process().keys.keyVersion({ ...accountHolder(accountId), version: 1 });
    expect(old.key.equals(before.key)).toBe(true);
  });

  it.each([
    ['just below 2^31 values', { encCount: 2 ** 31 - 1 }],
    ['younger than 90 days', { activatedAt: new Date(Date.now() - 90 * day + 60_000) }],
  ])('%s goes on', async (_name, data) => {
    const accountId = newAccount();
    await process().keys.activeKey(accountHolder(accountId));
    await setRow(accountId, data);
    expect((await process().keys.activeKey(accountHolder(accountId))).version).toBe(1);
  });

  it('goes on up to the cap while no new key can be wrapped, and then refuses', async () => {
    const accountId = newAccount();
    await process().keys.activeKey(accountHolder(accountId));
    await setRow(accountId, { encCount: messageCap - leaseBlock, activatedAt: new Date(Date.now() - 100 * day) });
    const { keys } = process({ provider: wrapless });
    const key = await keys.activeKey(accountHolder(accountId));
    expect(key.version).toBe(1);
    keys.charge(key, leaseBlock);
    await expect(keys.activeKey(accountHolder(accountId))).rejects.toMatchObject({ code: 'KEY_EXHAUSTED' });
    expect((await process().keys.activeKey(accountHolder(accountId))).version).toBe(2);
  });
});

describe('a key made ahead', () => {
  it('takes over at its time by one of many processes, and not before', async () => {
    const accountId = newAccount();
    let now = Date.now();
    const clock = () => new Date(now);
    const parts = () => process({ clock });
    await parts().keys.activeKey(accountHolder(accountId));
    const activateAt = new Date(now + day);
    await database.em.fork().transactional((tx) => parts().keys.addVersion(tx, accountHolder(accountId), activateAt));
    expect(await statesOf(accountId)).toEqual([
      [1, 'ACTIVE'],
      [2, 'PRE_ACTIVE'],
    ]);
    now += day - 1;
    expect((await parts().keys.activeKey(accountHolder(accountId))).version).toBe(1);
    now += 1;
    const keys = await Promise.all(Array.from({ length: 8 }, () => parts().keys.activeKey(accountHolder(accountId))));
    expect(new Set(keys.map(({ version }) => version))).toEqual(new Set([2]));
    expect(await statesOf(accountId)).toEqual([
      [1, 'RETIRED'],
      [2, 'ACTIVE'],
    ]);
    expect((await rowsOf(accountId))[0]?.retiredAt).toEqual(new Date(now));
  });

  it('is passed over by a newer one that encrypts already, and opens nothing before its time', async () => {
    const accountId = newAccount();
    let now = Date.now();
    const clock = () => new Date(now);
    const { keys, lifecycle } = process({ clock });
    await keys.activeKey(accountHolder(accountId));
    await lifecycle.rotateAccountKey(tester, { accountId }, new Date(now + day));
    await lifecycle.rotateAccountKey(tester, { accountId });
    now += 2 * day;
    expect((await process({ clock }).keys.activeKey(accountHolder(accountId))).version).toBe(3);
    expect(await statesOf(accountId)).toEqual([
      [1, 'RETIRED'],
      [2, 'PRE_ACTIVE'],
      [3, 'ACTIVE'],
    ]);
  });
});
