import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planHash } from '../../../src/domain/operations/plan.ts';
import { signatureHolds } from '../../../src/domain/signed-statement.ts';
import { OperationSubjectSchema } from '../../../src/entities/operation.entity.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import { OperationDriver } from '../../../src/services/operations/operation-driver.ts';
import { OperationRequestService } from '../../../src/services/operations/operation-request.service.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { deriveUnmapped, mapPlace, type OperationsLane, operationsLane, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterAll(() => lane?.close());

const subjectsOf = (operationId: string) => lane.em.fork().find(OperationSubjectSchema, { operationId });

describe('an erasure', () => {
  it('goes from request to a signed certificate that names what was done', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE', 'TOPIC']);
    const [table, topic] = seed.places;
    lane.lake.script(table, { records: 5 });
    lane.topic.script(topic, { records: 7 });
    const operation = await lane.user.erase(seed);
    expect(operation).toMatchObject({ status: 'COMPLETED', statusReason: null, approvedBy: tester.id });
    const targets = await lane.user.targets(operation);
    expect(targets.map(({ status, statusReason }) => [status, statusReason])).toEqual([
      ['VERIFIED', null],
      ['VERIFIED', null],
    ]);

    const [certificate, ...more] = await lane.user.certificates(operation.id);
    expect(more).toEqual([]);
    expect(signatureHolds(certificate!)).toBe(true);
    expect(certificate!.body).toMatchObject({
      operationId: operation.id,
      outcome: 'COMPLETED',
      planHash: planHash(operation.plan!),
      requestedBy: tester.id,
      approvedBy: tester.id,
      totals: { recordsErased: 12, filesRewritten: 2, survivors: 0, lost: 0 },
      open: [],
    });
    expect(certificate!.body.targets.map((one: { dataset: { name: string } }) => one.dataset.name).sort()).toEqual(
      [table?.name, topic?.name].sort(),
    );
    expect(certificate!.text).not.toContain(seed.accountId);
  });

  it('forgets whom it was about at its end, and is still found by the subject', async () => {
    const seed = await seedPlaces(lane);
    const subject = { accountId: seed.accountId, subject: { field: 'to', value: '+15005550006' } };
    const operation = await lane.user.erase(seed, { subjects: [subject] });
    expect(operation.status).toBe('COMPLETED');
    expect(await subjectsOf(operation.id)).toMatchObject([
      { accountId: null, subjectField: null, subjectValue: null, digest: lane.notary.digest(subject), held: false },
    ]);
    const found = await lane.read.operations({ first: 10 }, { subject });
    expect(found.items.map((item) => item.id)).toEqual([operation.id]);
    const other = await lane.read.operations({ first: 10 }, { subject: { accountId: seed.accountId } });
    expect(other.items).toEqual([]);
  });

  it('leaves an audit event for each step, without identifiers', async () => {
    const seed = await seedPlaces(lane);
    const operation = await lane.user.erase(seed);
    expect(await lane.user.auditActions(operation.id)).toEqual([
      'requestErasure',
      'planOperation',
      'approveOperation',
      'certifyOperation',
    ]);
    const stored = await lane.em.fork().execute('select * from audit_event where resource_id = ?', [operation.id]);
    expect(JSON.stringify(stored)).not.toContain(seed.accountId);
  });

  it.each(['update audit_event set actor_id = actor_id', 'delete from audit_event', 'truncate audit_event'])(
    'cannot be taken out of the audit log: %s',
    async (statement) => {
      await expect(lane.em.fork().execute(statement)).rejects.toThrow('audit events are never changed');
    },
  );

  it('without any place to look at completes with an empty certificate', async () => {
    const seed = await seedPlaces(lane, []);
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('COMPLETED');
    expect((await lane.user.certificates(operation.id))[0]?.body.targets).toEqual([]);
  });
});

describe('a plan', () => {
  it('has each dataset once, with the keys of all entities that share it', async () => {
    const [one, two] = [await seedPlaces(lane), await seedPlaces(lane, [])];
    const datasetId = one.places[0]!.datasetId;
    await mapPlace(lane, { entityId: two.entityId, datasetId, role: 'LAKE_TABLE', subjectFields: ['from', 'to'] });
    const { id } = await lane.requests.requestErasure(tester, {
      subjects: [{ accountId: one.accountId }],
      dryRun: true,
    });
    const { plan } = await lane.user.reaches(id, 'PLANNED');
    const target = plan?.targets.filter((candidate) => candidate.dataset.id === datasetId);
    expect(target?.map((candidate) => candidate.subjectFields)).toEqual([['to', 'from']]);
  });

  it('names a gap where entities of one dataset disagree on the account field', async () => {
    const [one, two] = [await seedPlaces(lane), await seedPlaces(lane, [])];
    const place = one.places[0]!;
    await mapPlace(lane, {
      entityId: two.entityId,
      datasetId: place.datasetId,
      role: 'LAKE_TABLE',
      accountField: 'owner',
    });
    const { id } = await lane.requests.requestErasure(tester, {
      subjects: [{ accountId: one.accountId }],
      dryRun: true,
    });
    const { plan } = await lane.user.reaches(id, 'PLANNED');
    expect(plan?.gaps).toContainEqual(expect.objectContaining({ code: 'MAPPING_CONFLICT', dataset: place.name }));
  });

  it.each([
    ['WAREHOUSE_TABLE', 'NO_EXECUTOR'],
    ['LAKE_TABLE', 'UNMAPPED_DERIVED'],
  ] as const)('of a %s names the gap %s, and the operation ends PARTIAL', async (role, code) => {
    const seed = await seedPlaces(lane, [role]);
    if (code === 'UNMAPPED_DERIVED') await deriveUnmapped(lane, seed.places[0]!);
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('PARTIAL');
    expect(operation.statusReason).toContain(code);
    expect(operation.plan?.gaps.map((gap) => gap.code)).toEqual([code]);
  });

  it('tells of a subject whose key field a place does not have', async () => {
    const seed = await seedPlaces(lane);
    const subjects = [{ accountId: seed.accountId, subject: { field: 'email', value: 'a@example.org' } }];
    const operation = await lane.user.erase(seed, { subjects });
    expect(operation.status).toBe('PARTIAL');
    expect(operation.statusReason).toContain('SUBJECT_KEY_MISSING');
    expect(lane.lake.callsOf('execute', seed.places[0])).toEqual([]);
  });

  it('that cannot be made ends the operation FAILED with the reason, and a retry plans anew', async () => {
    const seed = await seedPlaces(lane);

    lane.lake.script(seed.places[0], { planFailures: [new LinewardError('LAKE_TABLE_REFUSED', 'no such layout')] });
    const { id } = await lane.user.request(seed);
    const failed = await lane.user.ended(id);
    expect(failed).toMatchObject({ status: 'FAILED', statusReason: 'LAKE_TABLE_REFUSED: no such layout' });
    await lane.service.retryOperation(tester, { id });
    await lane.user.approve(id);
    expect(await lane.user.ended(id)).toMatchObject({ status: 'COMPLETED', round: 2 });
  });

  it('survives unforeseen faults until its last attempt', async () => {
    const seed = await seedPlaces(lane);
    lane.lake.script(seed.places[0], { planFailures: [new TypeError('first'), new TypeError('second')] });
    const { id } = await lane.user.request(seed);
    expect(await lane.user.reaches(id, 'PLANNED', 'FAILED')).toMatchObject({ status: 'PLANNED' });
  });
});

describe('a request', () => {
  it('with the key and input of an earlier one answers that operation', async () => {
    const seed = await seedPlaces(lane);
    const key = { idempotencyKey: `key-${seed.entityId}` };
    const first = await lane.user.request(seed, key);
    expect((await lane.user.request(seed, key)).id).toBe(first.id);
    await expect(lane.user.request(seed, { ...key, reason: 'another' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
    });
  });

  it('that comes 20 times at once makes one operation', async () => {
    const seed = await seedPlaces(lane);
    const key = { idempotencyKey: `key-${seed.entityId}` };
    const made = await Promise.all(Array.from({ length: 20 }, () => lane.user.request(seed, key)));
    expect(new Set(made.map((operation) => operation.id)).size).toBe(1);
    expect((await lane.user.auditActions(made[0]!.id)).filter((action) => action === 'requestErasure')).toHaveLength(1);
  });

  it('names each subject once', async () => {
    const seed = await seedPlaces(lane);
    const subjects = [{ accountId: seed.accountId }, { accountId: seed.accountId }];
    const { id } = await lane.user.request(seed, { subjects });
    expect(await subjectsOf(id)).toHaveLength(1);
  });

  it.each([
    ['no subject', { subjects: [] }, 'BAD_INPUT'],
    ['an empty account', { subjects: [{ accountId: ' ' }] }, 'BAD_INPUT'],
    ['a blank key', { idempotencyKey: ' ' }, 'BAD_INPUT'],
    ['a key that no index takes', { idempotencyKey: randomBytes(4_000).toString('hex') }, 'BAD_INPUT'],
    ['an endless reason', { reason: 'x'.repeat(4_001) }, 'BAD_INPUT'],
    ['an unknown entity', { entityId: 'none' }, 'NOT_FOUND'],
    ['too many', { subjects: Array.from({ length: 10_001 }, (_, n) => ({ accountId: `AC${n}` })) }, 'LIMIT_EXCEEDED'],
  ])('with %s is refused', async (_what, input, code) => {
    const seed = await seedPlaces(lane);
    await expect(lane.user.request(seed, input)).rejects.toMatchObject({ code });
  });

  it('is taken although the queue is away, and carried out when it is back', async () => {
    const away = async () => {
      throw new TypeError('the queue is away');
    };
    const driver = new OperationDriver({
      em: lane.em,
      logger: quietLogger,
      scheduler: { enqueue: away, stateOf: away },
    });
    const { em, notary } = lane;
    const service = new OperationRequestService({ em, driver, notary, shred: { approvals: 1 } });
    const seed = await seedPlaces(lane);
    const { id } = await service.requestErasure(tester, {
      subjects: [{ accountId: seed.accountId }],
      entityId: seed.entityId,
    });
    await lane.user.reaches(id, 'PLANNED');
  });
});

describe('an approval', () => {
  it('of another plan than the one there is changes nothing', async () => {
    const { id } = await lane.user.request(await seedPlaces(lane));
    await lane.user.reaches(id, 'PLANNED');
    const approval = lane.service.approveOperation(tester, { id, planHash: 'another' });
    await expect(approval).rejects.toMatchObject({ code: 'PLAN_CHANGED' });
    expect((await lane.user.reaches(id, 'PLANNED')).approvedBy).toBeNull();
  });

  it('comes once', async () => {
    const { id } = await lane.user.request(await seedPlaces(lane));
    const { planHash: hash } = await lane.user.approve(id);
    const again = lane.service.approveOperation(tester, { id, planHash: hash ?? '' });
    await expect(again).rejects.toMatchObject({ code: 'OPERATION_STATE' });
  });

  it('of a dry run is refused: it stops at its plan', async () => {
    const seed = await seedPlaces(lane);
    const { id } = await lane.user.request(seed, { dryRun: true });
    await expect(lane.user.approve(id)).rejects.toMatchObject({ code: 'OPERATION_STATE' });
    expect(lane.lake.callsOf('execute', seed.places[0])).toEqual([]);
  });
});

describe('an operation that has ended', () => {
  it('can be neither cancelled nor, when all is done, retried', async () => {
    const { id } = await lane.user.erase(await seedPlaces(lane));
    const refused = { code: 'OPERATION_STATE' };
    await expect(lane.service.cancelOperation(tester, { id })).rejects.toMatchObject(refused);
    await expect(lane.service.retryOperation(tester, { id })).rejects.toMatchObject(refused);
    expect(await lane.user.auditActions(id)).not.toContain('cancelOperation');
  });

  it('by cancelling forgets whom it was about, and stays cancelled', async () => {
    const seed = await seedPlaces(lane);
    const { id } = await lane.user.request(seed);
    await lane.user.reaches(id, 'PLANNED');
    await lane.service.cancelOperation(tester, { id, reason: 'a mistake' });
    expect(await lane.user.ended(id)).toMatchObject({ status: 'CANCELLED', statusReason: 'a mistake' });
    expect(await subjectsOf(id)).toMatchObject([{ accountId: null }]);
    await expect(lane.service.retryOperation(tester, { id })).rejects.toMatchObject({ code: 'OPERATION_STATE' });
    expect(await lane.user.auditActions(id)).toContain('cancelOperation');
  });
});
