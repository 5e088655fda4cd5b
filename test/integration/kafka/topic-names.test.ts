import { afterAll, beforeAll, expect, test } from 'vitest';
import { TopicNames, topicLock, topicLockSql } from '../../../src/services/kafka/topic-names.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { uniqueName, until } from '../../testkit/kafka.ts';
import { kafkaNamespace, seedTopic } from '../../testkit/topics.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());

const locks = async (): Promise<number> => {
  const [row] = await db.em.fork().execute<{ count: number }[]>(
    `select count(*)::int as count from pg_locks l join pg_database d on d.oid = l.database
       where l.locktype = 'advisory' and d.datname = current_database()`,
  );
  return row?.count ?? 0;
};

test('writers one after the other share a lock, which a switch gets soon, and they go on under the next name', async () => {
  const name = uniqueName('written');
  const { datasetId } = await seedTopic(db.em, name);
  const names = new TopicNames({ em: db.em });
  const topic = await names.find({ namespace: kafkaNamespace, name });
  if (topic === null) throw new Error('no topic');
  const write = () => names.writing(topic, async (current) => ({ current, locks: await locks() }));
  expect([await write(), await write(), await write()]).toEqual(Array(3).fill({ current: name, locks: 1 }));
  await db.em.fork().transactional(async (tx) => {
    await tx.execute(topicLockSql.alone, [topicLock(datasetId)]);
    await tx.execute('update dataset set name = ? where id = ?', [`${name}.g2`, datasetId]);
  });
  expect(await write()).toEqual({ current: `${name}.g2`, locks: 1 });
  await until(async () => (await locks()) === 0);
});

test('writers to many topics leave the pool to others: few of their locks wait for the next writer', async () => {
  const written = Array.from({ length: 30 }, () => uniqueName('written'));
  const topics = await Promise.all(
    written.map(async (name) => ({ datasetId: (await seedTopic(db.em, name)).datasetId, name })),
  );
  const names = new TopicNames({ em: db.em });
  let most = 0;
  for (const topic of topics) {
    await names.writing(topic, async () => undefined);
    most = Math.max(most, await locks());
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(8);
  await until(async () => (await locks()) === 0);
});

test('a lock that cannot be got fails those who wait for it, and nobody after them', async () => {
  const name = uniqueName('written');
  const topic = { datasetId: (await seedTopic(db.em, name)).datasetId, name };
  let isDown = true;
  const transactional = async () => Promise.reject(new Error('no connection'));
  const names = new TopicNames({
    em: { fork: () => (isDown ? { transactional } : db.em.fork()) } as unknown as typeof db.em,
  });
  const write = () => names.writing(topic, async (current) => current);
  expect((await Promise.allSettled([write(), write()])).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  isDown = false;
  expect(await write()).toBe(name);
});
