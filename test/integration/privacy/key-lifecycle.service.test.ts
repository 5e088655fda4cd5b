import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalKeyProvider } from '../../../src/adapters/keys/local/local-key-provider.ts';
import { installation } from '../../../src/domain/privacy/key-holder.ts';
import { AccountKeySchema } from '../../../src/entities/account-key.entity.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import type { KeyProvider } from '../../../src/services/privacy/ports.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { accountHolder, type KeyPartsOptions, keyParts, keyRowsOf, newAccount } from '../../testkit/keys.ts';

let database: TestDatabase;
let directory: string;
let provider: KeyProvider;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lineward-keys-'));
  provider = await LocalKeyProvider.open(join(directory, 'kek'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const process = (options: Partial<KeyPartsOptions> = {}) => keyParts({ em: database.em, provider, ...options });

describe('keys of persons', () => {
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database?.close());
  const subject = { field: 'to', value: '+14155552671' };

  it('are one when many processes need the first at once, also while the installation has none', async () => {
    const accountId = newAccount();
    const keys = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const { keys: own, holders } = process();
        return own.activeKey(await holders.holderOf({ accountId, subject }));
      }),
    );
    expect(keys.every(({ key, version }) => version === 1 && key.equals(keys[0]!.key))).toBe(true);
    expect(await keyRowsOf(database.em, accountId)).toHaveLength(1);
    expect(await keyRowsOf(database.em, '')).toMatchObject([{ scope: installation.scope, version: 1, canary: null }]);
  });

  it('are other keys than the account’s and than those of others, and hide who it is', async () => {
    const [one, two] = [newAccount(), newAccount()];
    const { keys, ...parts } = process();
    const selectors = [
      { accountId: one },
      { accountId: one, subject },
      { accountId: one, subject: { ...subject, field: 'from' } },
      { accountId: one, subject: { ...subject, value: '+14155552672' } },
      { accountId: two, subject },
    ];
    const holders = await Promise.all(selectors.map((selector) => parts.holders.holderOf(selector)));
    expect(new Set(holders.map(({ scope }) => scope)).size).toBe(5);
    expect(JSON.stringify(holders)).not.toContain('4155552671');
    const made = [...(await keys.activeKeys(holders)).values()];
    const bytes = made.map((key) => (key instanceof LinewardError ? key.code : key.key.export().toString('hex')));
    expect(new Set(bytes).size).toBe(5);
  });

  it('rotate by themselves, and say so in the audit trail without the person', async () => {
    const accountId = newAccount();
    const { keys, lifecycle, holders } = process();
    const holder = await holders.holderOf({ accountId, subject });
    await keys.activeKey(accountHolder(accountId));
    await keys.activeKey(holder);
    expect(await lifecycle.rotateAccountKey(tester, { accountId, subject })).toMatchObject({
      subjectScope: holder.scope,
      keyVersion: 2,
      state: 'ACTIVE',
    });
    expect((await keys.activeKey(accountHolder(accountId))).version).toBe(1);
    const events = await database.em.fork().execute(`select * from audit_event where action = 'rotateAccountKey'`);
    expect(events).toMatchObject([{ details: { accountId, version: 2, state: 'ACTIVE' } }]);
    expect(JSON.stringify(events)).not.toContain('4155552671');
  });

  it.each([
    ['an empty account', { accountId: '' }],
    ['an empty account with a person', { accountId: '', subject }],
    ['half a character', { accountId: 'AC1', subject: { field: 'to', value: '\ud800' } }],
  ])('are refused for %s', async (_name, selector) => {
    const { lifecycle } = process();
    await expect(lifecycle.rotateAccountKey(tester, selector)).rejects.toMatchObject({ code: 'VALUE_INVALID' });
  });

  it('are not made ahead for the past', async () => {
    const yesterday = new Date(Date.now() - 86_400_000);
    const refused = process().lifecycle.rotateAccountKey(tester, { accountId: newAccount() }, yesterday);
    await expect(refused).rejects.toMatchObject({ code: 'BAD_INPUT', field: ['activateAt'] });
  });
});

describe('the key of tokens and persons', () => {
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database?.close());

  it('is one when many processes make it at once: they all make the same tokens', async () => {
    const tokens = await Promise.all(
      Array.from({ length: 12 }, async () => (await process().tokenKeys.tokenize())('email', 'JDoe@x.com ')),
    );
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).toMatch(/^tok_[\w-]{22}$/);
    expect(await keyRowsOf(database.em, '')).toHaveLength(1);
  });

  it('stays the first one when it is old and the provider was away for a moment', async () => {
    const token = (await process().tokenKeys.tokenize())('email', 'jdoe@x.com');
    const old = { activatedAt: new Date(Date.now() - 100 * 86_400_000), encCount: 2 ** 31 };
    await database.em.fork().nativeUpdate(AccountKeySchema, { accountId: '' }, old);
    let isAway = true;
    const flaky: KeyProvider = {
      id: provider.id,
      wrap: (key) => provider.wrap(key),
      unwrap: async (wrapped) => {
        if (!isAway) return provider.unwrap(wrapped);
        isAway = false;
        throw new LinewardError('KEY_UNAVAILABLE');
      },
      rewrap: (wrapped) => provider.rewrap(wrapped),
      health: () => provider.health(),
    };
    const { tokenKeys } = process({ provider: flaky });
    await expect(tokenKeys.tokenize()).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
    expect((await tokenKeys.tokenize())('email', 'jdoe@x.com')).toBe(token);
    expect((await process().tokenKeys.tokenize())('email', 'jdoe@x.com')).toBe(token);
    expect(await keyRowsOf(database.em, '')).toHaveLength(1);
  });

  it('is another one in another installation', async () => {
    const here = (await process().tokenKeys.tokenize())('email', 'jdoe@x.com');
    const other = await testDatabase();
    try {
      const there = (await process({ em: other.em }).tokenKeys.tokenize())('email', 'jdoe@x.com');
      expect(there).not.toBe(here);
    } finally {
      await other.close();
    }
  });
});

describe('wrapping keys anew', () => {
  let accounts: string[];
  let moved: KeyProvider;
  beforeAll(async () => {
    database = await testDatabase();
    moved = await LocalKeyProvider.open(join(directory, 'moved'));
    accounts = Array.from({ length: 40 }, newAccount);
    await process().keys.activeKeys(accounts.map(accountHolder));
    await process().tokenKeys.tokenize();
  });
  afterAll(() => database?.close());
  const anew = () => process({ provider: moved, others: [provider] });
  const holdersOf = async () =>
    database.em
      .fork()
      .execute<{ kek_id: string; n: string }[]>(
        'select kek_id, count(*) as n from account_key group by kek_id order by n',
      );
  /** Every key row counts as wrapped before now. */
  const age = () => database.em.fork().execute(`update account_key set wrapped_at = now() - interval '1 minute'`);

  it('moves them from one key file to another in steps that go on where they ended', async () => {
    const before = await Promise.all(accounts.map((one) => process().keys.activeKey(accountHolder(one))));
    await age();
    const first = await anew().lifecycle.rewrapAccountKeys(tester, { limit: 10 });
    expect(first).toMatchObject({ rewrapped: 10, remaining: 31 });
    const { wrappedBefore } = first;
    const second = await anew().lifecycle.rewrapAccountKeys(tester, { limit: 20, wrappedBefore });
    expect(second).toMatchObject({ rewrapped: 20, remaining: 11, wrappedBefore });
    expect(await anew().lifecycle.rewrapAccountKeys(tester, { wrappedBefore })).toMatchObject({
      rewrapped: 11,
      remaining: 0,
    });
    expect(await anew().lifecycle.rewrapAccountKeys(tester, { wrappedBefore })).toMatchObject({ rewrapped: 0 });
    expect(await holdersOf()).toMatchObject([{ kek_id: moved.id, n: '41' }]);
    const only = process({ provider: moved });
    for (const key of before)
      expect((await only.keys.activeKey(accountHolder(key.accountId))).key.equals(key.key)).toBe(true);
    await expect(process().keys.activeKey(accountHolder(accounts[0]!))).rejects.toMatchObject({
      code: 'KEY_UNAVAILABLE',
    });
  });

  it('by several at once does each key, and none is lost to those that encrypt meanwhile', async () => {
    await age();
    const wrappedBefore = new Date();
    const back = () => process({ provider, others: [moved] });
    const [answers, keys] = await Promise.all([
      Promise.all(Array.from({ length: 4 }, () => back().lifecycle.rewrapAccountKeys(tester, { wrappedBefore }))),
      Promise.all(accounts.map((one) => back().keys.activeKey(accountHolder(one)))),
    ]);
    expect(answers.reduce((sum, { rewrapped }) => sum + rewrapped, 0)).toBe(41);
    expect(await holdersOf()).toMatchObject([{ kek_id: provider.id, n: '41' }]);
    expect(keys.every(({ version }) => version === 1)).toBe(true);
  });

  it('stops at a provider that is away and goes on later', async () => {
    await age();
    let calls = 0;
    const failing: KeyProvider = {
      id: moved.id,
      wrap: async (key) => {
        calls += 1;
        if (calls > 20) throw new LinewardError('KEY_UNAVAILABLE');
        return moved.wrap(key);
      },
      unwrap: (wrapped) => moved.unwrap(wrapped),
      rewrap: (wrapped) => moved.rewrap(wrapped),
      health: () => moved.health(),
    };
    const { lifecycle } = process({ provider: failing, others: [provider] });
    const wrappedBefore = new Date();
    await expect(lifecycle.rewrapAccountKeys(tester, { wrappedBefore })).rejects.toMatchObject({
      code: 'KEY_UNAVAILABLE',
    });
    const kept = await anew().lifecycle.rewrapAccountKeys(tester, { wrappedBefore });
    expect(kept).toMatchObject({ remaining: 0 });
    expect(await holdersOf()).toMatchObject([{ kek_id: moved.id, n: '41' }]);
  });

  it('passes by destroyed keys, and is refused without a sensible limit', async () => {
    const accountId = newAccount();
    await anew().keys.activeKey(accountHolder(accountId));
    await database.em.fork().nativeUpdate(AccountKeySchema, { accountId }, { state: 'DESTROYED', wrapped: null });
    await age();
    expect(await anew().lifecycle.rewrapAccountKeys(tester, {})).toMatchObject({ rewrapped: 41, remaining: 0 });
    for (const limit of [0, 1.5, 10_001, -1])
      await expect(anew().lifecycle.rewrapAccountKeys(tester, { limit })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('passes by a key that cannot be unwrapped, and tells of it behind the others', async () => {
    const accountId = newAccount();
    await anew().keys.activeKey(accountHolder(accountId));
    await age();
    await database.em
      .fork()
      .execute(`update account_key set wrapped = ?, wrapped_at = now() - interval '1 hour' where account_id = ?`, [
        Buffer.alloc(40),
        accountId,
      ]);
    await expect(process({ provider, others: [moved] }).lifecycle.rewrapAccountKeys(tester, {})).rejects.toMatchObject({
      code: 'KEY_MISMATCH',
    });
    expect(await holdersOf()).toMatchObject([
      // One of them was destroyed above.
      { kek_id: moved.id, n: '2' },
      { kek_id: provider.id, n: '41' },
    ]);
  });
});
