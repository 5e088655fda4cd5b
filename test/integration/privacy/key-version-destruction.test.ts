import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FileShredLedger } from '../../../src/adapters/keys/local/file-shred-ledger.ts';
import { LocalKeyProvider } from '../../../src/adapters/keys/local/local-key-provider.ts';
import { LocalNotary } from '../../../src/adapters/keys/local/local-notary.ts';
import type { Operation } from '../../../src/entities/operation.entity.ts';
import type { KeySelector } from '../../../src/services/privacy/key-holders.ts';
import { KeyRingExecutor } from '../../../src/services/privacy/key-ring.executor.ts';
import { KeyVersionDestruction } from '../../../src/services/privacy/key-version-destruction.ts';
import { KeyVersionUse } from '../../../src/services/privacy/key-version-use.ts';
import { replayShreds } from '../../../src/services/privacy/shred-replay.ts';
import type { UnencryptedPlaces } from '../../../src/services/privacy/unencrypted-places.ts';
import { RegistryReadModel } from '../../../src/services/registry/registry.read-model.ts';
import { SearchEntries } from '../../../src/services/registry/search-entries.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { FakeExecutor } from '../../testkit/fake-executor.ts';
import { keyParts, newAccount } from '../../testkit/keys.ts';
import { type OperationParts, operationParts } from '../../testkit/operation-parts.ts';
import { OperationsUser, seedPlaces } from '../../testkit/operations.ts';

const person = { field: 'to', value: '+14155552671' };
let db: TestDatabase;
let directory: string;
let parts: OperationParts;
let user: OperationsUser;
let kit: ReturnType<typeof keyParts>;
let ledger: FileShredLedger;
let destruction: KeyVersionDestruction;
const lake = new FakeExecutor('LAKE_TABLE', ['REWRAP']);

beforeAll(async () => {
  db = await testDatabase();
  directory = await mkdtemp(join(tmpdir(), 'lineward-versions-'));
  ledger = new FileShredLedger(join(directory, 'ledger.ndjson'));
  kit = keyParts({ em: db.em, provider: await LocalKeyProvider.open(join(directory, 'kek')) });
  const registry = new RegistryReadModel({ em: db.em, searchEntries: new SearchEntries({ em: db.em }) });
  const use = new KeyVersionUse({ em: db.em, registry, notary: await LocalNotary.open(directory) });
  const places = { residues: async () => [] } as unknown as UnencryptedPlaces;
  const retained = { of: async (selectors: readonly unknown[]) => selectors.map(() => null) };
  const keyRing = new KeyRingExecutor({
    em: db.em,
    keys: kit.keys,
    holders: kit.holders,
    ledger,
    places,
    use,
    retained,
  });
  parts = await operationParts({ em: db.em, url: db.url, keyDir: directory, executors: [lake, keyRing] });
  user = new OperationsUser(parts);
  const { requests } = parts;
  destruction = new KeyVersionDestruction({ em: db.em, holders: kit.holders, keyVersionUse: use, requests });
  await parts.start();
});
afterAll(async () => {
  await parts?.stop();
  await ledger?.close();
  await db?.close();
  await rm(directory, { recursive: true, force: true });
});

const run = (sql: string, values: readonly unknown[] = []) => db.em.fork().execute(sql, [...values]);
/** No place is mapped, and nothing was proven since a version of the test retired. */
beforeEach(async () => {
  await run('delete from mapping');
  await run(`update operation set created_at = created_at - interval '1 day'`);
});

const sealed = async ({ accountId, subject }: KeySelector): Promise<string> => {
  const item = { ref: null, accountId, value: 'canary', semanticType: '', suite: 1, padding: false } as const;
  const [answer] = await kit.crypto.seal(tester, [{ ...item, subject: subject ?? null }]);
  return answer?.ok === true ? String(answer.value) : (answer?.code ?? '');
};
const opened = async (accountId: string, value: string): Promise<unknown> => {
  const [answer] = await kit.crypto.open(tester, [{ ref: null, accountId, value }], 'test');
  return answer?.ok === true ? answer.value : answer?.code;
};
/** An account, or a person in it, with an envelope under version 1, which retired so many minutes ago. */
async function rotated(minutesAgo = 10, subject?: KeySelector['subject']) {
  const selector = { accountId: newAccount(), subject };
  const first = await sealed(selector);
  await kit.lifecycle.rotateAccountKey(tester, selector);
  await run(
    `update account_key set retired_at = now() - ? * interval '1 minute' where account_id = ? and state = 'RETIRED'`,
    [minutesAgo, selector.accountId],
  );
  return { ...selector, first, second: await sealed(selector) };
}
const destroy = (selector: KeySelector, keyVersion = 1, more = {}): Promise<Operation> =>
  destruction.destroyKeyVersion(tester, {
    ...{ accountId: selector.accountId, subject: selector.subject, keyVersion },
    ...more,
  });
async function carriedOut({ id }: Operation, beforeApproval = async () => {}): Promise<Operation> {
  await user.reaches(id, 'PLANNED');
  await beforeApproval();
  await user.approve(id);
  return user.ended(id);
}
const rewrap = async (input = {}) => carriedOut(await parts.requests.requestRewrap(tester, input));
async function statesOf({ accountId }: KeySelector): Promise<string[]> {
  const rows = await run('select state from account_key where account_id = ? order by version', [accountId]);
  return rows.map((row) => String(row.state));
}
const inUse = (reason: RegExp) => ({
  code: 'KEY_IN_USE',
  message: expect.stringMatching(reason),
  field: ['keyVersion'],
});

describe('a version of a key', () => {
  it('goes once all places are proven free of it, and opens nothing any more', async () => {
    const key = await rotated();
    const place = (await seedPlaces(db)).places[0]!;
    await expect(destroy(key)).rejects.toMatchObject(inUse(new RegExp(`${place.name} may hold .* version 1`)));
    const proof = await rewrap();
    expect(proof.status).toBe('COMPLETED');
    const later = (await seedPlaces(db)).places[0]!;
    await expect(destroy(key)).rejects.toMatchObject(
      inUse(new RegExp(`^${later.name} may .* ${proof.id} did not reach`)),
    );
    await run('delete from mapping where dataset_id = ?', [later.datasetId]);

    const done = await carriedOut(await destroy(key, 1, { reason: 'old' }));
    expect(done).toMatchObject({ kind: 'SHRED', status: 'COMPLETED', statusReason: null });
    expect(done.plan?.targets[0]?.estimate.manifest).toMatchObject([{ keyVersion: 1, provenBy: proof.id }]);
    const [certificate] = await user.certificates(done.id);
    expect(certificate?.body).toMatchObject({ outcome: 'COMPLETED', totals: { recordsErased: 1, survivors: 0 } });
    expect(certificate?.body.residues).toMatchObject([{ reason: expect.stringContaining('backups') }]);
    expect(await user.auditActions(done.id)).toEqual(
      expect.arrayContaining(['requestShred', 'approveOperation', 'certifyOperation']),
    );
    expect(await opened(key.accountId, key.first)).toBe('KEY_DESTROYED');
    expect(await opened(key.accountId, key.second)).toBe('canary');
    expect(await opened(key.accountId, await sealed(key))).toBe('canary');
    expect(await statesOf(key)).toEqual(['DESTROYED', 'ACTIVE']);
    await expect(destroy(key)).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
  });

  it('of a person goes alone, and where nothing is mapped nothing has to be proven', async () => {
    const key = await rotated(10, person);
    const own = await sealed({ accountId: key.accountId });
    expect(await carriedOut(await destroy(key))).toMatchObject({ status: 'COMPLETED' });
    expect(await opened(key.accountId, key.first)).toBe('KEY_DESTROYED');
    expect(await opened(key.accountId, key.second)).toBe('canary');
    expect(await opened(key.accountId, own)).toBe('canary');
  });

  it('that encrypts, will encrypt, or never was is refused', async () => {
    const key = await rotated();
    await kit.lifecycle.rotateAccountKey(tester, { accountId: key.accountId }, new Date(Date.now() + 3_600_000));
    await expect(destroy(key, 2)).rejects.toMatchObject(inUse(/version 2 is ACTIVE/));
    await expect(destroy(key, 3)).rejects.toMatchObject(inUse(/version 3 is PRE_ACTIVE/));
    for (const version of [0, -1, 4, 2 ** 31 - 1])
      await expect(destroy(key, version)).rejects.toMatchObject({ code: 'NOT_FOUND', field: ['keyVersion'] });
    await expect(destroy({ accountId: '' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(await statesOf(key)).toEqual(['RETIRED', 'ACTIVE', 'PRE_ACTIVE']);
  });

  it('is not proven free by work that was too early, partial, tried, of other accounts, or of some places', async () => {
    const [key, fresh] = [await rotated(), await rotated(1)];
    const { entityId, places } = await seedPlaces(db);
    await rewrap({ entityId });
    await rewrap({ datasetIds: [places[0]!.datasetId] });
    await rewrap({ accountIds: [newAccount()] });
    const tried = await parts.requests.requestRewrap(tester, { dryRun: true });
    await user.reaches(tried.id, 'PLANNED');
    lake.script(places[0], { survivors: 1 });
    expect(await rewrap()).toMatchObject({ status: 'PARTIAL' });
    await expect(destroy(key)).rejects.toMatchObject(inUse(/no REWRAP of all places/));
    lake.script(places[0], {});
    await rewrap({ accountIds: [key.accountId, fresh.accountId] });
    await expect(destroy(fresh)).rejects.toMatchObject(inUse(/no REWRAP of all places/));
    expect(await destroy(key)).toMatchObject({ status: 'REQUESTED' });
  });

  it('is kept by a hold on the account, and on a person whose values it encrypted', async () => {
    const [whole, narrow] = [await rotated(), await rotated()];
    const hold = (scope: KeySelector) => parts.governance.placeLegalHold(tester, { matterId: 'M', reason: 'r', scope });
    await hold({ accountId: whole.accountId });
    expect(await user.ended((await destroy(whole)).id)).toMatchObject({ status: 'BLOCKED' });
    const done = await carriedOut(await destroy(narrow), async () => {
      await hold({ accountId: narrow.accountId, subject: person });
    });
    expect(done).toMatchObject({ status: 'PARTIAL', statusReason: expect.stringContaining('HOLD_ACTIVE') });
    for (const { accountId, first } of [whole, narrow]) expect(await opened(accountId, first)).toBe('canary');
  });

  it('that is needed again since its plan is kept', async () => {
    const key = await rotated();
    const done = await carriedOut(await destroy(key), async () => {
      await seedPlaces(db);
    });
    expect(done).toMatchObject({ status: 'FAILED', statusReason: expect.stringContaining('KEY_IN_USE') });
    expect(await opened(key.accountId, key.first)).toBe('canary');
  });

  it('is asked for once under an idempotency key, also when it is gone', async () => {
    const key = await rotated();
    const again = () => destroy(key, 1, { idempotencyKey: `once-${key.accountId}` });
    const [one, other] = await Promise.all([again(), again()]);
    expect(other.id).toBe(one.id);
    await carriedOut(one);
    expect((await again()).id).toBe(one.id);
  });
});

describe('a database that was restored from before a version was destroyed', () => {
  /** Destroys version 1, brings the rows of the account to an earlier time, and replays the ledger as a start does. */
  async function restored(bringBack: (accountId: string, wrapped: unknown) => Promise<unknown>) {
    const key = await rotated();
    const [row] = await run('select wrapped from account_key where account_id = ? and version = 1', [key.accountId]);
    await carriedOut(await destroy(key));
    await bringBack(key.accountId, row?.wrapped);
    await run('delete from shred_ledger_position');
    return { ...key, replay: () => replayShreds(db.em, ledger) };
  }
  const live = (state: string) => (accountId: string, wrapped: unknown) =>
    run(
      `update account_key set state = ?, wrapped = ?, destroyed_at = null, destroyed_singly = false
       where account_id = ? and version = 1`,
      [state, wrapped, accountId],
    );
  const drop = (accountId: string, version: number) =>
    run('delete from account_key where account_id = ? and version >= ?', [accountId, version]);

  it('destroys it again, and the holder keeps its other versions', async () => {
    const key = await restored(live('RETIRED'));
    expect(await opened(key.accountId, key.first)).toBe('canary');
    const events = () => run(`select actor_id, details from audit_event where action = 'destroyKeysAgain'`);
    expect(await events()).toEqual([]);
    await key.replay();
    expect(await opened(key.accountId, key.first)).toBe('KEY_DESTROYED');
    expect(await opened(key.accountId, key.second)).toBe('canary');
    expect(await statesOf(key)).toEqual(['DESTROYED', 'ACTIVE']);
    // What had stayed destroyed is not told of.
    expect(await events()).toEqual([{ actor_id: 'system', details: { keys: 1 } }]);
  });

  it('lets the holder go on where the version was the newest, until the holder goes as a whole', async () => {
    const key = await restored(async (accountId, wrapped) => {
      await drop(accountId, 2);
      await live('ACTIVE')(accountId, wrapped);
    });
    expect(await opened(key.accountId, key.first)).toBe('canary');
    await key.replay();
    expect(await opened(key.accountId, key.first)).toBe('KEY_DESTROYED');
    expect(await opened(key.accountId, await sealed(key))).toBe('canary');
    expect(await statesOf(key)).toEqual(['DESTROYED', 'ACTIVE']);
    await drop(key.accountId, 2);
    const shred = await parts.requests.requestShred(tester, { subjects: [{ accountId: key.accountId }] });
    expect(await carriedOut(shred)).toMatchObject({ status: 'COMPLETED' });
    expect(await sealed(key)).toBe('KEY_DESTROYED');
  });

  it('never gives the number of the version again where it had not been made yet', async () => {
    const key = await restored((accountId) => drop(accountId, 1));
    await key.replay();
    expect(await opened(key.accountId, key.first)).toBe('KEY_DESTROYED');
    expect(await opened(key.accountId, await sealed(key))).toBe('canary');
    expect(await statesOf(key)).toEqual(['DESTROYED', 'ACTIVE']);
  });
});
