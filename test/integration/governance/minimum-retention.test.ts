import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/domain/access/actor.ts';
import type { LakeTable } from '../../../src/entities/lake-table.entity.ts';
import {
  MinimumRetentionService,
  type SetMinimumRetention,
} from '../../../src/services/governance/minimum-retention.service.ts';
import { RetainReader } from '../../../src/services/governance/retains.ts';
import { RetentionService } from '../../../src/services/lake/retention.service.ts';
import { byRoles, denying } from '../../testkit/access.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { type LakeParts, lakeParts, messageTable } from '../../testkit/lake.ts';
import { mapPlace } from '../../testkit/operations.ts';
import { seedTopic } from '../../testkit/topics.ts';

let db: TestDatabase;
let root: string;
let parts: LakeParts;
let now = new Date();
beforeAll(async () => {
  db = await testDatabase();
  root = await mkdtemp(join(tmpdir(), 'lineward-minimum-'));
  parts = await lakeParts(db.em, root);
});
afterAll(async () => {
  await parts.engine.close();
  await db.close();
  await rm(root, { recursive: true, force: true });
});

const service = () => new MinimumRetentionService({ em: db.em, access: byRoles, now: () => now });
const limits = () => new RetainReader({ em: db.em, now: () => now }).minimumLimits();
const as = (...roles: Actor['roles']): Actor => ({ ...tester, roles });
async function mappedTable(): Promise<LakeTable> {
  const { table } = await messageTable(parts);
  const [entity] = await db.em
    .fork()
    .execute<{ id: string }[]>('select id from entity order by created_at desc limit 1');
  await mapPlace({ em: db.em }, { entityId: entity?.id ?? '', datasetId: table.datasetId, role: 'LAKE_TABLE' });
  return table;
}
const minimum = (datasetId: string, more: Partial<SetMinimumRetention> = {}): SetMinimumRetention => ({
  ...{ datasetId, name: 'SOX', days: 100, mode: 'GOVERNANCE', dateField: null, validUntil: null, bypassReason: null },
  ...more,
});
const eventsOf = (datasetId: string) =>
  db.em
    .fork()
    .execute<{ action: string; details: Record<string, unknown> }[]>(
      'select action, details from audit_event where resource_id = ? order by id',
      [datasetId],
    );

describe('a minimum in governance mode', () => {
  it('is weakened only by who may bypass it, with a reason that stands in the audit log', async () => {
    const { datasetId } = await mappedTable();
    await service().setMinimumRetention(as('privacy_officer'), minimum(datasetId));
    const less = minimum(datasetId, { days: 50, bypassReason: 'repealed' });
    await expect(service().setMinimumRetention(as('privacy_officer'), less)).rejects.toMatchObject({
      code: 'RETENTION_LOCKED',
      message: expect.stringContaining('may bypass'),
    });
    await expect(service().setMinimumRetention(as('legal'), { ...less, bypassReason: null })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/^bypassReason: /),
    });
    const removal = { datasetId, name: 'SOX', bypassReason: 'repealed' };
    await expect(service().removeMinimumRetention(as('privacy_officer'), removal)).rejects.toMatchObject({
      code: 'RETENTION_LOCKED',
    });
    // Whom a policy keeps from it has it by no role.
    const judge: Actor = { ...as('legal'), id: 'judge', kind: 'oidc' };
    const strict = new MinimumRetentionService({
      em: db.em,
      access: denying('BYPASS_RETENTION', 'judge'),
      now: () => now,
    });
    await expect(strict.setMinimumRetention(judge, less)).rejects.toMatchObject({ code: 'RETENTION_LOCKED' });
    expect((await limits()).get(datasetId)?.days).toBe(100);
    await service().setMinimumRetention(as('legal'), less);
    expect((await limits()).get(datasetId)?.days).toBe(50);
    await service().removeMinimumRetention(as('legal'), removal);
    expect((await limits()).has(datasetId)).toBe(false);
    expect(
      (await eventsOf(datasetId)).map(({ action, details }) => [action, details.weakened, details.bypassReason]),
    ).toEqual([
      ['setMinimumRetention', undefined, undefined],
      ['setMinimumRetention', ['days'], 'repealed'],
      ['removeMinimumRetention', ['days', 'mode', 'dateField', 'validUntil'], 'repealed'],
    ]);
  });
});

describe('a minimum in compliance mode', () => {
  it('is weakened and removed by nobody, until it has run out', async () => {
    const { datasetId } = await mappedTable();
    const validUntil = new Date(now.getTime() + 86_400_000);
    await service().setMinimumRetention(as('legal'), minimum(datasetId, { mode: 'COMPLIANCE', validUntil }));
    const removal = { datasetId, name: 'SOX', bypassReason: 'because' };
    await expect(service().removeMinimumRetention(as('legal'), removal)).rejects.toMatchObject({
      code: 'RETENTION_LOCKED',
    });
    now = validUntil;
    try {
      expect((await limits()).has(datasetId)).toBe(false);
      await service().removeMinimumRetention(as('privacy_officer'), removal);
    } finally {
      now = new Date();
    }
  });

  it('keeps the longer of two that are set at once', async () => {
    const { datasetId } = await mappedTable();
    const both = [10, 20].map((days) =>
      service().setMinimumRetention(as('legal'), minimum(datasetId, { days, mode: 'COMPLIANCE' })),
    );
    const refused = (await Promise.allSettled(both)).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeLessThanOrEqual(1);
    expect((await limits()).get(datasetId)?.days).toBe(20);
  });
});

describe('the dates of a place', () => {
  it('are the same for its minimums and its retention rule, whichever comes first', async () => {
    const [one, other] = [await mappedTable(), await mappedTable()];
    const retention = new RetentionService({ em: db.em });
    const rule = { days: 5, action: 'DELETE', autoApprove: false } as const;
    await service().setMinimumRetention(tester, minimum(one.datasetId));
    await expect(
      retention.setLakeRetention(tester, { ...rule, datasetId: one.datasetId, dateField: 'to' }),
    ).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringMatching(/^dateField: /) });
    await retention.setLakeRetention(tester, { ...rule, datasetId: other.datasetId, dateField: 'to' });
    await expect(service().setMinimumRetention(tester, minimum(other.datasetId))).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/^dateField: /),
    });
  });

  it('are time stamps in topics; what nothing is mapped to has none', async () => {
    const topic = await seedTopic(db.em, 'calls');
    expect(await service().setMinimumRetention(tester, minimum(topic.datasetId))).toMatchObject({ dateField: null });
    await expect(
      service().setMinimumRetention(tester, minimum(topic.datasetId, { dateField: 'day' })),
    ).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const { table } = await messageTable(parts);
    await expect(service().setMinimumRetention(tester, minimum(table.datasetId))).rejects.toMatchObject({
      code: 'MAPPING_INVALID',
    });
    await expect(service().setMinimumRetention(tester, minimum('none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
