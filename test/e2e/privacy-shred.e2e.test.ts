import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, eventually, type TestApp, testApp } from '../testkit/app.ts';
import { destroyKeyVersion, shred } from '../testkit/erasure.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
});
afterAll(() => app?.stop());

const person = (value: string) => ({ field: 'user_id', value });
const seal = async (accountId: string, subject?: { field: string; value: string }): Promise<Data> =>
  (await app.post('/api/v1/crypto:seal', { accountId, value: 'canary', ...(subject === undefined ? {} : { subject }) }))
    .body;
const open = async (accountId: string, value: string): Promise<Data> =>
  (await app.post('/api/v1/crypto:open?purpose=test', { accountId, value })).body;
const hold = async (accountId: string, subject?: { field: string; value: string }): Promise<string> =>
  (
    await app.done(
      `mutation ($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } legalHold { id } } }`,
      { input: { matterId: 'M', reason: 'r', scope: { accountId, subject } } },
    )
  ).placeLegalHold.legalHold.id;

describe('destroying keys', () => {
  test('of a person forgets that person, and nobody else', async () => {
    const [ada, bob, own] = [await seal('AC1', person('ada')), await seal('AC1', person('bob')), await seal('AC1')];
    const operation = await shred(app, { subjects: [{ accountId: 'AC1', subject: person('ada') }], reason: 'asked' });
    expect(operation).toMatchObject({ status: 'COMPLETED', statusReason: null });
    expect(operation.targets.nodes).toMatchObject([
      { role: 'KEY_RING', status: 'VERIFIED', receipt: { recordsErased: 1 }, verification: { survivors: 0, lost: 0 } },
    ]);
    expect(await open('AC1', ada.value)).toMatchObject({ ok: false, code: 'KEY_DESTROYED' });
    expect(await open('AC1', bob.value)).toMatchObject({ ok: true, value: 'canary' });
    expect(await open('AC1', own.value)).toMatchObject({ ok: true, value: 'canary' });
    expect(await seal('AC1', person('ada'))).toMatchObject({ ok: false, code: 'KEY_DESTROYED' });
    const { body } = operation.certificate;
    expect(body).toMatchObject({ kind: 'SHRED', outcome: 'COMPLETED', totals: { recordsErased: 1, survivors: 0 } });
    expect(body.residues[0].reason).toContain('backups');
    expect(JSON.stringify(body)).not.toMatch(/"ada"|canary"/);
  });

  test('of an account takes all its versions, the keys of its persons, and those of persons who come later', async () => {
    const [first, ada] = [await seal('AC2'), await seal('AC2', person('ada'))];
    await app.done(`mutation { rotateAccountKey(input: { accountId: "AC2" }) { userErrors { code } } }`);
    const second = await seal('AC2');
    const operation = await shred(app, { subjects: [{ accountId: 'AC2' }] });
    expect(operation.targets.nodes[0].receipt.recordsErased).toBe(3);
    for (const { value } of [first, second, ada])
      expect(await open('AC2', value)).toMatchObject({ ok: false, code: 'KEY_DESTROYED' });
    expect(await seal('AC2')).toMatchObject({ ok: false, code: 'KEY_DESTROYED' });
    expect(await seal('AC2', person('new'))).toMatchObject({ ok: false, code: 'KEY_DESTROYED' });
  });

  test('of an account that never had one keeps it from getting one, and again is done at once', async () => {
    for (let time = 0; time < 2; time += 1) {
      const operation = await shred(app, { subjects: [{ accountId: 'AC3' }] });
      expect(operation).toMatchObject({ status: 'COMPLETED' });
    }
    expect(await seal('AC3')).toMatchObject({ ok: false, code: 'KEY_DESTROYED' });
  });

  test('is kept by a hold on the account, or on a person whose values the key encrypts', async () => {
    const [own, bob] = [await seal('AC4'), await seal('AC5')];
    await hold('AC4');
    expect(await shred(app, { subjects: [{ accountId: 'AC4' }] })).toMatchObject({ status: 'BLOCKED' });
    await hold('AC5', person('bob'));
    const operation = await shred(app, { subjects: [{ accountId: 'AC5' }] });
    expect(operation.status).not.toBe('COMPLETED');
    expect(JSON.stringify(operation)).toContain('HOLD_ACTIVE');
    for (const [account, { value }] of [
      ['AC4', own],
      ['AC5', bob],
    ] as const)
      expect(await open(account, value)).toMatchObject({ ok: true });
  });

  test('is kept by a hold that comes between plan and approval', async () => {
    const own = await seal('AC6');
    const operation = await shred(app, { subjects: [{ accountId: 'AC6' }] }, async () => {
      await hold('AC6');
    });
    expect(operation).toMatchObject({ status: 'PARTIAL' });
    expect(await open('AC6', own.value)).toMatchObject({ ok: true });
  });

  test('is done again after the database was restored from before', async () => {
    const own = await seal('AC7');
    const before = await app.em.fork().execute<Data[]>(`select * from account_key where account_id = 'AC7'`);
    await shred(app, { subjects: [{ accountId: 'AC7' }] });
    expect(await open('AC7', own.value)).toMatchObject({ code: 'KEY_DESTROYED' });
    await app.em
      .fork()
      .execute(
        `update account_key set state = 'ACTIVE', wrapped = ?, destroyed_at = null, destroyed_by = null where id = ?`,
        [before[0].wrapped, before[0].id],
      );
    await app.em.fork().execute('delete from shred_ledger_position');
    expect(await open('AC7', own.value)).toMatchObject({ ok: true });
    await app.restart();
    expect(await open('AC7', own.value)).toMatchObject({ code: 'KEY_DESTROYED' });
    expect(await seal('AC1', person('ada'))).toMatchObject({ code: 'KEY_DESTROYED' });
  });

  test('of one version leaves the others, also when the database is restored from before it rotated', async () => {
    const first = await seal('AC9');
    const [before] = await app.em.fork().execute<Data[]>(`select * from account_key where account_id = 'AC9'`);
    const refusal = `mutation ($input: DestroyKeyVersionInput!) { destroyKeyVersion(input: $input) { userErrors { code field } } }`;
    const input = { accountId: 'AC9', subject: null, keyVersion: 1 };
    expect(await app.refusals(refusal, { input })).toEqual([{ code: 'KEY_IN_USE', field: ['keyVersion'] }]);
    await app.done(`mutation { rotateAccountKey(input: { accountId: "AC9" }) { userErrors { code } } }`);
    const second = await seal('AC9');
    expect(await destroyKeyVersion(app, input)).toMatchObject({ status: 'COMPLETED', statusReason: null });
    expect(await open('AC9', first.value)).toMatchObject({ ok: false, code: 'KEY_DESTROYED' });
    expect(await open('AC9', second.value)).toMatchObject({ ok: true, value: 'canary' });
    const { accountKeys } = await app.done('{ accountKeys(accountId: "AC9") { nodes { keyVersion state } } }');
    expect(accountKeys.nodes).toEqual([
      { keyVersion: 2, state: 'ACTIVE' },
      { keyVersion: 1, state: 'DESTROYED' },
    ]);
    await app.em.fork().execute(`delete from account_key where account_id = 'AC9' and version = 2`);
    await app.em.fork().execute(
      `update account_key set state = 'ACTIVE', wrapped = ?, destroyed_at = null, destroyed_by = null, destroyed_singly = false
       where id = ?`,
      [before.wrapped, before.id],
    );
    await app.em.fork().execute('delete from shred_ledger_position');
    expect(await open('AC9', first.value)).toMatchObject({ ok: true });
    await app.restart();
    expect(await open('AC9', first.value)).toMatchObject({ ok: false, code: 'KEY_DESTROYED' });
    expect(await seal('AC9')).toMatchObject({ ok: true });
  });

  test('waits for as many actors as are set, and for the time to think, in which it can be cancelled', async () => {
    await app.restart({ SHRED_APPROVALS: '2', SHRED_COOL_OFF_MINUTES: '60' });
    const own = await seal('AC8');
    const { requestShred } = await app.done(
      `mutation { requestShred(input: { subjects: [{ accountId: "AC8" }] }) { userErrors { code } operation { id } } }`,
    );
    const { id } = requestShred.operation;
    const ask = async (): Promise<Data> =>
      (
        await app.done(
          `query ($id: ID!) { node(id: $id) { ... on Operation { status statusReason planHash approvedBy approvalsNeeded executeAfter } } }`,
          { id },
        )
      ).node;
    const { planHash } = await eventually(ask, ({ status }) => status === 'PLANNED');
    const approve = `mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code message } operation { status } } }`;
    expect((await app.done(approve, { input: { id, planHash } })).approveOperation.operation.status).toBe('PLANNED');
    expect(await ask()).toMatchObject({
      approvedBy: 'local',
      approvalsNeeded: 2,
      statusReason: expect.stringContaining('1 of 2'),
    });
    expect(await app.refusals(approve, { input: { id, planHash } })).toMatchObject([{ code: 'APPROVAL_REFUSED' }]);
    await app.em
      .fork()
      .execute(`insert into operation_approval select id, round, 'grace', now() from operation where plan_hash = ?`, [
        planHash,
      ]);
    await app.em.fork().execute(`delete from operation_approval where actor_id = 'local'`);
    expect((await app.done(approve, { input: { id, planHash } })).approveOperation.operation.status).toBe('APPROVED');
    const approved = await ask();
    expect(Date.parse(approved.executeAfter) - Date.now()).toBeGreaterThan(50 * 60_000);
    expect(approved.approvedBy).toBe('grace, local');
    expect(await open('AC8', own.value)).toMatchObject({ ok: true });
    await app.done(
      `mutation ($input: CancelOperationInput!) { cancelOperation(input: $input) { userErrors { code } operation { status } } }`,
      { input: { id } },
    );
    expect(await ask()).toMatchObject({ status: 'CANCELLED' });
    expect(await open('AC8', own.value)).toMatchObject({ ok: true });
  });
});
