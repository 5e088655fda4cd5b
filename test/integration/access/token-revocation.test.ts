import { afterAll, beforeAll, expect, test } from 'vitest';
import { AccessPolicyReadModel } from '../../../src/services/access/access-policy.read-model.ts';
import { ApiTokenService } from '../../../src/services/access/api-token.service.ts';
import { Authentication } from '../../../src/services/access/authentication.ts';
import { PoliciesInForce } from '../../../src/services/access/policies-in-force.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());

test('a token that is revoked is refused by the process that revoked it, where no notice of it comes', async () => {
  const { em } = db;
  const authentication = new Authentication({
    ...{ em, apiToken: 'root', provider: null, refusals: { tell: () => undefined } },
    logins: { note: async () => undefined },
    policies: new PoliciesInForce({ accessPolicies: new AccessPolicyReadModel({ em }) }),
  });
  const service = new ApiTokenService({ em, authentication });
  const { token, secret } = await service.createApiToken(tester, { name: 'ann', roles: ['viewer'], expiresAt: null });
  const ask = async () => authentication.actorOf(`Bearer ${secret}`, 'r', '10.0.0.1');
  expect(await ask()).toMatchObject({ id: 'ann' });
  await service.revokeApiToken(tester, token.id);
  await expect(ask()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});
