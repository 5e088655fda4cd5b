import type { Pool, PoolClient } from 'pg';
import { expect, test } from 'vitest';
import { shareOut } from '../../../src/adapters/postgres/answer-shares.ts';

/** A pool whose connections all come at once, and one that gives none. */
function poolOf({ isAway = false } = {}) {
  const state = { out: 0, asker: 'ann' as string | null, isAway };
  const pool = {
    async connect() {
      if (state.isAway) throw new Error('away');
      state.out += 1;
      return {
        release() {
          state.out -= 1;
        },
      };
    },
  } as unknown as Pool;
  shareOut(pool, { most: 2, timeoutMs: 40, asker: () => state.asker });
  return { pool, state };
}

test('one has at most their share, in the order in which they asked; others have theirs', async () => {
  const { pool, state } = poolOf();
  const [first] = [await pool.connect(), await pool.connect()];
  const order: string[] = [];
  const third = pool.connect().then(() => order.push('third'));
  const fourth = pool.connect().then(
    () => order.push('fourth'),
    (error: Error) => order.push(error.message),
  );
  state.asker = 'bob';
  await pool.connect();
  expect([state.out, order]).toEqual([3, []]);
  first?.release();
  await third;
  expect([state.out, order]).toEqual([3, ['third']]);
  await fourth;
  expect(order[1]).toContain('all connections that one actor has');
});

test('who is not known has no share', async () => {
  const { pool, state } = poolOf();
  state.asker = null;
  for (let count = 0; count < 5; count += 1) await pool.connect();
  expect(state.out).toBe(5);
});

test('a connection that does not come is given back', async () => {
  const { pool, state } = poolOf({ isAway: true });
  for (let count = 0; count < 5; count += 1) await expect(pool.connect()).rejects.toThrow('away');
  state.isAway = false;
  await Promise.all([pool.connect(), pool.connect()]);
  expect(state.out).toBe(2);
});

test('callers with a callback are served alike, as the pool itself is', async () => {
  const { pool, state } = poolOf();
  const connected = () =>
    new Promise<{ client: PoolClient | undefined; done: (reason?: unknown) => void }>((resolve, reject) => {
      pool.connect((error, client, done) => (error === undefined ? resolve({ client, done }) : reject(error)));
    });
  const [one] = [await connected(), await connected()];
  await expect(connected()).rejects.toMatchObject({ code: 'TIMEOUT' });
  one?.done();
  await connected();
  expect(state.out).toBe(2);
});
