import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalKeyProvider } from '../../../src/adapters/keys/local/local-key-provider.ts';
import type { Actor } from '../../../src/domain/access/actor.ts';
import { newId } from '../../../src/domain/id.ts';
import type { CryptoAnswer } from '../../../src/domain/privacy/crypto-answer.ts';
import { sealUnderKey } from '../../../src/domain/privacy/seal-under-key.ts';
import { AccountKeySchema } from '../../../src/entities/account-key.entity.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import type { SealItem } from '../../../src/services/privacy/crypto.service.ts';
import type { KeyProvider } from '../../../src/services/privacy/ports.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { accountHolder, keyParts, newAccount } from '../../testkit/keys.ts';

let database: TestDatabase;
let directory: string;
let provider: KeyProvider;

beforeAll(async () => {
  database = await testDatabase();
  directory = await mkdtemp(join(tmpdir(), 'lineward-keys-'));
  provider = await LocalKeyProvider.open(join(directory, 'kek'));
});
afterAll(async () => {
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const process = (quotaPerMinute = 1_000_000) => keyParts({ em: database.em, provider, quotaPerMinute });
const sealItem = (accountId: string, value: unknown, over: Partial<SealItem> = {}): SealItem => ({
  ...{ ref: null, accountId, value, semanticType: '', suite: 1, padding: false, subject: null },
  ...over,
});
const values = (answers: readonly CryptoAnswer[]) => answers.map((one) => (one.ok ? one.value : one.code));
const eventsOf = (accountId: string) =>
  database.em
    .fork()
    .execute(`select action, outcome, details from audit_event where details->>'accountId' = ? order by at, id`, [
      accountId,
    ]);
const actorNamed = (id: string): Actor => ({ ...tester, id });

describe('the quota of a minute', () => {
  /** The minute is the database's; a test over which it changed runs once more. */
  const inOneMinute = async (work: () => Promise<void>): Promise<void> => {
    const minute = async () =>
      (await database.em.fork().execute(`select floor(extract(epoch from now()) / 60)::text as m`))[0]?.m;
    const before = await minute();
    await work().catch(async (error: unknown) => {
      if ((await minute()) === before) throw error;
      await work();
    });
  };

  it('counts what an actor does with an account over all processes, each verb by itself', () =>
    inOneMinute(async () => {
      const accountId = newAccount();
      const [one, other] = [process(10), process(10)];
      const items = (count: number) => Array.from({ length: count }, () => sealItem(accountId, 'a'));
      const [envelope] = values(await one.crypto.seal(tester, items(6)));
      expect(new Set(values(await other.crypto.seal(tester, items(5))))).toEqual(new Set(['QUOTA_EXCEEDED']));
      expect(values(await one.crypto.seal(tester, items(1)))).toEqual(['QUOTA_EXCEEDED']);
      const opens = [{ ref: null, accountId, value: envelope }];
      expect(values(await other.crypto.open(tester, opens, 'test'))).toEqual(['a']);
      expect(values(await other.crypto.seal(actorNamed('another'), items(1)))[0]).toMatch(/^eyJ/);
    }));

  it('refuses only the accounts that are over it', () =>
    inOneMinute(async () => {
      const [full, free] = [newAccount(), newAccount()];
      const { crypto } = process(3);
      const answers = await crypto.seal(
        tester,
        [full, free, full, full, full].map((one) => sealItem(one, 'a')),
      );
      expect(answers.map(({ ok }) => ok)).toEqual([false, true, false, false, false]);
      expect((await eventsOf(full)).map(({ outcome, details }) => [outcome, details.values])).toEqual([['REFUSED', 4]]);
      expect((await eventsOf(free)).map(({ outcome }) => outcome)).toEqual(['SUCCESS']);
    }));

  it('lets calls at once through up to it and no further', () =>
    inOneMinute(async () => {
      const accountId = newAccount();
      const parts = Array.from({ length: 8 }, () => process(5));
      const answers = await Promise.all(parts.map(({ crypto }) => crypto.seal(tester, [sealItem(accountId, 'a')])));
      expect(answers.flat().filter(({ ok }) => ok)).toHaveLength(5);
    }));

  it('begins anew with the next minute', async () => {
    const accountId = newAccount();
    const { crypto } = process(1);
    await crypto.seal(tester, [sealItem(accountId, 'a')]);
    await database.em.fork().execute('update crypto_usage set minute = minute - 1 where account_id = ?', [accountId]);
    expect(values(await crypto.seal(tester, [sealItem(accountId, 'a')]))[0]).toMatch(/^eyJ/);
  });

  it('is locked in one order, so calls with the same accounts never wait for each other', async () => {
    const accounts = Array.from({ length: 20 }, newAccount);
    const orders = Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? accounts : accounts.toReversed()));
    const answers = await Promise.all(
      orders.map((order) =>
        process().crypto.seal(
          tester,
          order.map((one) => sealItem(one, 'a')),
        ),
      ),
    );
    expect(answers.flat().every(({ ok }) => ok)).toBe(true);
  });
});

describe('the audit trail of values', () => {
  it('has the call before any value is out: what cannot be recorded is not done', async () => {
    const accountId = newAccount();
    const { crypto, keys } = process();
    const [envelope] = values(await crypto.seal(tester, [sealItem(accountId, 'secret')]));
    await database.em.fork().execute('alter table audit_event rename to audit_event_away');
    try {
      const open = crypto.open(tester, [{ ref: null, accountId, value: envelope }], 'test');
      await expect(open).rejects.toThrow();
      await expect(crypto.seal(tester, [sealItem(accountId, 'a')])).rejects.toThrow();
      const redact = [{ ref: null, semanticType: 'email', value: 'a@b.c', derived: false }];
      await expect(crypto.redact(tester, redact)).rejects.toThrow();
    } finally {
      await database.em.fork().execute('alter table audit_event_away rename to audit_event');
    }
    expect(await eventsOf(accountId)).toMatchObject([{ action: 'encrypt', details: { values: 1 } }]);
    expect((await keys.activeKey(accountHolder(accountId))).version).toBe(1);
  });

  it('has calls that failed for every value too, with the account that was named', async () => {
    const accountId = newAccount();
    const { crypto } = process();
    const items = [1, 2].map((value) => ({ ref: null, accountId, value }));
    expect(values(await crypto.open(tester, items, 'why not'))).toEqual(['DECRYPT_FAILED', 'DECRYPT_FAILED']);
    expect(await eventsOf(accountId)).toMatchObject([
      { action: 'decrypt', outcome: 'SUCCESS', details: { values: 2, purpose: 'why not' } },
    ]);
  });

  it('has nothing of an empty call', async () => {
    const count = async () => (await database.em.fork().execute('select count(*) from audit_event'))[0]?.count;
    const before = await count();
    await process().crypto.open(tester, [], 'test');
    await process().crypto.seal(tester, []);
    expect(await count()).toBe(before);
  });
});

describe('opening values', () => {
  it('gives the digits of a whole number beyond 2^53, as streams encrypt it, as text', async () => {
    const accountId = newAccount();
    const { keys, crypto } = process();
    const key = await keys.activeKey(accountHolder(accountId));
    const value = sealUnderKey(key, 9_007_199_254_740_993n, { semanticType: '', suite: 1, padding: false });
    const answers = await crypto.open(tester, [{ ref: 'big', accountId, value }], 'test');
    expect(answers).toEqual([{ ref: 'big', ok: true, value: '9007199254740993' }]);
    expect(JSON.parse(JSON.stringify(answers))).toEqual(answers);
  });

  it('reads versions of before, of persons, and of all suites in one call', async () => {
    const accountId = newAccount();
    const { crypto, lifecycle } = process();
    const subject = { field: 'to', value: '911' };
    const items = ([1, 2, 3] as const).flatMap((suite) => [
      sealItem(accountId, `own ${suite}`, { suite }),
      sealItem(accountId, `mine ${suite}`, { suite, subject, padding: true }),
    ]);
    const before = values(await crypto.seal(tester, items));
    await lifecycle.rotateAccountKey(tester, { accountId });
    await lifecycle.rotateAccountKey(tester, { accountId, subject });
    const after = values(await process().crypto.seal(tester, items));
    const opens = [...before, ...after].map((value) => ({ ref: null, accountId, value }));
    const texts = items.map(({ value }) => value);
    expect(values(await process().crypto.open(tester, opens, 'test'))).toEqual([...texts, ...texts]);
  });

  it('tells of a destroyed key to the account, and to no other', async () => {
    const accountId = newAccount();
    const { crypto } = process();
    const [value] = values(await crypto.seal(tester, [sealItem(accountId, 'a')]));
    await database.em.fork().nativeUpdate(AccountKeySchema, { accountId }, { state: 'DESTROYED', wrapped: null });
    const items = [accountId, newAccount()].map((one) => ({ ref: null, accountId: one, value }));
    expect(values(await crypto.open(tester, items, 'test'))).toEqual(['KEY_DESTROYED', 'DECRYPT_FAILED']);
    expect(values(await crypto.seal(tester, [sealItem(accountId, 'a')]))).toEqual(['KEY_DESTROYED']);
  });

  it('fails the values of one provider alone while that is away', async () => {
    const [here, there] = [newAccount(), newAccount()];
    const other = await LocalKeyProvider.open(join(directory, 'other'));
    const away: KeyProvider = {
      id: other.id,
      wrap: (key) => other.wrap(key),
      unwrap: () => Promise.reject(new LinewardError('KEY_UNAVAILABLE')),
      rewrap: (wrapped) => other.rewrap(wrapped),
      health: () => other.health(),
    };
    const theirs = keyParts({ em: database.em, provider: other });
    const envelopes = values([
      ...(await process().crypto.seal(tester, [sealItem(here, 'a')])),
      ...(await theirs.crypto.seal(tester, [sealItem(there, 'b')])),
    ]);
    const items = [here, there].map((accountId, index) => ({ ref: null, accountId, value: envelopes[index] }));
    const { crypto } = keyParts({ em: database.em, provider, others: [away] });
    expect(values(await crypto.open(tester, items, 'test'))).toEqual(['a', 'KEY_UNAVAILABLE']);
  });
});

describe('values of odd kinds', () => {
  it('are refused by themselves: dates, bytes, functions, bigints within, cycles', async () => {
    const accountId = newAccount();
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const odd = [
      new Date(),
      Buffer.from('a'),
      () => 1,
      Symbol('a'),
      undefined,
      { a: 1n },
      cycle,
      Number.NaN,
      new Map(),
    ];
    const { crypto } = process();
    const answers = await crypto.seal(
      tester,
      [...odd, 7n, 'fine'].map((value) => sealItem(accountId, value)),
    );
    expect(values(answers.slice(0, -2))).toEqual(odd.map(() => 'VALUE_INVALID'));
    expect(answers.slice(-2).every(({ ok }) => ok)).toBe(true);
    const redacted = await crypto.redact(
      tester,
      [...odd, 41555526n].map((value) => ({ ref: null, semanticType: 'phonenumber', value, derived: false })),
    );
    expect(values(redacted)).toEqual([
      null,
      null,
      null,
      null,
      null,
      { XXXX: 'X' },
      [null],
      'VALUE_INVALID',
      null,
      '4155XXXX',
    ]);
  });
});

describe('an account or a person whose erasure is deferred', () => {
  const deferred = async (subject: { field: string; value: string } | null, accountId: string): Promise<string> => {
    const id = newId();
    await database.em.fork().transactional(async (run) => {
      // Nobody listens here, so the rows need not be announced.
      await run.execute("set local session_replication_role = 'replica'");
      await run.execute(
        `insert into operation (id, kind, status, input_digest, requested_by, created_at, updated_at)
         values (?, 'ERASURE', 'PARTIAL', '', 'tester', now(), now())`,
        [id],
      );
      await run.execute(
        `insert into operation_subject (id, operation_id, account_id, subject_field, subject_value, digest, held)
         values (?, ?, ?, ?, ?, '', false)`,
        [newId(), id, accountId, subject?.field ?? null, subject?.value ?? null],
      );
      await run.execute(
        `insert into erasure_deferral (operation_id, by_hold, by_minimum, since) values (?, true, false, now())`,
        [id],
      );
    });
    return id;
  };

  it('is not decrypted, but for who may place holds, until the deferral has ended', async () => {
    const { crypto } = process();
    const [whole, other] = [newAccount(), newAccount()];
    const [ann, bob] = ['ann', 'bob'].map((value) => ({ field: 'user', value }));
    const asked = [
      sealItem(whole, 'account'),
      sealItem(whole, 'person', { subject: ann ?? null }),
      sealItem(other, 'ann', { subject: ann ?? null }),
      sealItem(other, 'bob', { subject: bob ?? null }),
      sealItem(other, 'account'),
    ];
    const sealed = values(await crypto.seal(tester, asked));
    const items = asked.map(({ accountId }, index) => ({ ref: null, accountId, value: sealed[index] }));
    const read = async (roles: Actor['roles']) => values(await crypto.open({ ...tester, roles }, items, 'test'));
    const all = ['account', 'person', 'ann', 'bob', 'account'];
    expect(await read(['privacy_officer'])).toEqual(all);
    const ids = [await deferred(null, whole), await deferred(ann ?? null, other)];
    const [no, yes] = ['ERASURE_DEFERRED', 'bob'];
    expect(await read(['privacy_officer'])).toEqual([no, no, no, yes, 'account']);
    expect(await read(['privacy_officer', 'legal'])).toEqual(all);
    for (const id of ids)
      await database.em.fork().execute('update erasure_deferral set ended_at = now() where operation_id = ?', [id]);
    expect(await read(['privacy_officer'])).toEqual(all);
  });
});
