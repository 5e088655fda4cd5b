import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/domain/access/actor.ts';
import { keptUntil } from '../../../src/domain/governance/minimum-retention.ts';
import { newId } from '../../../src/domain/id.ts';
import { DecisionReadModel } from '../../../src/services/governance/decision.read-model.ts';
import { GovernanceReadModel } from '../../../src/services/governance/governance.read-model.ts';
import { MinimumRetentionService } from '../../../src/services/governance/minimum-retention.service.ts';
import { RetainReader } from '../../../src/services/governance/retains.ts';
import {
  ScopedMinimumService,
  type SetScopedMinimum,
} from '../../../src/services/governance/scoped-minimum.service.ts';
import { RetentionService } from '../../../src/services/lake/retention.service.ts';
import { byRoles } from '../../testkit/access.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { type LakeParts, lakeParts, messageTable } from '../../testkit/lake.ts';
import { mapPlace } from '../../testkit/operations.ts';
import { seedTopic } from '../../testkit/topics.ts';

let db: TestDatabase;
let root: string;
let parts: LakeParts;
const now = new Date();
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-scoped-minimum-'));
  parts = await lakeParts(db.em, root);
});
afterAll(async () => {
  await parts.engine.close();
  await db.close();
  await rm(root, { recursive: true, force: true });
});

const scoped = () => new ScopedMinimumService({ em: db.em, access: byRoles, now: () => now });
const limits = () => new RetainReader({ em: db.em, now: () => now }).minimumLimits();
const decisions = () => new DecisionReadModel({ em: db.em, now: () => now });
const execute = (sql: string, params: readonly unknown[]) => db.em.fork().execute(sql, [...params]);
const as = (...roles: Actor['roles']): Actor => ({ ...tester, roles });
const terms = (more: Partial<SetScopedMinimum> & Pick<SetScopedMinimum, 'scope'>): SetScopedMinimum => ({
  ...{ name: `N${newId()}`, days: 100, mode: 'COMPLIANCE', validUntil: null, bypassReason: null },
  ...more,
});
async function table(): Promise<{ readonly datasetId: string; readonly entityId: string; readonly dateField: string }> {
  const { table: made } = await messageTable(parts);
  const [entity] = await db.em
    .fork()
    .execute<{ id: string }[]>('select id from entity order by created_at desc limit 1');
  const entityId = entity?.id ?? '';
  await mapPlace({ em: db.em }, { entityId, datasetId: made.datasetId, role: 'LAKE_TABLE' });
  return { datasetId: made.datasetId, entityId, dateField: made.dateField ?? '' };
}
async function label(datasetId: string, classification: string): Promise<void> {
  const id = newId();
  await execute('insert into dataset_field (id, dataset_id, path) values (?, ?, ?)', [id, datasetId, `x${id}`]);
  await execute(
    `insert into dataset_field_label (field_id, classifications, set_by, set_at) values (?, array[?], 'ann', now())`,
    [id, classification],
  );
}

describe('a minimum by scope', () => {
  it('is of what becomes subject to it from that moment on, by the date of each place', async () => {
    const [one, topic] = [await table(), await seedTopic(db.em, `calls-${newId()}`)];
    const classification = `C${newId()}`;
    await scoped().set(tester, terms({ scope: { classifications: [classification], lineageDownstream: true } }));
    expect((await limits()).has(one.datasetId)).toBe(false);
    await label(one.datasetId, classification);
    expect((await limits()).get(one.datasetId)).toMatchObject({ days: 100, dateField: one.dateField });
    await execute(
      `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from) values (?, ?, ?, 'copy', now())`,
      [newId(), one.datasetId, topic.datasetId],
    );
    const ofTopic = (await limits()).get(topic.datasetId);
    expect(ofTopic).toMatchObject({ days: 100, dateField: null });
    expect(ofTopic).not.toHaveProperty('undatable');
  });

  it('stands beside others, and the longest wins; the decision names which', async () => {
    const { datasetId, entityId } = await table();
    const own = new MinimumRetentionService({ em: db.em, access: byRoles, now: () => now });
    const set = { datasetId, mode: 'GOVERNANCE', dateField: null, validUntil: null, bypassReason: null } as const;
    await own.setMinimumRetention(tester, { ...set, name: 'own', days: 50 });
    const [longer, shorter] = [
      terms({ days: 80, scope: { entityIds: [entityId] } }),
      terms({ days: 20, scope: { datasetIds: [datasetId] } }),
    ];
    await scoped().set(tester, longer);
    await scoped().set(tester, shorter);
    expect((await limits()).get(datasetId)?.days).toBe(80);
    const date = new Date(now.getTime() - 60 * 86_400_000);
    await execute(
      `insert into lake_retention (table_id, dataset_id, date_field, days, action, auto_approve, set_by, set_at)
       select id, dataset_id, date_field, 1, 'DELETE', false, 'ann', now() from lake_table where dataset_id = ?`,
      [datasetId],
    );
    const decision = await decisions().explain({ datasetId, selector: { accountId: 'AC1' }, date, isInitiated: true });
    expect(decision).toMatchObject({
      action: 'DEFER',
      winner: { rule: 'MINIMUM_RETENTION', sourceId: longer.name },
      until: keptUntil(date, 80),
    });
    expect(decision.losers.map(({ claim, reason }) => [claim.sourceId, reason])).toEqual(
      expect.arrayContaining([
        ['own', 'it has run out'],
        [shorter.name, 'it has run out'],
      ]),
    );
    const told = (await decisions().minimumsOf([datasetId])).get(datasetId) ?? [];
    expect(told.map(({ name, days, mode }) => [name, days, mode])).toEqual(
      [
        ['own', 50, 'GOVERNANCE'],
        [longer.name, 80, 'COMPLIANCE'],
        [shorter.name, 20, 'COMPLIANCE'],
      ].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    );
    expect(told.every(({ dateField }) => dateField !== null)).toBe(true);
  });

  it('keeps all of a table without dates, until somebody names a column', async () => {
    const { datasetId, dateField } = await table();
    await execute('update lake_table set date_field = null where dataset_id = ?', [datasetId]);
    await scoped().set(tester, terms({ scope: { datasetIds: [datasetId] } }));
    expect((await limits()).get(datasetId)).toMatchObject({ undatable: true });
    const old = new Date(0);
    const decision = await decisions().explain({
      datasetId,
      selector: { accountId: 'A' },
      date: old,
      isInitiated: true,
    });
    expect(decision).toMatchObject({ action: 'KEEP', winner: { rule: 'MINIMUM_RETENTION', at: null } });
    const rule = { datasetId, days: 5, action: 'DELETE', autoApprove: false, dateField } as const;
    await new RetentionService({ em: db.em }).setLakeRetention(tester, rule);
    expect((await limits()).get(datasetId)).toEqual(expect.objectContaining({ dateField, days: 100 }));
    expect((await limits()).get(datasetId)).not.toHaveProperty('undatable');
  });

  it('lets nobody make rows older by another date', async () => {
    const { datasetId, dateField } = await table();
    await scoped().set(tester, terms({ scope: { datasetIds: [datasetId] } }));
    const rule = { datasetId, days: 5, action: 'DELETE', autoApprove: false } as const;
    const retention = new RetentionService({ em: db.em });
    const refusal = { code: 'BAD_INPUT', message: expect.stringMatching(/^dateField: .* under the minimum retention/) };
    await expect(retention.setLakeRetention(tester, { ...rule, dateField: 'to' })).rejects.toMatchObject(refusal);
    const own = new MinimumRetentionService({ em: db.em, access: byRoles, now: () => now });
    const set = { datasetId, name: 'own', days: 1, mode: 'COMPLIANCE', validUntil: null, bypassReason: null } as const;
    await expect(own.setMinimumRetention(tester, { ...set, dateField: 'to' })).rejects.toMatchObject(refusal);
    await retention.setLakeRetention(tester, { ...rule, dateField });
  });

  it('is not narrowed, shortened or removed in compliance mode; in governance mode by who may bypass it', async () => {
    const set = terms({ scope: { namespaces: ['a', 'b'] } });
    await scoped().set(tester, set);
    const locked = { code: 'RETENTION_LOCKED' };
    const bypassed = { ...set, bypassReason: 'because' };
    await expect(scoped().set(as('legal'), { ...bypassed, scope: { namespaces: ['a'] } })).rejects.toMatchObject(
      locked,
    );
    await expect(scoped().set(as('legal'), { ...bypassed, days: 99 })).rejects.toMatchObject(locked);
    await expect(scoped().remove(as('legal'), bypassed)).rejects.toMatchObject(locked);
    await scoped().set(tester, { ...set, days: 101, scope: { namespaces: ['a', 'b', 'c'] } });

    const soft = terms({ mode: 'GOVERNANCE', scope: { namespaces: ['a', 'b'] } });
    const { id } = await scoped().set(tester, soft);
    const narrower = { ...soft, scope: { namespaces: ['a'] }, bypassReason: 'moved' };
    await expect(scoped().set(as('privacy_officer'), narrower)).rejects.toMatchObject(locked);
    await scoped().set(as('legal'), narrower);
    await scoped().remove(as('legal'), { name: soft.name, bypassReason: 'repealed' });
    const events = await db.em
      .fork()
      .execute<{ action: string; details: { weakened?: unknown } }[]>(
        'select action, details from audit_event where resource_id = ? order by id',
        [id],
      );
    expect(events.map(({ action, details }) => [action, details.weakened])).toEqual([
      ['setMinimumRetention', undefined],
      ['setMinimumRetention', ['scope']],
      ['removeMinimumRetention', ['days', 'mode', 'dateField', 'validUntil', 'scope']],
    ]);
  });

  it('is refused without a place, of what is not there, and is one of two that are set at once', async () => {
    await expect(scoped().set(tester, terms({ scope: { lineageDownstream: true } }))).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    await expect(scoped().set(tester, terms({ scope: { datasetIds: ['none'] } }))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(scoped().remove(tester, { name: 'none', bypassReason: null })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const set = terms({ scope: { namespaces: [`ns-${newId()}`] } });
    await Promise.all(
      [1, 2, 3]
        .map((more) =>
          scoped().set(tester, { ...set, days: 100, name: set.name, validUntil: new Date(now.getTime() + 1e9 * more) }),
        )
        .map((each) => each.catch(() => null)),
    );
    const page = await new GovernanceReadModel({ em: db.em }).scopedMinimums({ first: 50 });
    expect(page.items.filter(({ name }) => name === set.name)).toMatchObject([{ datasetId: null, ...set.scope }]);
  });
});
