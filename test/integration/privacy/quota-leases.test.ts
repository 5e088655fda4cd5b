import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditAction } from '../../../src/domain/audit/audit-action.ts';
import { auditEvent } from '../../../src/services/audit/audit.service.ts';
import { AuditBatches } from '../../../src/services/audit/audit-batches.ts';
import { QuotaLeases } from '../../../src/services/privacy/quota-leases.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { newAccount } from '../../testkit/keys.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());

const quota = 640;
const processes = (count: number) =>
  Array.from({ length: count }, () => new QuotaLeases({ em: database.em, quotaPerMinute: quota }));
const rows = (sql: string, account: string) => database.em.fork().execute(sql, [account]);
const usedOf = async (account: string): Promise<number> =>
  Number((await rows('select used from crypto_usage where account_id = ?', account))[0]?.used);
const use = (account: string, count: number) => ({
  actorId: tester.id,
  verb: 'SEAL' as const,
  counts: new Map([[account, count]]),
});

/** Runs a test once more where the minute of the database changed under it. */
async function inOneMinute(work: () => Promise<void>): Promise<void> {
  const minute = async () =>
    (await database.em.fork().execute("select date_trunc('minute', now()) as m"))[0]?.m.toString();
  const before = await minute();
  await work().catch(async (error: unknown) => {
    if ((await minute()) === before) throw error;
    await work();
  });
}

describe('quotas in blocks', () => {
  it('ask the row once for many small calls', () =>
    inOneMinute(async () => {
      const account = newAccount();
      const [leases] = processes(1);
      for (let call = 0; call < 11; call += 1) expect((await leases?.charge(use(account, 1)))?.size).toBe(0);
      expect(await usedOf(account)).toBe(11);
      await leases?.charge(use(account, 1));
      expect(await usedOf(account)).toBe(22);
    }));

  it('let through no value more than the quota, over processes and calls at once', () =>
    inOneMinute(async () => {
      const account = newAccount();
      const calls = processes(5).flatMap((leases) => Array.from({ length: 300 }, () => leases));
      const refused = await Promise.all(calls.map(async (leases) => (await leases.charge(use(account, 1))).size));
      const admitted = refused.filter((size) => size === 0).length;
      expect(admitted).toBeLessThanOrEqual(quota);
      // What processes hold unused is a 64th each.
      expect(admitted).toBeGreaterThanOrEqual(quota - (5 * quota) / 64);
    }));

  it('let one process use all of its quota', () =>
    inOneMinute(async () => {
      const account = newAccount();
      const [leases] = processes(1);
      let admitted = 0;
      while ((await leases?.charge(use(account, 7)))?.size === 0) admitted += 7;
      expect(admitted).toBe(637);
    }));

  it('refuse a call that is over it, and count it', () =>
    inOneMinute(async () => {
      const account = newAccount();
      const [one, other] = processes(2);
      expect([...((await one?.charge(use(account, quota + 1))) ?? [])]).toEqual([account]);
      expect([...((await other?.charge(use(account, 1))) ?? [])]).toEqual([account]);
    }));
});

describe('audit events of calls at once', () => {
  const event = (name: AuditAction) => auditEvent(tester, { action: name, resourceType: 'Account', resourceId: null });
  const eventsOf = (name: string) => rows('select id from audit_event where action = ?', name);

  it('are all written, and each caller waits for its own', async () => {
    const batches = new AuditBatches({ em: database.em });
    const calls = Array.from({ length: 50 }, async () => {
      await batches.write([event('encrypt'), event('encrypt')]);
      return (await eventsOf('encrypt')).length;
    });
    expect(Math.min(...(await Promise.all(calls)))).toBeGreaterThanOrEqual(2);
    expect(await eventsOf('encrypt')).toHaveLength(100);
  });

  it('fail for those who came together, and go on with the next', async () => {
    const batches = new AuditBatches({ em: database.em });
    const bad = { ...event('decrypt'), id: null as unknown as string };
    await expect(batches.write([bad])).rejects.toThrow();
    await batches.write([event('decrypt')]);
    expect(await eventsOf('decrypt')).toHaveLength(1);
  });
});
