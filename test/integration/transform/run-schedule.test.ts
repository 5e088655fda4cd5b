import { describe, expect, it } from 'vitest';
import { TransformRunSchema } from '../../../src/entities/transform-run.entity.ts';
import { TransformerSchema } from '../../../src/entities/transformer.entity.ts';
import { tester } from '../../testkit/actor.ts';
import { mappedTopic, ran, tableRows, transformerOf } from '../../testkit/transform-runs.ts';
import { expectedTable, message } from './messages.ts';
import { runSuite } from './run-suite.ts';

const suite = runSuite();

const rows = Array.from({ length: 12 }, (_, n) => message(n, 1));
const merge = { combine: [{ name: 'segments', with: 'max' }] };
const hourly = { cron: '0 * * * *', zone: 'Europe/Berlin', mode: 'INCREMENTAL', paused: false } as const;
const partsOf = () => suite.partsOf(rows);
const runsOf = (transformerId: string) =>
  suite.em.fork().find(TransformRunSchema, { transformerId }, { orderBy: { number: 'asc' } });
const transformerRow = (id: string) => suite.em.fork().findOneOrFail(TransformerSchema, { id });
/** As if nobody had looked for three hours. */
const missHours = (id: string) =>
  suite.em.fork().execute(`update transformer set due_at = now() - interval '3 hours' where id = ?`, [id]);

describe('a schedule', () => {
  it('makes one run of all times that were missed, whoever looks, and none while one is under way', async () => {
    const { name } = await mappedTopic(suite.em);
    const [parts, others] = [await partsOf(), await partsOf()];
    const { transformerId, location } = await transformerOf(parts, name, { merge });
    await parts.service.schedule(tester, transformerId, hourly);
    await parts.runs.requestDue();
    expect(await runsOf(transformerId)).toEqual([]);
    await missHours(transformerId);
    await Promise.all([parts.runs.requestDue(), others.runs.requestDue()]);
    const [run, ...more] = await runsOf(transformerId);
    expect(more).toEqual([]);
    expect(run).toMatchObject({ mode: 'INCREMENTAL', requestedBy: 'transformer-schedule' });
    expect((await transformerRow(transformerId)).dueAt?.getTime()).toBeGreaterThan(Date.now());
    await missHours(transformerId);
    await parts.runs.requestDue();
    expect(await runsOf(transformerId)).toHaveLength(1);
    expect(await ran(suite.em, parts, run?.id ?? '')).toMatchObject({ status: 'COMPLETED' });
    expect(await tableRows(suite.root, location)).toEqual(expectedTable(rows));
    await parts.runs.requestDue();
    expect(await runsOf(transformerId)).toHaveLength(2);
  });

  it('that is paused, taken away or of a retired transformer makes none', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf();
    const { transformerId } = await transformerOf(parts, name, { merge });
    const paused = await parts.service.schedule(tester, transformerId, { ...hourly, paused: true });
    expect(paused).toMatchObject({ schedule: { cron: '0 * * * *', paused: true }, dueAt: null });
    expect((await parts.service.schedule(tester, transformerId, hourly)).dueAt).not.toBeNull();
    expect(await parts.service.schedule(tester, transformerId, null)).toMatchObject({ schedule: null, dueAt: null });
    await parts.service.schedule(tester, transformerId, hourly);
    await parts.service.retire(tester, transformerId);
    expect((await transformerRow(transformerId)).dueAt).toBeNull();
    await parts.runs.requestDue();
    expect(await runsOf(transformerId)).toEqual([]);
    await expect(parts.service.schedule(tester, transformerId, hourly)).rejects.toMatchObject({
      code: 'TRANSFORMER_STATE',
    });
  });
});

describe('a back-fill', () => {
  it('takes the rows of its days from all that there is, and nothing from the runs that follow', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf();
    const { transformerId, location } = await transformerOf(parts, name, { merge });
    const fill = async (from: string, to: string) =>
      ran(suite.em, parts, (await parts.runs.request(tester, transformerId, 'BACKFILL', { from, to })).id);
    expect(await fill('2018-06-02', '2018-06-03')).toMatchObject({
      status: 'COMPLETED',
      statistics: { read: 12, rows: 4 },
    });
    const ofDay = rows.filter(({ date_created }) => String(date_created).startsWith('2018-06-02'));
    expect(await tableRows(suite.root, location)).toEqual(expectedTable(ofDay));
    expect(await fill('2018-06-02', '2018-06-03')).toMatchObject({ statistics: { changed: 0, filesWritten: 0 } });
    const next = await parts.runs.request(tester, transformerId, 'INCREMENTAL');
    expect(await ran(suite.em, parts, next.id)).toMatchObject({ statistics: { read: 12, changed: 8 } });
    expect(await tableRows(suite.root, location)).toEqual(expectedTable(rows));
  });

  it('is refused without days, with days that there are not, for sums, and for tables without partitions', async () => {
    const { name } = await mappedTopic(suite.em);
    const parts = await partsOf();
    const sums = await transformerOf(parts, name);
    const flat = await transformerOf(parts, name, { merge, as: `${name}-flat`, resource: { indexing: undefined } });
    const asked = (id: string, mode: 'BACKFILL' | 'BATCH', days: { from: string; to: string } | null) =>
      parts.runs.request(tester, id, mode, days).then(
        () => 'taken',
        ({ code, message: told }) => `${code} ${String(told).slice(0, 5)}`,
      );
    const days = { from: '2018-06-01', to: '2018-07-01' };
    expect(await asked(flat.transformerId, 'BACKFILL', null)).toBe('BAD_INPUT from:');
    expect(await asked(flat.transformerId, 'BATCH', days)).toBe('BAD_INPUT from:');
    expect(await asked(flat.transformerId, 'BACKFILL', { ...days, from: '2018-02-30' })).toBe('BAD_INPUT from:');
    expect(await asked(flat.transformerId, 'BACKFILL', { ...days, to: "2018-07-01'" })).toBe('BAD_INPUT to: i');
    expect(await asked(flat.transformerId, 'BACKFILL', { from: days.to, to: days.from })).toBe('BAD_INPUT to: m');
    expect(await asked(flat.transformerId, 'BACKFILL', days)).toBe('TRANSFORMER_STATE id: i');
    expect(await asked(sums.transformerId, 'BACKFILL', days)).toBe('TRANSFORMER_STATE id: i');
  });
});
