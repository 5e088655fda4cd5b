import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AccessPolicyReadModel } from '../../../src/services/access/access-policy.read-model.ts';
import { Authentication } from '../../../src/services/access/authentication.ts';
import { LoginRefusals } from '../../../src/services/access/login-refusals.ts';
import { PoliciesInForce } from '../../../src/services/access/policies-in-force.ts';
import { quietLogger } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());

interface Told {
  readonly resource_id: string | null;
  readonly details: { readonly attempts: number; readonly withoutToken: number; readonly tokens: readonly string[] };
}
const told = () =>
  db.em.fork().execute<Told[]>(
    `select resource_id, details from audit_event where action = 'refuseLogins' and outcome = 'REFUSED'
     order by resource_id nulls last`,
  );
const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');
const refusals = () => new LoginRefusals({ em: db.em, digest, logger: quietLogger, windowMs: 3_600_000 });

test('refused logins leave one event for each address, with no token in it', async () => {
  const counting = refusals();
  const authentication = new Authentication({
    em: db.em,
    apiToken: 'right',
    provider: null,
    refusals: counting,
    logins: { note: async () => undefined },
    policies: new PoliciesInForce({ accessPolicies: new AccessPolicyReadModel({ em: db.em }) }),
  });
  const secret = `lw_${randomBytes(32).toString('base64url')}`;
  const ask = async (header: string | undefined, address: string) => authentication.actorOf(header, 'r', address);
  expect(await ask('Bearer right', '10.0.0.1')).toMatchObject({ id: 'api-token' });
  for (let n = 0; n < 50; n += 1)
    await expect(ask('Bearer wrong', '10.0.0.1')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await expect(ask(`Bearer ${secret}`, '10.0.0.1')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await expect(ask(undefined, '10.0.0.2')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(await told()).toEqual([]);
  await counting.flush();
  await counting.flush();
  const events = await told();
  expect(events.map(({ resource_id: address, details }) => [address, details.attempts, details.withoutToken])).toEqual([
    ['10.0.0.1', 51, 0],
    ['10.0.0.2', 1, 1],
  ]);
  expect(events[0]?.details.tokens).toHaveLength(2);
  expect(JSON.stringify(events)).not.toContain('wrong');
  expect(JSON.stringify(events)).not.toContain(secret);
});

test('a flood from many addresses, with a new token each, leaves a bounded number of events', async () => {
  const before = (await told()).length;
  const counting = refusals();
  for (let n = 0; n < 5_000; n += 1) counting.tell(`2001:db8::${n}`, `Bearer ${n}`);
  for (let n = 0; n < 100; n += 1) counting.tell('2001:db8::1', `Bearer again ${n}`);
  await counting.flush();
  const events = (await told()).slice(-1_001);
  expect((await told()).length - before).toBe(1_001);
  expect(events.at(-1)).toMatchObject({ resource_id: null, details: { attempts: 4_000 } });
  expect(Math.max(...events.map(({ details }) => details.tokens.length))).toBe(5);
});

test('what is counted is written by itself when the window ends', async () => {
  const before = (await told()).length;
  const counting = new LoginRefusals({ em: db.em, digest, logger: quietLogger, windowMs: 1 });
  counting.tell('10.9.9.9', undefined);
  await expect.poll(async () => (await told()).length).toBe(before + 1);
});
