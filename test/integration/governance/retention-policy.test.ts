import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keptUntil } from '../../../src/domain/governance/minimum-retention.ts';
import type { GivenPlaces } from '../../../src/domain/governance/place-scope.ts';
import { newId } from '../../../src/domain/id.ts';
import { DecisionReadModel } from '../../../src/services/governance/decision.read-model.ts';
import { MinimumRetentionService } from '../../../src/services/governance/minimum-retention.service.ts';
import { reportQueries } from '../../../src/services/governance/report-queries.ts';
import { RetentionPolicyReadModel } from '../../../src/services/governance/retention-policy.read-model.ts';
import { RetentionPolicyService } from '../../../src/services/governance/retention-policy.service.ts';
import { assertRetained, effectiveRetentions } from '../../../src/services/governance/retention-rules.ts';
import { RetentionService } from '../../../src/services/lake/retention.service.ts';
import { byRoles } from '../../testkit/access.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { type LakeParts, lakeParts, messageTable, retain } from '../../testkit/lake.ts';
import { mapPlace } from '../../testkit/operations.ts';
import { seedTopic } from '../../testkit/topics.ts';

let db: TestDatabase;
let root: string;
let parts: LakeParts;
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-retention-policy-'));
  parts = await lakeParts(db.em, root);
});
afterAll(async () => {
  await parts.engine.close();
  await db.close();
  await rm(root, { recursive: true, force: true });
});

const execute = (sql: string, params: readonly unknown[] = []) => db.em.fork().execute(sql, [...params]);
const policies = () => new RetentionPolicyService({ em: db.em, changed: async () => undefined });
const readModel = () => new RetentionPolicyReadModel({ em: db.em });
async function set(scope: GivenPlaces, days: number, name = `P${newId()}`) {
  const { id, version } = await policies().setRetentionPolicy(tester, { name, days, scope, autoApprove: false });
  return { id, name, version };
}
const effective = async (datasetId: string) => (await effectiveRetentions(db.em.fork(), [datasetId])).get(datasetId);
/** By which policy and how long; null for a rule of the table itself. */
const goesBy = async (datasetId: string) => {
  const found = await effective(datasetId);
  return found === undefined ? undefined : [found.policy?.name ?? null, found.days];
};
const placesOf = async (id: string) => (await readModel().placesOf([id], { first: 50 }, null))(id).items;

async function table() {
  const { table: made } = await messageTable(parts);
  const [entity] = await db.em
    .fork()
    .execute<{ id: string }[]>('select id from entity order by created_at desc, id desc limit 1');
  const entityId = entity?.id ?? '';
  await mapPlace({ em: db.em }, { entityId, datasetId: made.datasetId, role: 'LAKE_TABLE' });
  return { table: made, datasetId: made.datasetId, entityId };
}
async function label(datasetId: string): Promise<string> {
  const [id, classification] = [newId(), `C${newId()}`];
  await execute('insert into dataset_field (id, dataset_id, path) values (?, ?, ?)', [id, datasetId, `x${id}`]);
  await execute(
    `insert into dataset_field_label (field_id, classifications, set_by, set_at) values (?, array[?], 'ann', now())`,
    [id, classification],
  );
  return classification;
}

describe('retention policies by scope', () => {
  it('are followed in what fits them by then, the narrowest words first, then the shortest days', async () => {
    const { datasetId, entityId, table: made } = await table();
    const classification = await label(datasetId);
    expect(await goesBy(datasetId)).toBeUndefined();
    const broad = await set({ classifications: [classification] }, 10);
    expect(await goesBy(datasetId)).toEqual([broad.name, 10]);
    const longer = await set({ entityIds: [entityId] }, 90);
    expect(await goesBy(datasetId)).toEqual([longer.name, 90]);
    const shorter = await set({ entityIds: [entityId] }, 60);
    expect(await goesBy(datasetId)).toEqual([shorter.name, 60]);
    const named = await set({ datasetIds: [datasetId] }, 400);
    expect(await goesBy(datasetId)).toEqual([named.name, 400]);
    await retain(db.em, made, 500);
    expect(await goesBy(datasetId)).toEqual([null, 500]);
    expect(await new RetentionService({ em: db.em }).ruleOf(datasetId)).toEqual({
      dateField: 'date_created',
      days: 500,
    });
    for (const { id } of [broad, longer, shorter, named])
      expect(await placesOf(id)).toEqual([{ datasetId, isNamed: true, state: 'OVERRULED', uncovered: null }]);

    await new RetentionService({ em: db.em }).deleteLakeRetention(tester, { datasetId });
    await policies().retireRetentionPolicy(tester, { name: named.name });
    await policies().retireRetentionPolicy(tester, { name: shorter.name });
    expect(await goesBy(datasetId)).toEqual([longer.name, 90]);
    expect((await placesOf(longer.id)).map(({ state }) => state)).toEqual(['IN_FORCE']);
    // What only a label named is free when the label goes.
    await policies().retireRetentionPolicy(tester, { name: longer.name });
    expect(await goesBy(datasetId)).toEqual([broad.name, 10]);
    await execute(
      'delete from dataset_field_label where field_id in (select id from dataset_field where dataset_id = ?)',
      [datasetId],
    );
    expect(await goesBy(datasetId)).toBeUndefined();
  });

  it('that name a place go before those that only lineage leads there from', async () => {
    const [one, copy] = [await table(), await table()];
    await execute(
      `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from) values (?, ?, ?, 'copy', now())`,
      [newId(), one.datasetId, copy.datasetId],
    );
    const followed = await set({ datasetIds: [one.datasetId], lineageDownstream: true }, 10);
    expect(await goesBy(copy.datasetId)).toEqual([followed.name, 10]);
    const named = await set({ classifications: [await label(copy.datasetId)] }, 90);
    expect(await goesBy(copy.datasetId)).toEqual([named.name, 90]);
    expect(await goesBy(one.datasetId)).toEqual([followed.name, 10]);
  });

  it('tell of each place where they cannot be followed, and why; nothing is asked for there', async () => {
    const [undated, unmapped, otherDate] = [await table(), await table(), await table()];
    const topic = await seedTopic(db.em, `calls-${newId()}`);
    await mapPlace({ em: db.em }, { entityId: undated.entityId, datasetId: topic.datasetId, role: 'TOPIC' });
    await execute('update lake_table set date_field = null where dataset_id = ?', [undated.datasetId]);
    await execute(`delete from mapping where dataset_id = ?`, [unmapped.datasetId]);
    await execute(`update lake_table set date_field = 'tags' where dataset_id = ?`, [otherDate.datasetId]);
    const elsewhere = newId();
    await execute(`insert into dataset (id, namespace, name, created_at) values (?, 'warehouse', ?, now())`, [
      elsewhere,
      elsewhere,
    ]);
    const expected = {
      [undated.datasetId]: 'NO_DATE_FIELD',
      [unmapped.datasetId]: 'NO_ENTITY',
      [otherDate.datasetId]: 'NO_DATE_COLUMN',
      [topic.datasetId]: 'NO_TOPIC',
      [elsewhere]: 'NOT_A_TABLE',
    };
    const { id, name } = await set({ datasetIds: Object.keys(expected) }, 30);
    const places = (await readModel().placesOf([id], { first: 50 }, 'UNCOVERED'))(id).items;
    expect(Object.fromEntries(places.map(({ datasetId, uncovered }) => [datasetId, uncovered]))).toEqual(expected);
    for (const datasetId of Object.keys(expected)) {
      expect(await new RetentionService({ em: db.em }).ruleOf(datasetId)).toBeNull();
      await expect(assertRetained(db.em.fork(), datasetId)).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringContaining(name),
      });
    }
    // A minimum of its own names a date: all that is said by dates goes by that one.
    const minimums = new MinimumRetentionService({ em: db.em, access: byRoles, now: () => new Date() });
    const terms = { name: 'SOX', days: 5, mode: 'GOVERNANCE', validUntil: null, bypassReason: null } as const;
    await minimums.setMinimumRetention(tester, { ...terms, datasetId: undated.datasetId, dateField: 'date_created' });
    expect(await effective(undated.datasetId)).toMatchObject({ uncovered: null, dateField: 'date_created', days: 30 });
  });

  it('are named by the decision, and stand in the report with what they do not cover', async () => {
    const [covered, undated] = [await table(), await table()];
    await execute('update lake_table set date_field = null where dataset_id = ?', [undated.datasetId]);
    for (const { entityId } of [covered, undated]) {
      const versionId = newId();
      await execute(
        `with made as (
           insert into schema (context, id, guid, format, text, identity, text_identity)
           select '.', 1 + coalesce(max(id), 0), ?, 'AVRO', '{}', ?, ? from schema returning id
         ) insert into entity_version (id, entity_id, number, schema_id, document, label, fingerprint, created_by, created_at)
         select ?, ?, 1, id, '{}', '1', 'f', 'ann', now() from made`,
        [versionId, versionId, versionId, versionId, entityId],
      );
      await execute('update entity set latest_version_id = ? where id = ?', [versionId, entityId]);
      await execute(
        `insert into entity_field (id, version_id, ordinal, path, type, nullable, required, classifications)
         values (?, ?, 0, 'to', 'string', false, true, '{PII}')`,
        [newId(), versionId],
      );
    }
    const policy = await set({ datasetIds: [covered.datasetId, undated.datasetId] }, 30);
    const date = new Date(Date.now() - 10 * 86_400_000);
    const decisions = new DecisionReadModel({ em: db.em, now: () => new Date() });
    const ask = { datasetId: covered.datasetId, selector: { accountId: 'AC1' }, date, isInitiated: true };
    expect(await decisions.explain(ask)).toMatchObject({
      action: 'KEEP',
      winner: { rule: 'POLICY_DELETE', sourceId: policy.name, at: keptUntil(date, 30) },
    });
    const rows = await db.em.fork().execute<Record<string, unknown>[]>(reportQueries['retention-coverage'].sql);
    const told = rows.filter(({ policy: name }) => name === policy.name);
    expect(told.map(({ rule_days, coverage, uncovered_reason }) => [rule_days, coverage, uncovered_reason])).toEqual([
      [30, 'POLICY', null],
      [null, 'UNCOVERED', 'NO_DATE_FIELD'],
    ]);
  });

  it('have versions and events, come back after they were retired, and do not change by being set the same again', async () => {
    const scope = { namespaces: [`ns-${newId()}`] };
    const first = await set(scope, 30);
    expect(await set(scope, 30, first.name)).toEqual(first);
    expect(await set(scope, 31, first.name)).toMatchObject({ id: first.id, version: 2 });
    const again = { name: first.name, days: 32, scope, autoApprove: true };
    await expect(policies().setRetentionPolicy(tester, { ...again, expectedVersion: 1 })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await policies().retireRetentionPolicy(tester, first);
    await expect(policies().retireRetentionPolicy(tester, first)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await policies().setRetentionPolicy(tester, { ...again, expectedVersion: 0 });
    const versions = (await readModel().versionsOf([first.id], { first: 10 }))(first.id).items;
    expect(versions.map(({ version, days, autoApprove }) => [version, days, autoApprove])).toEqual([
      [3, 32, true],
      [2, 31, false],
      [1, 30, false],
    ]);
    expect(versions[0]?.scope).toMatchObject(scope);
    const events = await db.em
      .fork()
      .execute<{ action: string }[]>('select action from audit_event where resource_id = ? order by id', [first.id]);
    expect(events.map(({ action }) => action)).toEqual([
      'setRetentionPolicy',
      'setRetentionPolicy',
      'retireRetentionPolicy',
      'setRetentionPolicy',
    ]);
  });

  it('are refused without a place, of what is not there, for no days, and are one of several that are set at once', async () => {
    await expect(set({ lineageDownstream: true }, 30)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(set({ datasetIds: ['none'] }, 30)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const days of [0, 1.5, 36_501])
      await expect(set({ namespaces: ['n'] }, days)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const [name, scope] = [`P${newId()}`, { namespaces: [`ns-${newId()}`] }];
    const made = await Promise.all([1, 2, 3].map((days) => set(scope, days, name)));
    expect(made.map(({ version }) => version).toSorted()).toEqual([1, 2, 3]);
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  });
});
