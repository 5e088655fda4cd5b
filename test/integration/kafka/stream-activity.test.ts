import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StreamReport } from '../../../src/domain/kafka/stream-report.ts';
import { StreamActivity } from '../../../src/services/kafka/stream-activity.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { uniqueName } from '../../testkit/kafka.ts';
import { seedStream, seedTopic } from '../../testkit/topics.ts';

describe('what processes tell of a stream', () => {
  let db: TestDatabase;
  let activity: StreamActivity;
  beforeAll(async () => {
    db = await testDatabase();
    activity = new StreamActivity({ em: db.em });
  });
  afterAll(() => db?.close());

  async function stream(): Promise<string> {
    const [from, to] = [await seedTopic(db.em, uniqueName('a')), await seedTopic(db.em, uniqueName('b'))];
    return seedStream(db.em, { kind: 'PROTECTION', from, to: to.datasetId });
  }
  const report = (streamId: string, passed: number, fault: StreamReport['fault'] = null): StreamReport => ({
    streamId,
    fault,
    work: { passed, setAside: passed / 10, bytes: passed * 100 },
  });
  const statusOf = async (id: string) => (await activity.statusOf([id])).get(id);
  const sql = (text: string, values: readonly unknown[]) => db.em.fork().execute(text, [...values]);

  test('is summed up, and a process that was killed counts for the minute in which it worked, but runs it no more', async () => {
    const id = await stream();
    expect(await statusOf(id)).toMatchObject({ state: 'RUNNING', processes: 0, recordsPerSecond: 0, passed: 0 });
    await Promise.all([activity.tell('one', [report(id, 300)]), activity.tell('two', [report(id, 600)])]);
    await activity.tell('one', [report(id, 300)]);
    const sum = { passed: 1_200, setAside: 120, recordsPerSecond: 22, bytesPerSecond: 2_000 };
    expect(await statusOf(id)).toMatchObject({ ...sum, processes: 2 });
    await sql("update stream_process set told_at = now() - interval '11 seconds' where process_id = 'two'", []);
    expect(await statusOf(id)).toMatchObject({ ...sum, processes: 1 });
    await activity.leave('one', [id]);
    expect(await statusOf(id)).toMatchObject({ ...sum, processes: 0 });
    await sql("update stream_activity set slot = slot - interval '70 seconds' where stream_id = ?", [id]);
    expect(await statusOf(id)).toMatchObject({ passed: 1_200, recordsPerSecond: 0 });
    await sql("update stream_activity set slot = slot - interval '70 seconds' where stream_id = ?", [id]);
    await activity.tell('one', [report(id, 0)]);
    expect(await sql('select 1 from stream_activity where stream_id = ?', [id])).toEqual([]);
  });

  test('fails for the reason that stands longest, until no living process tells one, and not while it is paused', async () => {
    const id = await stream();
    const [early, late] = [new Date('2026-01-01'), new Date('2026-01-02')];
    await activity.tell('one', [report(id, 0, { reason: 'the newer', since: late })]);
    await activity.tell('two', [report(id, 0, { reason: 'the older', since: early })]);
    expect(await statusOf(id)).toMatchObject({ state: 'FAILED', reason: 'the older', since: early });
    await activity.tell('two', [report(id, 0)]);
    expect(await statusOf(id)).toMatchObject({ state: 'FAILED', reason: 'the newer', since: late });
    await sql("update stream set state = 'PAUSED' where id = ?", [id]);
    expect(await statusOf(id)).toMatchObject({ state: 'PAUSED', reason: null, processes: 2 });
    await sql("update stream set state = 'RUNNING' where id = ?", [id]);
    await activity.leave('one', [id]);
    expect(await statusOf(id)).toMatchObject({ state: 'RUNNING', reason: null });
  });

  test('of a stream that is gone is not written, and nothing is when there is nothing', async () => {
    const id = await stream();
    await activity.tell('one', [report('gone', 10), report(id, 10)]);
    await activity.tell('one', []);
    expect([await statusOf('gone'), (await statusOf(id))?.passed]).toEqual([undefined, 10]);
  });
});
