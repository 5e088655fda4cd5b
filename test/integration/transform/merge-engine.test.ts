import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiled, type Row, talkTransformer, transformEngine } from '../../testkit/transform.ts';

let parts: Awaited<ReturnType<typeof transformEngine>>;
beforeAll(async () => {
  parts = await transformEngine();
});
afterAll(() => parts.close());

const base = JSON.parse(talkTransformer);
const order = ['queued', 'sending', 'sent', 'delivered'];
const withMerge = (merge: object, format = 'parquet', more: object = {}) => ({
  ...base,
  sources: [{ topic: 'SparkSummit.Demo' }],
  merge,
  orders: { msgStatus: order },
  resource: { ...base.resource, format, path: 'data/t', ...more },
});

const byUpdate = { strategy: 'deduplicate', fields: [{ name: 'date_updated', compare: 'strings', direction: 'asc' }] };
const byStatus = {
  strategy: 'deduplicate',
  fields: [
    { name: 'status', compare: 'msgStatus', direction: 'asc' },
    { name: 'date_updated', compare: 'strings', direction: 'asc' },
  ],
  combine: [{ name: 'segments', with: 'sum' }],
};

const message = fc.record(
  {
    message_id: fc.constantFrom('M1', 'M2', 'M3', 'M4', 'ü'),
    account_sid: fc.constantFrom('AC1', 'AC2'),
    date_created: fc.constantFrom('2018-06-04T10:00:00Z', '2018-06-05T23:30:00-02:00', '2018-06-05', 'yesterday'),
    date_updated: fc.option(fc.constantFrom('2018-06-04T10:00:00Z', '2018-06-06T10:00:00Z', 'z')),
    status: fc.option(fc.constantFrom(...order, 'failed')),
    to: fc.option(fc.constantFrom('+1', '+2', '﻿+3', '')),
    segments: fc.option(fc.integer({ min: -5, max: 9 })),
    tags: fc.option(fc.constantFrom<unknown>({ a: [1, 'b'] }, [], 'text', 7, true)),
  },
  { requiredKeys: ['message_id', 'account_sid', 'date_created'] },
);

const compareText = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));
const textOf = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

/** Positive when `one` stays; a missing value gives way. */
function prefer(one: unknown, other: unknown, compare: (one: string, other: string) => number): number {
  const [has, hasOther] = [one != null, other != null];
  if (!has || !hasOther) return Number(has) - Number(hasOther);
  return compare(textOf(one), textOf(other));
}
const rank = (value: unknown): number | null => (order.includes(String(value)) ? order.indexOf(String(value)) : null);

/** The table as plain JavaScript computes it. */
function expected(rows: readonly Row[], how: 'update' | 'status'): Record<string, Row[]> {
  const kept = new Map<string, Row>();
  const sums = new Map<string, number | null>();
  for (const row of rows) {
    const key = String(row.message_id);
    const old = kept.get(key);
    if (row.segments != null) sums.set(key, (sums.get(key) ?? 0) + Number(row.segments));
    const columns = [
      'account_sid',
      'date_created',
      'date_updated',
      'status',
      'to',
      ...(how === 'update' ? ['segments'] : []),
      'tags',
    ];
    const numeric = (a: string, b: string): number => Number(a) - Number(b);
    const terms = [
      ...(how === 'status' ? [(a: Row, b: Row) => prefer(rank(a.status), rank(b.status), numeric)] : []),
      (a: Row, b: Row) => prefer(a.date_updated, b.date_updated, compareText),
      ...columns.map(
        (name) => (a: Row, b: Row) =>
          prefer(asStored(a, name), asStored(b, name), name === 'segments' ? numeric : compareText),
      ),
    ];
    const decided = old === undefined ? 1 : (terms.map((term) => term(row, old)).find((n) => n !== 0) ?? 0);
    if (decided > 0) kept.set(key, row);
  }
  const found: Record<string, Row[]> = {};
  for (const [key, row] of [...kept].sort(([one], [other]) =>
    JSON.stringify([one]) < JSON.stringify([other]) ? -1 : 1,
  )) {
    const date = new Date(String(row.date_created));
    const folder = Number.isNaN(date.getTime()) ? 'unknown_date' : date.toISOString().slice(0, 10).replaceAll('-', '/');
    const whole = { ...row, ...(how === 'status' ? { segments: sums.get(key) ?? null } : {}) };
    found[folder] = [
      ...(found[folder] ?? []),
      Object.fromEntries(Object.entries(whole).filter(([, value]) => value != null)),
    ];
  }
  return Object.fromEntries(Object.entries(found).sort());
}
/** Texts in a JSON column stand in their quotes. */
const asStored = (row: Row, name: string): unknown =>
  name === 'tags' && typeof row[name] === 'string' ? JSON.stringify(row[name]) : row[name];

describe('merging', () => {
  for (const [format, merge, how] of [
    ['parquet', byStatus, 'status'],
    ['avro', byUpdate, 'update'],
    ['ndjson', byStatus, 'status'],
  ] as const)
    it(`makes the same table of ${format} whatever the order of messages and the bounds of batches, by ${how}`, async () => {
      const spec = compiled(withMerge(merge, format, format === 'ndjson' ? { codec: 'none' } : {}));
      await fc.assert(
        fc.asyncProperty(
          fc.array(message, { minLength: 1, maxLength: 14 }),
          fc.infiniteStream(fc.nat()),
          fc.array(fc.nat({ max: 14 }), { maxLength: 3 }),
          async (rows, keys, bounds) => {
            const shuffled = rows
              .map((row) => ({ row, at: keys.next().value ?? 0 }))
              .sort((one, other) => one.at - other.at)
              .map(({ row }) => row);
            const cuts = [0, ...bounds.filter((n) => n < rows.length).sort((a, b) => a - b), rows.length];
            const table = parts.table(spec);
            for (const [index, end] of cuts.slice(1).entries()) await table.run(shuffled.slice(cuts[index], end));
            expect(await table.rows()).toEqual(expected(rows, how));
          },
        ),
        { numRuns: 8 },
      );
    });

  it('changes nothing when the same rows come again, and writes nothing', async () => {
    const table = parts.table(compiled(withMerge(byUpdate)));
    const rows = [{ message_id: 'M1', account_sid: 'AC1', date_created: '2018-06-04', date_updated: '1' }];
    expect(await table.run(rows)).toMatchObject({ keys: 1, changed: 1, replaced: [] });
    expect(await table.run(rows, rows)).toEqual({ files: [], replaced: [], keys: 1, changed: 0 });
  });

  it('takes a row out of its old folder when its date changes, and leaves the others there', async () => {
    const table = parts.table(compiled(withMerge(byUpdate)));
    const row = (id: string, day: string, update: string) => ({
      message_id: id,
      account_sid: 'AC1',
      date_created: day,
      date_updated: update,
    });
    await table.run([row('M1', '2018-06-04', '1'), row('M2', '2018-06-04', '1')]);
    await table.run([row('M1', '2018-06-09', '2')]);
    expect(await table.rows()).toEqual({
      '2018/06/04': [row('M2', '2018-06-04', '1')],
      '2018/06/09': [row('M1', '2018-06-09', '2')],
    });
    expect(table.files).toHaveLength(2);
  });

  it('splits a folder into files of the wanted size, and puts small ones together', async () => {
    const spec = compiled(withMerge(byUpdate, 'parquet', { fileSizeMb: 1 }));
    const table = parts.table(spec);
    const noise = (n: number): string =>
      Array.from({ length: 40 }, (_, k) => ((n * 7919 + k * 104_729) % 1_000_003).toString(36)).join('');
    const rows = Array.from({ length: 30_000 }, (_, n) => ({
      message_id: `M${n}`,
      account_sid: 'AC1',
      date_created: '2018-06-04',
      to: noise(n),
    }));
    await table.run(rows);
    expect(table.files.length).toBeGreaterThan(1);
    for (const { bytes } of table.files) expect(bytes).toBeLessThan(1_400_000);
    const before = table.files.length;
    for (let n = 0; n < 3; n += 1)
      await table.run([{ message_id: `N${n}`, account_sid: 'AC1', date_created: '2018-06-04' }]);
    expect(table.files.length).toBeLessThanOrEqual(before + 1);
    expect((await table.rows())['2018/06/04']).toHaveLength(30_003);
  });

  it('refuses more partitions than a table may get at once', async () => {
    const spec = compiled(withMerge(byUpdate, 'parquet', { indexing: [{ type: 'hourly', date: 'date_created' }] }));
    const hour = (n: number): string => new Date(Date.UTC(2000, 0, 1, n)).toISOString();
    const rows = Array.from({ length: 10_001 }, (_, n) => ({
      message_id: `M${n}`,
      account_sid: 'AC1',
      date_created: hour(n),
    }));
    await expect(parts.table(spec).run(rows)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});
