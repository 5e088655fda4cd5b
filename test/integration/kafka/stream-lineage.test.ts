import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StreamStatus } from '../../../src/domain/kafka/stream-status.ts';
import type { CarriedField } from '../../../src/domain/lineage/stream-event.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';
import type { StreamFields } from '../../../src/services/kafka/stream-fields.ts';
import { StreamLineage } from '../../../src/services/kafka/stream-lineage.ts';
import { type GivenEvent, LineageIngestService } from '../../../src/services/lineage/lineage-ingest.service.ts';
import { quietLogger } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { uniqueName } from '../../testkit/kafka.ts';
import { kafkaNamespace, type SeededTopic, seedStream, seedTopic } from '../../testkit/topics.ts';

const same: readonly CarriedField[] = [
  { path: 'sid', type: 'string', becomes: 'SAME' },
  { path: 'to', type: 'string', becomes: 'SAME' },
];
const masking = same.map((field) => (field.path === 'to' ? { ...field, becomes: 'MASKED' as const } : field));

describe('what streams tell of their runs', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(() => db?.close());

  /** A stream, whose state and work tests say, with a database that fails when they say so. */
  async function stage() {
    const [from, to] = [await seedTopic(db.em, uniqueName('raw')), await seedTopic(db.em, uniqueName('clean'))];
    const id = await seedStream(db.em, { kind: 'PROTECTION', from, to: to.datasetId });
    const ingest = new LineageIngestService({ em: db.em });
    const world = {
      status: { id, state: 'RUNNING', processes: 1, since: new Date(), reason: null } as StreamStatus,
      fields: same,
      fault: null as 'BEFORE' | 'AFTER' | null,
      taken: 0,
    };
    const teller = () =>
      new StreamLineage({
        em: db.em,
        logger: quietLogger,
        activity: { statusOf: async () => new Map([[id, world.status]]) },
        fields: { of: async () => world.fields } as unknown as StreamFields,
        ingest: {
          take: async (given: readonly GivenEvent[]) => {
            world.taken += 1;
            const away = new LinewardError('DATABASE_UNAVAILABLE');
            if (world.fault === 'BEFORE') return [{ index: 0, error: away }];
            const refused = await ingest.take(given);
            if (world.fault === 'AFTER') throw away;
            return refused;
          },
        },
      });
    const events = async () => {
      const rows = await db.em
        .fork()
        .execute<{ body: string }[]>('select body from lineage_event where body like ? order by event_time, id', [
          `%lineward.protection.${id}%`,
        ]);
      return rows.map(({ body }) => JSON.parse(body));
    };
    const types = async () => (await events()).map(({ eventType }) => eventType);
    const set = (state: string) =>
      db.em.fork().execute('update stream set state = ?, state_since = now() where id = ?', [state, id]);
    return { id, from, to, world, teller, events, types, set };
  }
  const links = async (to: SeededTopic) =>
    db.em.fork().execute(
      `select s.path as source, t.path as target, subtype, masking, valid_to is null as now from column_edge e
       join dataset_field s on s.id = e.source_field_id join dataset_field t on t.id = e.target_field_id
       where e.dataset_id = ? order by t.path, valid_from`,
      [to.datasetId],
    );

  test('is a run from its start to its pause, with what becomes of each field', async () => {
    const { from, to, world, teller, events, types, set } = await stage();
    world.status = { ...world.status, processes: 0 };
    await teller().tell();
    expect(await types()).toEqual([]);
    world.status = { ...world.status, processes: 2 };
    await teller().tell();
    await teller().tell();
    expect(await types()).toEqual(['START']);
    expect(await links(to)).toMatchObject([
      { source: 'sid', target: 'sid', subtype: 'IDENTITY', masking: false },
      { source: 'to', target: 'to', subtype: 'IDENTITY', masking: false },
    ]);
    world.fields = masking;
    await teller().tell();
    expect(await types()).toEqual(['START', 'RUNNING']);
    expect(await links(to)).toEqual([
      { source: 'sid', target: 'sid', subtype: 'IDENTITY', masking: false, now: true },
      { source: 'to', target: 'to', subtype: 'IDENTITY', masking: false, now: false },
      { source: 'to', target: 'to', subtype: 'TRANSFORMATION', masking: true, now: true },
    ]);
    await set('PAUSED');
    world.status = { ...world.status, state: 'PAUSED' };
    await teller().tell();
    await set('RUNNING');
    world.status = { ...world.status, state: 'RUNNING' };
    await teller().tell();
    const told = await events();
    expect(told.map(({ eventType }) => eventType)).toEqual(['START', 'RUNNING', 'ABORT', 'START']);
    const runs = told.map(({ run }) => run.runId);
    expect(new Set(runs.slice(0, 3)).size).toBe(1);
    expect(runs[3]).not.toBe(runs[0]);
    const [source, target] = [told[0].inputs[0], told[0].outputs[0]];
    expect([source.namespace, target.namespace]).toEqual([kafkaNamespace, kafkaNamespace]);
    const edges = await db.em
      .fork()
      .execute('select job_namespace from lineage_edge where source_dataset_id = ? and target_dataset_id = ?', [
        from.datasetId,
        to.datasetId,
      ]);
    expect(edges).toEqual([{ job_namespace: 'lineward' }]);
  });

  test('is told once, also where a process is killed before or behind the telling, or two tell at once', async () => {
    const { id, world, teller, types } = await stage();
    for (const fault of ['BEFORE', 'AFTER'] as const) {
      world.fault = fault;
      await teller().tell();
    }
    world.fault = null;
    await Promise.all([teller().tell(), teller().tell(), teller().tell()]);
    expect(await types()).toEqual(['START']);
    expect(await db.em.fork().execute('select untold from stream_run where stream_id = ?', [id])).toEqual([
      { untold: null },
    ]);
    const taken = world.taken;
    await teller().tell();
    expect([world.taken, await types()]).toEqual([taken, ['START']]);
  });

  test('ends with the reason of a failure that stays, and goes on as another run', async () => {
    const { world, teller, events } = await stage();
    await teller().tell();
    const since = new Date(Date.now() - 30_000);
    world.status = { ...world.status, state: 'FAILED', reason: 'Kafka does not answer', since };
    await teller().tell();
    expect(await events()).toHaveLength(1);
    world.status = { ...world.status, since: new Date(Date.now() - 61_000) };
    await teller().tell();
    await teller().tell();
    world.status = { ...world.status, state: 'RUNNING', reason: null };
    await teller().tell();
    const told = await events();
    expect(told.map(({ eventType }) => eventType)).toEqual(['START', 'FAIL', 'START']);
    expect(told[1].run.facets.errorMessage.message).toBe('Kafka does not answer');
  });

  test('goes over into another run with the next generation of a topic, which is the same dataset', async () => {
    const { from, world, teller, events } = await stage();
    await teller().tell();
    const [{ name }] = await db.em
      .fork()
      .execute<[{ name: string }]>('select name from dataset where id = ?', [from.datasetId]);
    await db.em.fork().transactional(async (tx) => {
      await tx.execute('insert into topic_alias (dataset_id, namespace, name, created_at) values (?, ?, ?, now())', [
        from.datasetId,
        kafkaNamespace,
        name,
      ]);
      await tx.execute('update dataset set name = ? where id = ?', [`${name}.g1`, from.datasetId]);
    });
    await teller().tell();
    const told = await events();
    expect(told.map(({ eventType, inputs }) => [eventType, inputs[0].name])).toEqual([
      ['START', name],
      ['COMPLETE', name],
      ['START', `${name}.g1`],
    ]);
    expect(await db.em.fork().execute('select 1 from dataset where name in (?, ?)', [name, `${name}.g1`])).toHaveLength(
      1,
    );
    expect(world.taken).toBe(3);
  });

  test('says so again after a day, and a stream that cannot tell keeps nothing of the others back', async () => {
    const [broken, sound] = [await stage(), await stage()];
    const both = new StreamLineage({
      em: db.em,
      logger: quietLogger,
      activity: {
        statusOf: async () =>
          new Map([broken, sound].map(({ id, world }): [string, StreamStatus] => [id, world.status])),
      },
      fields: {
        of: async ({ entityId }: { entityId: string }) => {
          if (entityId === broken.from.entityId) throw new LinewardError('NOT_FOUND', 'the entity has no version');
          return same;
        },
      } as unknown as StreamFields,
      ingest: new LineageIngestService({ em: db.em }),
    });
    await both.tell();
    expect([await broken.types(), await sound.types()]).toEqual([[], ['START']]);
    const { id, teller, types } = sound;
    await db.em.fork().execute("update stream_run set said_at = now() - interval '25 hours' where stream_id = ?", [id]);
    await teller().tell();
    await teller().tell();
    expect(await types()).toEqual(['START', 'RUNNING']);
  });
});
