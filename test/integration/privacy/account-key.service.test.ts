import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalKeyProvider } from '../../../src/adapters/keys/local/local-key-provider.ts';
import { compileProtection } from '../../../src/domain/privacy/compile-protection.ts';
import { openEnvelope, readEnvelopeHeader } from '../../../src/domain/privacy/envelope.ts';
import { holderId, type KeyHolder } from '../../../src/domain/privacy/key-holder.ts';
import { SemanticTypes } from '../../../src/domain/privacy/semantic-type.ts';
import { AccountKeySchema } from '../../../src/entities/account-key.entity.ts';
import { AccountKeyService } from '../../../src/services/privacy/account-key.service.ts';
import { KeyProviders } from '../../../src/services/privacy/key-providers.ts';
import type { KeyProvider } from '../../../src/services/privacy/ports.ts';
import { ProtectionService } from '../../../src/services/privacy/protection.service.ts';
import { TokenKeys } from '../../../src/services/privacy/token-keys.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let database: TestDatabase;
let directory: string;
let provider: KeyProvider;
let unwraps = 0;

beforeAll(async () => {
  database = await testDatabase();
  directory = await mkdtemp(join(tmpdir(), 'lineward-keys-'));
  const local = await LocalKeyProvider.open(join(directory, 'kek'));
  provider = {
    id: local.id,
    wrap: (key) => local.wrap(key),
    unwrap: (wrapped) => {
      unwraps += 1;
      return local.unwrap(wrapped);
    },
    rewrap: (wrapped) => local.rewrap(wrapped),
    health: () => local.health(),
  };
});
afterAll(async () => {
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const service = (options: { ttlMs?: number; entriesMax?: number; clock?: () => Date } = {}): AccountKeyService => {
  const { ttlMs = 60_000, entriesMax = 100, clock = () => new Date() } = options;
  return new AccountKeyService({
    em: database.em,
    providers: new KeyProviders(provider),
    clock,
    cache: { ttlMs, entriesMax },
  });
};
const rotate = async (keys: AccountKeyService, accountId: string): Promise<number> =>
  (await database.em.fork().transactional((tx) => keys.addVersion(tx, holder(accountId)))).version;
const rowsOf = (accountId: string) =>
  database.em.fork().find(AccountKeySchema, { accountId }, { orderBy: { version: 'asc' } });
const destroy = (accountId: string) =>
  database.em.fork().nativeUpdate(AccountKeySchema, { accountId }, { state: 'DESTROYED', wrapped: null });
const holder = (accountId: string): KeyHolder => ({ accountId, scope: '' });
const newAccount = (): string => `AC${randomBytes(8).toString('hex')}`;

describe('account keys', () => {
  it('are made on first use, wrapped at rest, and the same in another process', async () => {
    const accountId = newAccount();
    const first = await service().activeKey(holder(accountId));
    const again = await service().activeKey(holder(accountId));
    expect([first.accountId, first.version, first.key.symmetricKeySize]).toEqual([accountId, 1, 32]);
    expect(again.key.equals(first.key)).toBe(true);
    const [row] = await rowsOf(accountId);
    expect([row?.state, row?.kekId, row?.wrapped?.length]).toEqual(['ACTIVE', provider.id, 40]);
    expect(Buffer.from(row?.wrapped ?? '').includes(first.key.export())).toBe(false);
  });

  it('are one when many processes need the first at once', async () => {
    const accountId = newAccount();
    const keys = await Promise.all(Array.from({ length: 12 }, () => service().activeKey(holder(accountId))));
    expect(keys.every(({ key, version }) => version === 1 && key.equals(keys[0]!.key))).toBe(true);
    expect(await rowsOf(accountId)).toHaveLength(1);
  });

  it('differ between accounts', async () => {
    const [a, b] = [await service().activeKey(holder(newAccount())), await service().activeKey(holder(newAccount()))];
    expect(a.key.equals(b.key)).toBe(false);
  });

  it('rotate: new data gets the new version at once everywhere, old versions still decrypt', async () => {
    const accountId = newAccount();
    const [here, there] = [service(), service()];
    const first = await there.activeKey(holder(accountId));
    expect(await rotate(here, accountId)).toBe(2);
    const second = await there.activeKey(holder(accountId));
    expect([second.version, second.key.equals(first.key)]).toEqual([2, false]);
    expect((await there.keyVersion({ ...holder(accountId), version: 1 })).key.equals(first.key)).toBe(true);
    expect((await rowsOf(accountId)).map(({ state }) => state)).toEqual(['RETIRED', 'ACTIVE']);
  });

  it('get one version per rotation when rotations meet, also before first use', async () => {
    const accountId = newAccount();
    const versions = await Promise.all(Array.from({ length: 6 }, () => rotate(service(), accountId)));
    expect(versions.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await rowsOf(accountId)).filter(({ state }) => state === 'ACTIVE').map(({ version }) => version)).toEqual([
      6,
    ]);
  });

  it('are refused once destroyed, even to a process that has them unwrapped', async () => {
    const accountId = newAccount();
    const keys = service();
    await keys.activeKey(holder(accountId));
    await destroy(accountId);
    const refused = [
      () => keys.activeKey(holder(accountId)),
      () => keys.keyVersion({ ...holder(accountId), version: 1 }),
      () => rotate(keys, accountId),
    ];
    for (const call of refused) {
      await expect(call()).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
    }
    expect(await rowsOf(accountId)).toHaveLength(1);
  });

  it('that do not exist answer like an envelope that does not fit, and are not made by asking', async () => {
    const accountId = newAccount();
    await expect(service().keyVersion({ ...holder(accountId), version: 1 })).rejects.toMatchObject({
      code: 'DECRYPT_FAILED',
    });
    await expect(service().keyVersion({ ...holder('a\0b'), version: 1 })).rejects.toMatchObject({
      code: 'DECRYPT_FAILED',
    });
    expect(await rowsOf(accountId)).toEqual([]);
  });

  it('are unwrapped once per time to live, and again when others pushed them out', async () => {
    let now = Date.now();
    const keys = service({ ttlMs: 1_000, entriesMax: 2, clock: () => new Date(now) });
    const [a, b, c] = [newAccount(), newAccount(), newAccount()];
    const unwrapsOf = async (accountId: string): Promise<number> => {
      const before = unwraps;
      await keys.activeKey(holder(accountId));
      return unwraps - before;
    };
    expect([await unwrapsOf(a), await unwrapsOf(a), await unwrapsOf(b)]).toEqual([1, 0, 1]);
    expect([await unwrapsOf(a), await unwrapsOf(c), await unwrapsOf(a), await unwrapsOf(b)]).toEqual([0, 1, 0, 1]);
    now += 1_000;
    expect(await unwrapsOf(b)).toBe(1);
  });

  it('stay in memory for five minutes at most, whatever is asked for', async () => {
    let now = Date.now();
    const keys = service({ ttlMs: 3_600_000, clock: () => new Date(now) });
    const accountId = newAccount();
    await keys.activeKey(holder(accountId));
    now += 5 * 60_000;
    const before = unwraps;
    await keys.activeKey(holder(accountId));
    expect(unwraps - before).toBe(1);
  });

  it('wrapped by another provider are unavailable, not lost', async () => {
    const accountId = newAccount();
    await service().activeKey(holder(accountId));
    const other = await LocalKeyProvider.open(join(directory, 'other'));
    const keys = new AccountKeyService({ em: database.em, providers: new KeyProviders(other) });
    await expect(keys.activeKey(holder(accountId))).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
    expect(await rowsOf(accountId)).toHaveLength(1);
  });

  it('answer per account in bulk', async () => {
    const [fine, destroyed] = [newAccount(), newAccount()];
    await service().activeKey(holder(destroyed));
    await destroy(destroyed);
    const answers = await service().activeKeys([fine, destroyed, fine, ''].map(holder));
    const answerOf = (accountId: string) => answers.get(holderId(holder(accountId)));
    expect(answers.size).toBe(3);
    expect(answerOf(fine)).toMatchObject({ accountId: fine, version: 1 });
    expect(answerOf(destroyed)).toMatchObject({ code: 'KEY_DESTROYED' });
    expect(answerOf('')).toMatchObject({ code: 'VALUE_INVALID' });
  });
});

describe('protecting records', () => {
  const protecting = (): ProtectionService => {
    const keys = service();
    return new ProtectionService({ keys, tokenKeys: new TokenKeys({ keys }) });
  };
  const plain = { otherTypes: [], recurrences: [], plainAt: [] };
  const plan = compileProtection({
    entityFullName: 'Demo.Message',
    namespace: 'Demo',
    fields: [
      { path: 'account', nullable: false, semanticType: null, ...plain },
      { path: 'to', nullable: true, semanticType: 'phonenumber', ...plain },
      { path: 'mail', nullable: true, semanticType: 'email', ...plain },
    ],
    policies: [
      {
        scope: 'GLOBAL',
        scopeName: null,
        semanticType: 'phonenumber',
        classification: '',
        action: 'ENCRYPT',
        params: {},
      },
    ],
    types: new SemanticTypes(),
    tokenize: null,
    accountField: 'account',
    subjectField: null,
    strict: false,
  });

  it('encrypts each record under its own account and answers in order', async () => {
    const keys = service();
    const protection = new ProtectionService({ keys, tokenKeys: new TokenKeys({ keys }) });
    const [a, b] = [newAccount(), newAccount()];
    const records = Array.from({ length: 1_200 }, (_, index) => ({
      account: index % 2 === 0 ? a : b,
      to: `+1415555${index}`,
      mail: 'jdoe@x.com',
    }));
    const before = unwraps;
    const answers = await protection.protect(plan, records);
    expect(unwraps - before).toBe(2);
    for (const [index, answer] of answers.slice(0, 5).entries()) {
      if (!answer.ok) throw new Error(`record ${index} answers ${answer.code}`);
      expect(answer.record).toMatchObject({ account: records[index]?.account, mail: 'j***@x.com' });
      const envelope = String(answer.record.to);
      const { accountId, keyVersion } = readEnvelopeHeader(envelope);
      expect(accountId).toBe(records[index]?.account);
      const key = await keys.keyVersion({ ...holder(accountId), version: keyVersion });
      expect(openEnvelope({ ...key, keyVersion }, envelope)).toBe(records[index]?.to);
    }
    expect(answers).toHaveLength(1_200);
  });

  it('fails a record without an account, key or sealable value alone', async () => {
    const destroyed = newAccount();
    await service().activeKey(holder(destroyed));
    await destroy(destroyed);
    const account = newAccount();
    const answers = await protecting().protect(plan, [
      { to: '911' },
      { account: destroyed, to: '911' },
      { account, to: 'a\ud800' },
      'no record',
      { account, to: null },
    ]);
    expect(answers).toEqual([
      { ok: false, code: 'VALUE_INVALID', path: ['account'] },
      { ok: false, code: 'KEY_DESTROYED', path: ['account'] },
      { ok: false, code: 'VALUE_INVALID', path: ['to'] },
      { ok: false, code: 'VALUE_INVALID', path: ['account'] },
      { ok: true, record: { account, to: null }, unknownRemoved: 0, faultsRemoved: 0 },
    ]);
  });

  it('needs no account where the plan does not encrypt', async () => {
    const redacting = compileProtection({
      entityFullName: 'Demo.Message',
      namespace: 'Demo',
      fields: [{ path: 'to', nullable: true, semanticType: 'phonenumber', ...plain }],
      policies: [],
      types: new SemanticTypes(),
      tokenize: null,
      accountField: null,
      subjectField: null,
      strict: true,
    });
    const answers = await protecting().protect(redacting, [{ to: '911' }]);
    expect(answers).toEqual([{ ok: true, record: { to: 'XXX' }, unknownRemoved: 0, faultsRemoved: 0 }]);
  });
});
