import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { retentionActor } from '../../../src/domain/access/actor.ts';
import { newId } from '../../../src/domain/id.ts';
import { OperationSchema } from '../../../src/entities/operation.entity.ts';
import { RetentionPolicyService } from '../../../src/services/governance/retention-policy.service.ts';
import { RetentionSchedule } from '../../../src/services/lake/retention-schedule.ts';
import { quietLogger, tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';

let db: TestDatabase;
let now = new Date();
let approved: string[] = [];
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  now = new Date();
  approved = [];
  await execute(`update operation set status = 'CANCELLED' where status = 'PLANNED'`);
  await execute('update retention_policy set retired_by = set_by, retired_at = now()');
});

const execute = (sql: string, params: readonly unknown[] = []) => db.em.fork().execute(sql, [...params]);
const policies = () => new RetentionPolicyService({ em: db.em, changed: async () => undefined });

/** A plan by so many days, in which one of so many rows goes. */
const planBy = (days: number, tableRows: number) =>
  JSON.stringify({
    gaps: [],
    targets: [
      {
        estimate: {
          records: 1,
          manifest: [
            { transformation: { retention: { days, dateField: 'day', before: '2026-01-01' } } },
            { table: { files: 1, rows: tableRows } },
          ],
        },
      },
    ],
  });

interface Asked {
  readonly datasetId: string;
  readonly days?: number;
  readonly key?: string;
  readonly by?: string;
  readonly status?: string;
}
/** As the planner leaves an operation, or one that came to its end. */
async function operation({ datasetId, days = 30, key = newId(), by = retentionActor.id, status = 'PLANNED' }: Asked) {
  const id = newId();
  await execute(
    `insert into operation (id, kind, status, dry_run, idempotency_key, input_digest, dataset_ids, plan, plan_hash, round, attempt,
       requested_by, approvals_needed, created_at, updated_at)
     values (?, 'RETENTION', ?, false, ?, '', array[?]::text[], ?::jsonb, ?, 1, 0, ?, 1, now(), now())
     on conflict (idempotency_key) do nothing`,
    [id, status, key, datasetId, planBy(days, 10), id, by],
  );
  return id;
}

const schedule = () =>
  new RetentionSchedule({
    em: db.em,
    now: () => now,
    logger: quietLogger,
    requests: {
      requestRetention: async (_actor, { datasetId, idempotencyKey = '' }) => {
        const { days } = await db.em
          .fork()
          .execute<{ days: number }[]>('select days from retention_policy where retired_at is null limit 1')
          .then(([row]) => row ?? { days: 1 });
        const id = await operation({ datasetId, key: idempotencyKey, days });
        return db.em.fork().findOneOrFail(OperationSchema, { $or: [{ id }, { idempotencyKey }] });
      },
    },
    operations: {
      approveOperation: async (_actor, { id }) => {
        approved.push(id);
        return db.em.fork().findOneOrFail(OperationSchema, { id });
      },
      cancelOperation: async (_actor, { id, reason }) => {
        await execute(`update operation set status = 'CANCELLED', status_reason = ? where id = ?`, [reason ?? '', id]);
        return db.em.fork().findOneOrFail(OperationSchema, { id });
      },
    },
  });

async function table(namespace: string): Promise<string> {
  const [datasetId, entityId] = [newId(), newId()];
  await execute('insert into dataset (id, namespace, name, created_at) values (?, ?, ?, now())', [
    datasetId,
    namespace,
    datasetId,
  ]);
  await execute(
    `insert into entity (id, namespace, name, catalog_namespace, created_at, updated_at) values (?, 'Demo', ?, 'c', now(), now())`,
    [entityId, `E${entityId}`],
  );
  await execute(
    `insert into mapping (id, entity_id, dataset_id, role, account_field, subject_fields, created_at)
     values (?, ?, ?, 'LAKE_TABLE', 'account', '{}', now())`,
    [newId(), entityId, datasetId],
  );
  await execute(
    `insert into lake_table (id, dataset_id, location, origin, partitioning, date_field, columns, created_at)
     values (?, ?, ?, 'REGISTERED', 'HIVE', 'day', '[]', now())`,
    [newId(), datasetId, datasetId],
  );
  return datasetId;
}
const operationsOf = (datasetId: string) =>
  db.em
    .fork()
    .execute<{ id: string; status: string; status_reason: string | null }[]>(
      'select id, status, status_reason from operation where ? = any(dataset_ids) order by created_at, id',
      [datasetId],
    );

describe('the schedule under a retention policy', () => {
  const setFor = (namespace: string, days = 30, autoApprove = false) =>
    policies().setRetentionPolicy(tester, { name: namespace, days, autoApprove, scope: { namespaces: [namespace] } });

  it('asks once a day for each table, also for one that comes later, however many look at once', async () => {
    const namespace = newId();
    const first = await table(namespace);
    await setFor(namespace);
    await Promise.all([schedule().sweep(), schedule().sweep()]);
    expect(await operationsOf(first)).toHaveLength(1);
    const second = await table(namespace);
    await schedule().sweep();
    expect([await operationsOf(first), await operationsOf(second)].map(({ length }) => length)).toEqual([1, 1]);
    // What is under way is not asked for again, and what has ended on the next day only.
    now = new Date(now.getTime() + 86_400_000);
    await schedule().sweep();
    expect(await operationsOf(first)).toHaveLength(1);
    await execute(`update operation set status = 'COMPLETED' where ? = any(dataset_ids)`, [first]);
    await schedule().sweep();
    expect(await operationsOf(first)).toHaveLength(2);
  });

  it('ends what nobody approved when the table goes by anything else, also by the same days', async () => {
    const [namespace, other] = [newId(), newId()];
    const datasetId = await table(namespace);
    await setFor(namespace);
    await schedule().sweep();
    await policies().setRetentionPolicy(tester, {
      ...{ name: other, days: 30, autoApprove: false, scope: { datasetIds: [datasetId] } },
    });
    await schedule().sweep();
    await schedule().sweep();
    expect((await operationsOf(datasetId)).map(({ status, status_reason: why }) => [status, why])).toEqual([
      ['CANCELLED', 'the retention rule has changed'],
      ['PLANNED', null],
    ]);
    // Nothing speaks about it any more.
    await policies().retireRetentionPolicy(tester, { name: other });
    await policies().retireRetentionPolicy(tester, { name: namespace });
    await schedule().sweep();
    expect((await operationsOf(datasetId)).every(({ status }) => status === 'CANCELLED')).toBe(true);
  });

  it('approves for a table only what a person approved for that table, by the same days, since the version was set', async () => {
    const namespace = newId();
    const [datasetId, neighbour] = [await table(namespace), await table(namespace)];
    const approvedByAnn = async (asked: Asked): Promise<void> => {
      const id = await operation({ ...asked, status: 'COMPLETED' });
      await execute(
        `insert into operation_approval (operation_id, round, actor_id, approved_at) values (?, 1, 'ann', now())`,
        [id],
      );
    };
    await approvedByAnn({ datasetId });
    await setFor(namespace, 30, true);
    await approvedByAnn({ datasetId, days: 20 });
    await approvedByAnn({ datasetId: neighbour });
    const sweeping = schedule();
    await sweeping.sweep();
    await sweeping.sweep();
    expect((await operationsOf(neighbour)).map(({ id }) => id)).toEqual(expect.arrayContaining(approved));
    expect(approved).toHaveLength(1);
    await approvedByAnn({ datasetId });
    await sweeping.sweep();
    expect(approved).toHaveLength(2);
  });
});
