import fc from 'fast-check';
import { Pool, type PoolClient } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { EdgeGraph } from '../../../src/domain/lineage/edge-graph.ts';
import { LineageGraphs } from '../../../src/services/lineage/lineage-graphs.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { forgetLineage } from '../../testkit/lineage.ts';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await testDatabase();
  pool = new Pool({ connectionString: database.url });
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});

const size = 6;
beforeEach(async () => {
  await forgetLineage(database.em);
  await pool.query(`insert into dataset (id, namespace, name, created_at)
    select 'd' || n, 'n', 'd' || n, now() from generate_series(0, ${size - 1}) n`);
  await pool.query(`insert into dataset_field (id, dataset_id, path) select id, id, 'x' from dataset`);
  await pool.query(`insert into lineage_job (id, namespace, name) values ('j', 'n', 'j')`);
});

/** All edges, in one order. */
function edgesIn({ edges }: EdgeGraph): unknown[] {
  return [...edges.ids]
    .map((id, row) => [id, edges.sources[row], edges.targets[row], edges.flags[row], edges.from[row], edges.to[row]])
    .map(String)
    .sort();
}
/** What one that has followed knows is what one that has just come reads. */
async function expectExact(followers: readonly LineageGraphs[]): Promise<void> {
  const fresh = new LineageGraphs(database);
  const [datasets, columns] = [edgesIn(await fresh.datasets()), edgesIn(await fresh.columns())];
  for (const follower of followers) {
    expect(edgesIn(await follower.datasets())).toEqual(datasets);
    expect(edgesIn(await follower.columns())).toEqual(columns);
  }
}

const nodeId = fc.nat({ max: size - 1 }).map((n) => `d${n}`);
const statement = fc.oneof(
  fc.tuple(nodeId, nodeId).map(([from, to]) => ({
    sql: `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job_namespace, job, valid_from)
      values (gen_random_uuid()::text, $1, $2, 'n', gen_random_uuid()::text, now())`,
    values: [from, to],
  })),
  fc.tuple(nodeId, nodeId, fc.boolean(), fc.boolean()).map(([from, to, masking, indirect]) => ({
    sql: `insert into column_edge (source_field_id, target_field_id, dataset_id, stated_by, kind, subtype, masking, valid_from)
      values ($1, $2, $2, 'j', $3, '', $4, now())`,
    values: [from, to, indirect ? 'INDIRECT' : 'DIRECT', masking],
  })),
  nodeId.map((from) => ({ sql: 'delete from column_edge where source_field_id = $1', values: [from] })),
  nodeId.map((from) => ({ sql: 'delete from lineage_edge where source_dataset_id = $1', values: [from] })),
  nodeId.map((to) => ({
    sql: `update column_edge set valid_to = clock_timestamp() + interval '1 hour' where target_field_id = $1`,
    values: [to],
  })),
  fc.tuple(nodeId, nodeId).map(([one, other]) => ({
    sql: 'insert into dataset_symlink (dataset_id, other_id) values ($1, $2), ($2, $1) on conflict do nothing',
    values: [one, other === one ? 'd0' : other],
  })),
  nodeId.map((id) => ({
    sql: `insert into dataset_field (id, dataset_id, path) values (gen_random_uuid()::text, $1, 'y') on conflict do nothing`,
    values: [id],
  })),
);
/** What happens: a statement in one of two transactions, the end of one, or a look by one of the followers. */
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('run' as const), session: fc.nat({ max: 1 }), statement }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('end' as const), session: fc.nat({ max: 1 }), commits: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const), follower: fc.nat({ max: 1 }) }) },
);

test('a graph in memory follows transactions that overlap, come late and are taken back', async () => {
  const followers = [new LineageGraphs(database), new LineageGraphs(database)];
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 14 }), async (happenings) => {
      const sessions: PoolClient[] = [await pool.connect(), await pool.connect()];
      // Of two that would wait for each other one gives up, and its transaction with it.
      for (const session of sessions) await session.query(`begin; set local lock_timeout = '50ms'`);
      const end = (session: PoolClient, commits: boolean) => session.query(commits ? 'commit' : 'rollback');
      try {
        for (const happened of happenings) {
          if (happened.kind === 'look') {
            await followers[happened.follower]?.columns();
            await followers[happened.follower]?.datasets();
            continue;
          }
          const session = sessions[happened.session];
          if (session === undefined) continue;
          if (happened.kind === 'run')
            await session.query(happened.statement.sql, happened.statement.values).catch(() => {});
          else {
            await end(session, happened.commits);
            await session.query(`begin; set local lock_timeout = '50ms'`);
          }
        }
        await expectExact(followers);
        for (const session of sessions) await end(session, true);
        await expectExact(followers);
      } finally {
        for (const session of sessions) {
          await end(session, false);
          session.release();
        }
      }
    }),
    { numRuns: 30 },
  );
});

test('the log of changes is cut, and who has missed some reads all again', async () => {
  const [quick, slow] = [new LineageGraphs(database), new LineageGraphs(database)];
  await expectExact([quick, slow]);
  await pool.query(`insert into column_edge (source_field_id, target_field_id, dataset_id, stated_by, kind, subtype, masking, valid_from)
    select 'd0', 'd1', 'd1', 'j', 'DIRECT', n::text, false, now() from generate_series(1, 10001) n`);
  await quick.columns();
  // How much of it depends on transactions of other tests, which may hold it back.
  const { rows } = await pool.query("select 1 from lineage_change_floor where xid > '0'");
  expect(rows).toHaveLength(1);
  await expectExact([quick, slow]);
  await forgetLineage(database.em);
  await expectExact([quick, slow]);
});

test('who asks after a commit finds it, however many ask at once', async () => {
  const graphs = new LineageGraphs(database);
  await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      await pool.query(
        `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job_namespace, job, valid_from)
         values ($1, 'd0', 'd1', 'n', $1, now())`,
        [`e${n}`],
      );
      const { rows } = await pool.query<{ number: string }>('select number from lineage_edge where id = $1', [`e${n}`]);
      expect([...(await graphs.datasets()).edges.ids]).toContain(Number(rows[0]?.number));
    }),
  );
});
