import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GivenScope } from '../../../src/domain/governance/hold-scope.ts';
import { newId } from '../../../src/domain/id.ts';
import { ScopedMinimumService } from '../../../src/services/governance/scoped-minimum.service.ts';
import { DatasetFieldReadModel } from '../../../src/services/lineage/dataset-field.read-model.ts';
import { FieldLabelService } from '../../../src/services/lineage/field-label.service.ts';
import { SemanticTypeReadModel } from '../../../src/services/privacy/semantic-type.read-model.ts';
import { MappingService } from '../../../src/services/registry/mapping.service.ts';
import { byRoles } from '../../testkit/access.ts';
import { tester } from '../../testkit/actor.ts';
import { type OperationsLane, operationsLane, type Seed, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterEach(async () => {
  const em = lane.em.fork();
  await em.execute(`update legal_hold set released_at = now(), released_by = 'x' where released_at is null`);
  await em.execute('delete from minimum_retention');
});
afterAll(() => lane?.close());

const hold = (scope: GivenScope) =>
  lane.governance.placeLegalHold(tester, { matterId: 'M-1', reason: 'litigation', scope });
const minimum = (scope: GivenScope, mode: 'COMPLIANCE' | 'GOVERNANCE') =>
  new ScopedMinimumService({ em: lane.em, access: byRoles, now: () => new Date() }).set(tester, {
    ...{ name: `N${newId()}`, days: 9, mode, validUntil: null, bypassReason: null, scope },
  });
const unmap = ({ entityId, places }: Seed) =>
  new MappingService({ em: lane.em }).unmapEntity(tester, { entityId, namespace: 'test', name: places[0]?.name ?? '' });
const label = (datasetId: string, classifications: readonly string[]) =>
  new FieldLabelService({
    em: lane.em,
    semanticTypes: new SemanticTypeReadModel({ em: lane.em }),
    datasetFields: new DatasetFieldReadModel({ em: lane.em }),
  }).labelField(tester, { datasetId, path: 'x', classifications });

describe('what a scope names by a mapping or a label', () => {
  it('is not unmapped from under a hold on the entity, and is when the hold is released', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE']);
    const { id } = await hold({ entityIds: [seed.entityId] });
    await expect(unmap(seed)).rejects.toMatchObject({ code: 'HOLD_ACTIVE', message: expect.stringMatching(/^id: /) });
    await lane.governance.releaseLegalHold(tester, { id, reason: 'settled' });
    await unmap(seed);
  });

  it('is unmapped where the hold names the place otherwise, or another one', async () => {
    const [seed, other] = [await seedPlaces(lane, ['LAKE_TABLE']), await seedPlaces(lane, ['LAKE_TABLE'])];
    await hold({ datasetIds: [seed.places[0]?.datasetId ?? ''] });
    await hold({ entityIds: [other.entityId] });
    await unmap(seed);
  });

  it('is not unmapped from under a minimum in compliance mode, and is under one in governance mode', async () => {
    const [hard, soft] = [await seedPlaces(lane, ['LAKE_TABLE']), await seedPlaces(lane, ['LAKE_TABLE'])];
    await minimum({ entityIds: [hard.entityId] }, 'COMPLIANCE');
    await minimum({ entityIds: [soft.entityId] }, 'GOVERNANCE');
    await expect(unmap(hard)).rejects.toMatchObject({ code: 'RETENTION_LOCKED' });
    await unmap(soft);
  });

  it('keeps the label, with all downstream of it; more labels may come', async () => {
    const [{ places }, copy] = [await seedPlaces(lane, ['LAKE_TABLE']), await seedPlaces(lane, ['LAKE_TABLE'])];
    const datasetId = places[0]?.datasetId ?? '';
    const em = lane.em.fork();
    await em.execute(`insert into dataset_field (id, dataset_id, path) values (?, ?, 'x')`, [newId(), datasetId]);
    await em.execute(
      `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from) values (?, ?, ?, 'copy', now())`,
      [newId(), datasetId, copy.places[0]?.datasetId ?? ''],
    );
    const [wanted, more] = ['A', 'B'].map((letter) => `${letter}${newId().replaceAll('-', '').toUpperCase()}`);
    await label(datasetId, [wanted ?? '']);
    await hold({ classifications: [wanted ?? ''], lineageDownstream: true });
    await expect(label(datasetId, [])).rejects.toMatchObject({
      code: 'HOLD_ACTIVE',
      message: expect.stringMatching(/^classifications: /),
    });
    await label(datasetId, [wanted ?? '', more ?? '']);
    const labels = await em.execute<{ classifications: string[] }[]>(
      `select classifications from dataset_field_label l join dataset_field f on f.id = l.field_id where f.dataset_id = ?`,
      [datasetId],
    );
    expect(labels[0]?.classifications).toEqual([wanted, more]);
  });
});
