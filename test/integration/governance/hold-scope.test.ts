import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GivenScope } from '../../../src/domain/governance/hold-scope.ts';
import { newId } from '../../../src/domain/id.ts';
import type { Gap } from '../../../src/domain/operations/target.ts';
import { GovernanceReadModel } from '../../../src/services/governance/governance.read-model.ts';
import { RetainedRecords } from '../../../src/services/operations/retained-records.ts';
import { tester } from '../../testkit/actor.ts';
import { deriveUnmapped, type OperationsLane, operationsLane, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
// Holds on places are everybody's.
afterEach(() =>
  lane.em.fork().execute(`update legal_hold set released_at = now(), released_by = 'x' where released_at is null`),
);
afterAll(() => lane?.close());

const hold = async (scope: GivenScope): Promise<string> =>
  (await lane.governance.placeLegalHold(tester, { matterId: 'M-1', reason: 'litigation', scope })).id;
const release = (id: string) => lane.governance.releaseLegalHold(tester, { id, reason: 'settled' });
const namesIn = async (holdId: string, filter: (isNamed: boolean) => boolean = () => true) => {
  const page = await new GovernanceReadModel({ em: lane.em }).heldPlaces([holdId], {});
  const found = page(holdId);
  expect(await found.totalCount()).toBe(found.items.length);
  return found.items.filter(({ isNamed }) => filter(isNamed)).map(({ name }) => name);
};
/** Says that a column of the dataset holds something of the kind. */
async function label(datasetId: string, classification: string): Promise<void> {
  const [em, id] = [lane.em.fork(), newId()];
  await em.execute('insert into dataset_field (id, dataset_id, path) values (?, ?, ?)', [id, datasetId, 'x']);
  await em.execute(
    'insert into dataset_field_label (field_id, classifications, set_by, set_at) values (?, array[?], ?, now())',
    [id, classification, 'ann'],
  );
}

describe('a legal hold on places', () => {
  it('keeps everybody there and nobody elsewhere, and lets go when it is released', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE', 'LAKE_TABLE']);
    const [held, free] = seed.places;
    const id = await hold({ datasetIds: [held?.datasetId ?? ''] });
    expect(await namesIn(id)).toEqual([held?.name]);
    const operation = await lane.user.erase(seed);
    expect(operation).toMatchObject({ status: 'PARTIAL' });
    expect(operation.statusReason).toContain('HOLD_ACTIVE');
    expect(lane.lake.callsOf('execute', held)).toEqual([]);
    expect(lane.lake.callsOf('execute', free)).toHaveLength(1);

    await release(id);
    expect(await namesIn(id)).toEqual([]);
    await lane.service.retryOperation(tester, { id: operation.id });
    await lane.user.approve(operation.id);
    expect((await lane.user.ended(operation.id)).status).toBe('COMPLETED');
    expect(lane.lake.callsOf('execute', held)).toHaveLength(1);
  });

  it('by label and lineage that comes between plan and work saves the copy, and what comes later', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE', 'LAKE_TABLE'], { chained: true });
    const [source, copy] = seed.places;
    const { id } = await lane.user.request(seed);
    await lane.user.reaches(id, 'PLANNED');
    const classification = `C${newId()}`;
    const holdId = await hold({ classifications: [classification], lineageDownstream: true });
    expect(await namesIn(holdId)).toEqual([]);
    await label(source?.datasetId ?? '', classification);
    expect(await namesIn(holdId, (isNamed) => isNamed)).toEqual([source?.name]);
    expect(await namesIn(holdId, (isNamed) => !isNamed)).toEqual([copy?.name]);

    await lane.user.approve(id);
    const ended = await lane.user.ended(id);
    expect(ended.status).toBe('PARTIAL');
    for (const place of seed.places)
      expect(lane.lake.callsOf('execute', place).map(({ selection }) => selection.act)).toEqual([[]]);
    const [certificate] = await lane.user.certificates(id);
    expect(certificate?.body.open.map(({ code, dataset }: Gap) => [code, dataset])).toEqual(
      expect.arrayContaining(seed.places.map(({ name }) => ['HOLD_ACTIVE', name])),
    );
    // A copy that is made of the copy later is held on arrival.
    const later = await deriveUnmapped(lane, copy ?? { name: '', datasetId: '' });
    expect(await namesIn(holdId, (isNamed) => !isNamed)).toContain(later.name);
  });

  it('narrows one part by another: an account in an entity’s places, and no one else’s records', async () => {
    const seed = await seedPlaces(lane);
    const other = await seedPlaces(lane);
    const free = `${seed.accountId}x`;
    await hold({ accountId: seed.accountId, entityIds: [seed.entityId], namespaces: ['test', 'elsewhere'] });
    const subjects = [{ accountId: seed.accountId }, { accountId: free }];
    const operation = await lane.user.erase(seed, { subjects });
    expect(operation.status).toBe('PARTIAL');
    expect(lane.lake.callsOf('execute', seed.places[0]).map(({ selection }) => selection.act)).toEqual([
      [{ accountId: free }],
    ]);
    expect((await lane.user.erase({ ...other, accountId: seed.accountId })).status).toBe('COMPLETED');
  });

  it('of persons keeps them as record by record, and tells so', async () => {
    const seed = await seedPlaces(lane);
    const persons = ['1', '2'].map((value) => ({ field: 'to', value }));
    await hold({ accountId: seed.accountId, subjects: persons, namespaces: ['test'] });
    const operation = await lane.user.erase(seed);
    expect(operation.status).toBe('PARTIAL');
    const [call] = lane.lake.callsOf('execute', seed.places[0]);
    expect(call?.selection.keep).toEqual(persons.map((subject) => ({ accountId: seed.accountId, subject })));
    expect((await lane.user.certificates(operation.id))[0]?.body.open).toMatchObject([{ code: 'HOLD_ACTIVE' }]);
  });

  it('in a namespace without anything yet holds what is made there', async () => {
    const namespace = `ns-${newId()}`;
    const id = await hold({ namespaces: [namespace] });
    const datasetId = newId();
    await lane.em
      .fork()
      .execute(`insert into dataset (id, namespace, name, created_at) values (?, ?, 'new', now())`, [
        datasetId,
        namespace,
      ]);
    expect(await namesIn(id)).toEqual(['new']);
  });

  it('keeps the keys of those alone of whom it keeps a record', async () => {
    const seed = await seedPlaces(lane);
    const holdId = await hold({ datasetIds: [seed.places[0]?.datasetId ?? ''] });
    const retained = new RetainedRecords({ registry: lane.registry, retains: lane.retains, executors: [lane.lake] });
    lane.lake.script(seed.places[0], { records: 3 });
    expect(await retained.of([{ accountId: 'AC1' }])).toMatchObject([{ code: 'HOLD_ACTIVE' }]);
    lane.lake.script(seed.places[0], { records: 0 });
    expect(await retained.of([{ accountId: 'AC1' }])).toEqual([null]);
    await release(holdId);
    lane.lake.script(seed.places[0], { records: 3 });
    expect(await retained.of([{ accountId: 'AC1' }])).toEqual([null]);
  });

  it.each<[string, GivenScope]>([
    ['nothing', {}],
    ['lineage of nothing', { lineageDownstream: true }],
    ['lineage of everything', { accountId: 'AC1', lineageDownstream: true }],
    ['persons of nobody', { subjects: [{ field: 'to', value: '1' }], namespaces: ['test'] }],
    ['no dataset', { datasetIds: [] }],
    ['a blank name', { classifications: [' '] }],
    ['too many', { namespaces: Array.from({ length: 1_001 }, (_, n) => String(n)) }],
  ])('that is about %s is refused', async (_, scope) => {
    await expect(hold(scope)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('that names a dataset which is not there is refused', async () => {
    await expect(hold({ datasetIds: ['none'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('that is confidential is told to nobody but who places holds', async () => {
    const scope = { accountId: `AC${newId()}` };
    const placed = { matterId: 'M-secret', reason: 'r', scope, confidential: true };
    const { id } = await lane.governance.placeLegalHold(tester, placed);
    const readModel = new GovernanceReadModel({ em: lane.em });
    expect((await readModel.legalHolds({}, scope, true)).items.map((one) => one.id)).toEqual([id]);
    expect((await readModel.legalHolds({}, scope, false)).items).toEqual([]);
    const [event] = await lane.em
      .fork()
      .execute<{ details: unknown }[]>('select details from audit_event where resource_id = ?', [id]);
    expect(JSON.stringify(event?.details)).not.toContain('M-secret');
  });
});
