import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { type AnyEvent, forgetLineage, graphOf, runOf, shopEvents, tableOf, take } from '../../testkit/lineage.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());
beforeEach(() => forgetLineage(database.em));

const column = (source: string, more: object = {}) => ({ namespace: 'n', name: source, field: 'x', ...more });
/** A run that says how `x` of its output is made. */
function statement(run: number, at: string, inputs: readonly object[] | null, target = 'out'): AnyEvent {
  const facets = inputs === null ? { _deleted: true } : { fields: { x: { inputFields: inputs } } };
  return {
    eventType: 'COMPLETE',
    eventTime: at,
    run: { runId: `00000000-0000-4000-8000-${String(run).padStart(12, '0')}` },
    job: { namespace: 'n', name: 'job' },
    outputs: [{ namespace: 'n', name: target, facets: { columnLineage: facets } }],
  };
}
const columns = async (): Promise<[string, string, string | null][]> => {
  const rows = await database.em.fork().execute<{ name: string; from: string; to: string | null }[]>(
    `select source.name, to_char(valid_from at time zone 'UTC', 'HH24:MI') as "from", to_char(valid_to at time zone 'UTC', 'HH24:MI') as "to"
     from column_edge join dataset_field f on f.id = source_field_id join dataset source on source.id = f.dataset_id order by 1, 2`,
  );
  return rows.map((row) => [row.name, row.from, row.to]);
};

test('the events of a shop are 13 jobs, 13 datasets with fields, and one more that only a column names', async () => {
  await take(database.em, shopEvents());
  const graph = await graphOf(database.em);
  expect(graph.jobs).toHaveLength(13);
  expect(graph.datasets.filter((row) => String(row).includes('"named_only":false'))).toHaveLength(13);
  expect(graph.datasets.filter((row) => String(row).includes('"named_only":true'))).toHaveLength(1);
  expect(graph.states.filter((row) => String(row).includes('"seen_at":"2026'))).toHaveLength(13);
  expect(graph.edges).toHaveLength(13);
  expect(graph.columns).toHaveLength(19);
});

test('any order, any batches and repetition give the same graph', async () => {
  const events = [
    ...shopEvents(),
    ...runOf(
      20,
      'time_trips',
      [tableOf({ name: 'trip_week' })],
      [tableOf({ name: 'voucher', columns: { off: ['menu.id'] } })],
      '23:00',
    ),
    // One run, told by halves; the later half is the earlier in time.
    { ...runOf(21, 'half', [tableOf({ name: 'menu' })], [])[0], eventTime: '2026-11-03T10:00:00.5Z' },
    { ...runOf(21, 'half', [], [tableOf({ name: 'copy', fields: ['a', 'b'] })])[0], eventTime: '2026-11-03T09:00:00' },
    ...runOf(
      22,
      'half',
      [],
      [
        {
          ...tableOf({ name: 'copy', fields: ['b'] }),
          facets: { lifecycleStateChange: { lifecycleStateChange: 'DROP' } },
        },
      ],
      '23:30',
    ),
    statement(1, '2026-11-02T10:00:00Z', [column('a')]),
    statement(2, '2026-11-02T11:00:00Z', [column('b')]),
    statement(3, '2026-11-02T11:00:00Z', [column('c', { transformations: [{ type: 'INDIRECT', subtype: 'filter' }] })]),
    statement(4, '2026-11-02T12:00:00Z', [column('a')]),
    ...[10, 20, 30, 40, 50].map((minute) => statement(minute, `2026-11-02T12:${minute}:00Z`, [column('a')])),
    statement(60, '2026-11-02T12:25:00Z', [column('b')]),
    { ...statement(30, '2026-11-02T13:00:00Z', [column('a')]), eventType: 'FAIL' },
    {
      eventTime: '2026-11-02T12:30:00Z',
      dataset: {
        namespace: 'n',
        name: 'out',
        facets: { symlinks: { identifiers: [{ namespace: 'x', name: 'y', type: 'TABLE' }] } },
      },
    },
  ];
  await take(database.em, events);
  const expected = await graphOf(database.em);
  // Whatever of it is folded meanwhile.
  const few = fc.record({ most: fc.nat({ max: 3 }), kept: fc.nat({ max: 2 }) });
  const order = fc.shuffledSubarray([...events, ...events.slice(0, 10)], { minLength: events.length + 10 });
  await fc.assert(
    fc.asyncProperty(order, fc.integer({ min: 1, max: 20 }), few, async (shuffled, size, unfolded) => {
      await forgetLineage(database.em);
      for (let at = 0; at < shuffled.length; at += size)
        await take(database.em, shuffled.slice(at, at + size), unfolded);
      expect(await graphOf(database.em)).toEqual(expected);
    }),
    { numRuns: 8 },
  );
});

test('what each run repeats takes little room, and a late word about an old run finds it again', async () => {
  const hour = (run: number): string => new Date(Date.UTC(2026, 0, 1, run)).toISOString();
  const runs = Array.from({ length: 400 }, (_, run) => ({
    ...statement(run, hour(run), [column('in')]),
    inputs: [{ namespace: 'n', name: 'in' }],
  }));
  for (let at = 0; at < runs.length; at += 50) await take(database.em, runs.slice(at, at + 50));
  const [rows] = await database.em.fork().execute<Record<string, number>[]>(
    `select (select count(*)::int from column_statement) as statements, (select count(*)::int from lineage_run_io) as io,
       (select count(*)::int from column_repeat) as repeats, (select count(distinct set_id)::int from lineage_io_set_member) as sets,
       (select count(*)::int from lineage_run) as runs`,
  );
  expect(rows).toMatchObject({ runs: 400, sets: 1 });
  expect(rows?.statements).toBeLessThanOrEqual(128);
  expect(rows?.io).toBeLessThanOrEqual(2 * 128);
  expect(rows?.repeats).toBeLessThanOrEqual(4);
  expect(await columns()).toEqual([['in', '00:00', null]]);
  const late = [
    { ...statement(3, '2026-01-01T03:30:00Z', [column('other')]), inputs: [{ namespace: 'n', name: 'late' }] },
    { ...statement(3, '2026-01-01T03:40:00Z', [column('in')]), outputs: [{ namespace: 'n', name: 'also' }] },
  ];
  await take(database.em, late);
  expect(await columns()).toEqual([
    ['in', '00:00', '03:30'],
    ['in', '04:00', null],
    ['other', '03:30', '04:00'],
  ]);
  const folded = await graphOf(database.em);
  await forgetLineage(database.em);
  await take(database.em, [...runs, ...late], { most: 1_000_000, kept: 0 });
  expect(await graphOf(database.em)).toEqual(folded);
});

test('batches at the same time over the same datasets lose nothing', async () => {
  const runs = Array.from({ length: 40 }, (_, index) => {
    const input = runOf(100 + index, `job${index % 3}`, [tableOf({ name: `in${index % 5}`, fields: ['x'] })], [])[0];
    const output = runOf(
      100 + index,
      `job${index % 3}`,
      [],
      [tableOf({ name: `out${index % 7}`, columns: { x: [`in${index % 5}.x`] } })],
      '22:30',
    )[0];
    return [input, output] as const;
  });
  await take(database.em, runs.flat());
  const expected = await graphOf(database.em);
  for (let round = 0; round < 3; round += 1) {
    await forgetLineage(database.em);
    const lanes = [0, 1, 2, 3, 4, 5].map((lane) =>
      runs.flatMap((run, index) => [run[0], run[1]].filter((_, side) => (index + side) % 6 === lane)),
    );
    // In small pieces, of which each folds what is there.
    const unfolded = { most: round, kept: 0 };
    await Promise.all(
      lanes.map(async (lane, index) => {
        const events = index % 2 === 0 ? lane : lane.toReversed();
        for (let at = 0; at < events.length; at += 4) await take(database.em, events.slice(at, at + 4), unfolded);
      }),
    );
    expect(await graphOf(database.em)).toEqual(expected);
  }
});

describe('what a job says of the columns of a dataset', () => {
  const [a, b] = [column('a'), column('b')];

  test('replaces what it said before, and closes what it leaves out', async () => {
    await take(database.em, [
      statement(1, '2026-11-02T10:00:00Z', [a]),
      statement(2, '2026-11-02T11:00:00Z', [a, b]),
      statement(3, '2026-11-02T12:00:00Z', [b]),
    ]);
    expect(await columns()).toEqual([
      ['a', '10:00', '12:00'],
      ['b', '11:00', null],
    ]);
  });

  test('holds from its time on when it comes late', async () => {
    await take(database.em, [statement(3, '2026-11-02T12:00:00Z', [a])]);
    await take(database.em, [statement(1, '2026-11-02T10:00:00Z', [a])]);
    expect(await columns()).toEqual([['a', '10:00', null]]);
    await take(database.em, [statement(2, '2026-11-02T11:00:00Z', [b])]);
    expect(await columns()).toEqual([
      ['a', '10:00', '11:00'],
      ['a', '12:00', null],
      ['b', '11:00', '12:00'],
    ]);
  });

  test('counts together when it is said at the same time', async () => {
    await take(database.em, [statement(1, '2026-11-02T10:00:00Z', [a]), statement(2, '2026-11-02T10:00:00Z', [b])]);
    await take(database.em, [statement(3, '2026-11-02T11:00:00Z', [a])]);
    await take(database.em, [statement(4, '2026-11-02T11:00:00Z', [b])]);
    expect(await columns()).toEqual([
      ['a', '10:00', null],
      ['b', '10:00', null],
    ]);
  });

  test('ends where the facet is deleted, and not where an event is silent or cannot be read', async () => {
    await take(database.em, [statement(1, '2026-11-02T10:00:00Z', [a])]);
    const silent = statement(2, '2026-11-02T10:30:00Z', [{ namespace: 'n', name: null, field: 'x' }, 7 as never]);
    await take(database.em, [
      silent,
      { ...silent, eventTime: '2026-11-02T10:40:00Z', outputs: [{ namespace: 'n', name: 'out' }] },
    ]);
    expect(await columns()).toEqual([['a', '10:00', null]]);
    await take(database.em, [statement(3, '2026-11-02T11:00:00Z', null)]);
    expect(await columns()).toEqual([['a', '10:00', '11:00']]);
  });

  test('is apart from what it says of others, and from what an event about the dataset says', async () => {
    await take(database.em, [
      statement(1, '2026-11-02T10:00:00Z', [a]),
      statement(2, '2026-11-02T11:00:00Z', [b], 'other'),
      { eventTime: '2026-11-02T12:00:00Z', dataset: statement(3, '', [b]).outputs[0] },
    ]);
    expect(await columns()).toEqual([
      ['a', '10:00', null],
      ['b', '11:00', null],
      ['b', '12:00', null],
    ]);
  });
});
