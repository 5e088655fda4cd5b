import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../../src/domain/id.ts';
import { AssociationService } from '../../../src/services/registry/association.service.ts';
import { MappingService } from '../../../src/services/registry/mapping.service.ts';
import { tester } from '../../testkit/actor.ts';
import { mapPlace, type OperationsLane, operationsLane, type Seed, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
let mappings: MappingService;
beforeAll(async () => {
  lane = await operationsLane();
  mappings = new MappingService({ em: lane.em });
});
afterAll(() => lane?.close());

const nameOf = ({ entityId, places }: Seed, index: number) => ({
  entityId,
  namespace: 'test',
  name: places[index]?.name ?? '',
});
const gapsOf = async (seed: Seed) => {
  const { id } = await lane.user.request(seed);
  return (await lane.user.reaches(id, 'PLANNED')).plan;
};

describe('a removed mapping', () => {
  it('is no target any more, and a gap where lineage still leads to its dataset', async () => {
    const seed = await seedPlaces(lane, ['TOPIC', 'LAKE_TABLE'], { chained: true });
    await mappings.unmapEntity(tester, nameOf(seed, 1));
    const plan = await gapsOf(seed);
    expect(plan?.targets.map(({ dataset }) => dataset.name)).toEqual([seed.places[0]?.name]);
    expect(plan?.gaps).toMatchObject([{ code: 'UNMAPPED_DERIVED', dataset: seed.places[1]?.name }]);
  });

  it('is refused while an operation that has not ended has the dataset as a target, and not after', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE']);
    const { id } = await lane.user.request(seed);
    await lane.user.reaches(id, 'PLANNED');
    await expect(mappings.unmapEntity(tester, nameOf(seed, 0))).rejects.toMatchObject({ code: 'MAPPING_IN_USE' });
    await lane.user.approve(id);
    await lane.user.ended(id);
    await mappings.unmapEntity(tester, nameOf(seed, 0));
    await expect(mappings.unmapEntity(tester, nameOf(seed, 0))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it.each(['source', 'target'])('is refused while a stream has the dataset as its %s', async (end) => {
    const seed = await seedPlaces(lane, ['TOPIC', 'TOPIC']);
    const [source, target] = seed.places.map((place) => place.datasetId);
    await lane.em.fork().execute(
      `insert into stream (id, kind, entity_id, source_dataset_id, target_dataset_id, state, state_since, created_at)
       values (?, 'PROTECTION', ?, ?, ?, 'PAUSED', now(), now())`,
      [newId(), seed.entityId, source, target],
    );
    const removal = mappings.unmapEntity(tester, nameOf(seed, end === 'source' ? 0 : 1));
    await expect(removal).rejects.toMatchObject({ code: 'MAPPING_IN_USE', message: expect.stringContaining('stream') });
  });
});

/** A subject of the seeded entity, associated with a topic. */
async function associate({ entityId }: Seed, topic: string): Promise<string> {
  const em = lane.em.fork();
  const subject = `${topic}-value`;
  const [{ id } = { id: 0 }] = await em.execute<{ id: number }[]>(
    `insert into schema (context, id, guid, format, text, identity, text_identity)
     select '.', 1 + coalesce(max(id), 0), ?, 'AVRO', '{}', ?, ? from schema returning id`,
    [topic, topic, topic],
  );
  await em.execute(`insert into registry_subject (context, name) values ('.', ?)`, [subject]);
  await em.execute(`insert into subject_version (context, subject, version, schema_id) values ('.', ?, 1, ?)`, [
    subject,
    id,
  ]);
  await em.execute(
    `insert into entity_version (id, entity_id, number, schema_id, document, label, fingerprint, created_by, created_at)
     values (?, ?, 1, ?, '{}', '1', ?, 'test', now())`,
    [newId(), entityId, id, topic],
  );
  const resource = { id: topic, namespace: 'lkc', name: topic, type: 'topic' };
  const wanted = {
    associationType: 'value',
    lifecycle: null,
    frozen: null,
    schema: null,
    normalize: false,
    subject,
  } as const;
  await new AssociationService({ em: lane.em }).put(
    tester,
    { resource, subject: { context: '.', name: subject } },
    wanted,
    { mayChange: false, dryRun: false },
  );
  return subject;
}

describe('an associated topic', () => {
  it('that no mapping of the entity names is a gap of its plans, until the entity is mapped to it', async () => {
    const seed = await seedPlaces(lane, ['LAKE_TABLE']);
    const topic = `associated-${newId()}`;
    const subject = await associate(seed, topic);
    const plan = await gapsOf(seed);
    expect(plan?.gaps).toMatchObject([{ code: 'ASSOCIATED_UNMAPPED', dataset: topic }]);
    expect(plan?.gaps[0]?.reason).toContain(subject);
    const other = await seedPlaces(lane, ['LAKE_TABLE']);
    expect((await gapsOf(other))?.gaps).toEqual([]);

    const datasetId = newId();
    await lane.em
      .fork()
      .execute(`insert into dataset (id, namespace, name, created_at) values (?, 'kafka://b:9092', ?, now())`, [
        datasetId,
        topic,
      ]);
    await mapPlace(lane, { entityId: seed.entityId, role: 'TOPIC', datasetId });
    expect((await gapsOf(seed))?.gaps).toEqual([]);
  });
});
