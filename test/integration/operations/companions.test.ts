import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import { OperationService } from '../../../src/services/operations/operation.service.ts';
import type { ExecutionContext } from '../../../src/services/operations/ports.ts';
import { byRoles } from '../../testkit/access.ts';
import { tester } from '../../testkit/actor.ts';
import { type OperationsLane, operationsLane, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterAll(() => lane?.close());

const windowMs = 86_400_000;
/** As `lane.service`, in an installation where approved erasures wait for others. */
const gathering = () =>
  new OperationService({
    access: byRoles,
    em: lane.em,
    driver: lane.driver,
    placeLabels: lane.placeLabels,
    shred: { approvals: 1, coolOffMs: 0 },
    approvalByAnother: false,
    erasureWindowMs: windowMs,
  });
const planned = async (id: string) => ({ id, planHash: (await lane.user.reaches(id, 'PLANNED')).planHash ?? '' });

it('an erasure is told of all others that are due in its place, and of what they may act on at that moment', async () => {
  const seed = await seedPlaces(lane, ['LAKE_TABLE', 'LAKE_TABLE'], { chained: true });
  const [first, second] = seed.places;
  const request = (account: string) =>
    lane.user.request(seed, { subjects: [{ accountId: `${seed.accountId}${account}` }] });
  const [due, cancelled, unapproved, later] = await Promise.all(
    ['due', 'cancelled', 'unapproved', 'later'].map(request),
  );
  const ids = [due, cancelled, unapproved, later].map((operation) => operation?.id ?? '') as [
    string,
    string,
    string,
    string,
  ];
  await gathering().approveOperation(tester, await planned(ids[3]));
  await planned(ids[2]);
  const seen: { place: string; targets: readonly string[]; selections: readonly Selection[] }[] = [];
  const look = async ({ place, companions }: ExecutionContext): Promise<void> => {
    if (seen.some((one) => one.place === place.name)) return;
    if (place.name === first?.name) for (const id of ids.slice(0, 2)) await lane.user.approve(id);
    const others = (await companions?.()) ?? [];
    if (place.name === first?.name) await lane.service.cancelOperation(tester, { id: ids[1] });
    const selections = [];
    for (const other of others) selections.push(await other.selectionNow());
    seen.push({ place: place.name, targets: others.map(({ targetId }) => targetId), selections });
  };
  lane.lake.script(first, { during: look });
  lane.lake.script(second, { during: look });
  const operation = await lane.user.erase(seed);
  expect(operation.status).toBe('COMPLETED');
  await lane.user.reaches(ids[0], 'COMPLETED');
  const targetOf = async (id: string, place: string | undefined) =>
    (
      await lane.em
        .fork()
        .execute<{ id: string }[]>(
          'select t.id from operation_target t join dataset d on d.id = t.dataset_id where t.operation_id = ? and d.name = ?',
          [id, place],
        )
    )[0]?.id;
  // The other one had to do its first place before its second one.
  expect(seen.map(({ place, targets }) => [place, targets.length])).toEqual([
    [first?.name, 2],
    [second?.name, expect.any(Number)],
  ]);
  expect(seen[0]?.targets).toEqual([await targetOf(ids[0], first?.name), await targetOf(ids[1], first?.name)]);
  expect(seen[0]?.selections).toEqual([
    { act: [{ accountId: `${seed.accountId}due` }], keep: [], gaps: [] },
    { act: [], keep: [] },
  ]);
  await lane.user.reaches(ids[3], 'APPROVED');
  await lane.user.reaches(ids[2], 'PLANNED');
});

it('erasures that are approved within a window begin at its end together, and urgent ones at once', async () => {
  const seed = await seedPlaces(lane);
  const service = gathering();
  const approved = async (input: Parameters<typeof lane.user.request>[1] = {}) => {
    const { id } = await lane.user.request(seed, input);
    return service.approveOperation(tester, await planned(id));
  };
  const [one, other, urgent] = [await approved(), await approved({ dryRun: false }), await approved({ urgent: true })];
  expect(urgent).toMatchObject({ urgent: true, executeAfter: null });
  await lane.user.reaches(urgent.id, 'COMPLETED');
  for (const { approvedAt, executeAfter, urgent: isUrgent } of [one, other]) {
    expect(isUrgent).toBe(false);
    const [from, to] = [approvedAt?.getTime() ?? 0, executeAfter?.getTime() ?? 0];
    expect([to % windowMs, to > from, to - from <= windowMs]).toEqual([0, true, true]);
  }
  await lane.user.reaches(one.id, 'APPROVED');
});

it('an urgent erasure goes before one that is at work, and takes nobody along', async () => {
  const seed = await seedPlaces(lane);
  const [place] = seed.places;
  const urgent = await lane.user.request(seed, { urgent: true });
  const order: string[] = [];
  lane.lake.script(place, {
    during: async ({ operationId, companions, giveWay }) => {
      if (order.length === 0) await lane.user.approve(urgent.id);
      order.push(operationId);
      if (operationId === urgent.id) expect(await companions?.()).toEqual([]);
      await giveWay?.();
    },
  });
  const patient = await lane.user.erase(seed);
  expect(patient.status).toBe('COMPLETED');
  await lane.user.reaches(urgent.id, 'COMPLETED');
  expect(order).toEqual([patient.id, urgent.id, patient.id]);
});
