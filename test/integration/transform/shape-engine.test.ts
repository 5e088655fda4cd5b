import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiled, type Row, talkTransformer, transformEngine } from '../../testkit/transform.ts';

let parts: Awaited<ReturnType<typeof transformEngine>>;
beforeAll(async () => {
  parts = await transformEngine();
});
afterAll(() => parts.close());

const base = JSON.parse(talkTransformer);

/** Rows of a table that some transforms make of some records, and what was rejected. */
async function made(transforms: readonly object[], rows: readonly Row[]) {
  const spec = compiled({
    ...base,
    sources: [{ topic: 'x', transforms }],
    resource: { format: 'ndjson', codec: 'none', path: 'data/t', schema: base.resource.schema },
  });
  const table = parts.table(spec);
  await table.run(rows.map((row, n) => ({ message_id: `M${n}`, account_sid: 'AC1', ...row })));
  const found = Object.values(await table.rows()).flat();
  return { rows: found.map(({ account_sid, message_id, ...row }) => row), all: found, rejected: table.rejected };
}

/** What the clocks of a zone show, by another implementation. */
function shown(instant: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return parts.format(instant).replace(' ', 'T');
}
/** The instant of a time by search: of two the earlier, and of none the one that the offset before it gives. */
function instantOf(wall: string, zone: string, overlap: 'earlier' | 'later' = 'earlier'): string {
  const utc = Date.parse(`${wall}Z`);
  const minutes = Array.from({ length: 48 * 4 + 1 }, (_, n) => utc + (n - 96) * 900_000);
  const hits = minutes.filter((at) => shown(at, zone) === wall);
  const before = utc - 86_400_000;
  const offset = Date.parse(`${shown(before, zone)}Z`) - before;
  const at = overlap === 'earlier' ? hits[0] : hits.at(-1);
  return new Date(at ?? utc - offset).toISOString().replace('Z', '000Z');
}

describe('dates', () => {
  const localize = (more: object = {}) => [{ type: 'localizeDates', fields: ['date_created'], ...more }];
  const dates = async (texts: readonly unknown[], more: object = {}, row: Row = {}) =>
    (
      await made(
        localize(more),
        texts.map((date_created) => ({ date_created, ...row })),
      )
    ).rows.map((one) => one.date_created);

  it('of many spellings become one', async () => {
    const given = [
      '2018-06-04T10:00:00Z',
      '2018-06-04 12:00:00.5+0200',
      '2018-06-04T12:00+02',
      'Mon, 04 Jun 2018 17:00:00 +0700',
      '4 Jun 2018 10:00:00 GMT',
      '2018-06-04',
    ];
    expect(await dates(given)).toEqual([
      '2018-06-04T10:00:00.000000Z',
      '2018-06-04T10:00:00.500000Z',
      '2018-06-04T10:00:00.000000Z',
      '2018-06-04T10:00:00.000000Z',
      '2018-06-04T10:00:00.000000Z',
      '2018-06-04T00:00:00.000000Z',
    ]);
    expect(await dates(['04/06/2018 10:11', 1_528_106_400], { formats: ['%d/%m/%Y %H:%M', 'epochSeconds'] })).toEqual([
      '2018-06-04T10:11:00.000000Z',
      '2018-06-04T10:00:00.000000Z',
    ]);
  });

  it('that clocks show twice or never follow the rule, in every zone', async () => {
    for (const [zone, walls] of [
      [
        'America/New_York',
        [
          '2018-03-11T01:59:59',
          '2018-03-11T02:30:00',
          '2018-03-11T03:00:00',
          '2018-11-04T00:30:00',
          '2018-11-04T01:30:00',
          '2018-11-04T02:00:00',
        ],
      ],
      ['Australia/Lord_Howe', ['2018-10-07T02:15:00', '2018-04-01T01:45:00', '2018-04-01T02:15:00']],
      ['Pacific/Apia', ['2011-12-29T12:00:00', '2011-12-31T12:00:00']],
      ['Asia/Kathmandu', ['2018-06-04T10:15:00']],
    ] as const)
      for (const overlap of ['earlier', 'later'] as const)
        expect([zone, overlap, await dates(walls, { zone, overlap })]).toEqual([
          zone,
          overlap,
          walls.map((wall) => instantOf(wall, zone, overlap)),
        ]);
    const { rejected } = await made(localize({ zone: 'America/New_York', gap: 'reject' }), [
      { date_created: '2018-03-11T02:30:00' },
    ]);
    expect(rejected).toMatchObject([{ code: 'DATE_UNREADABLE', field: 'date_created', rows: 1, at: ['0:0'] }]);
  });

  it('are of the zone that a field or the account names', async () => {
    const zone = { field: 'status' };
    const rows = [{ status: 'Europe/Berlin' }, { status: 'Mars/Base' }, { status: null }].map((row) => ({
      date_created: '2018-06-04T12:00:00',
      ...row,
    }));
    const { rows: found, rejected } = await made(localize({ zone }), rows);
    expect(found.map((row) => row.date_created)).toEqual(['2018-06-04T10:00:00.000000Z']);
    expect(rejected).toMatchObject([{ code: 'DATE_UNREADABLE', rows: 2 }]);
    const accounts = { AC1: 'Asia/Tokyo', AC2: 'UTC' };
    expect(await dates(['2018-06-04T12:00:00'], { zone: { accounts, default: 'Europe/Berlin' } })).toEqual([
      '2018-06-04T03:00:00.000000Z',
    ]);
    expect(await dates(['2018-06-04T12:00:00'], { zone: { accounts: {}, default: 'Europe/Berlin' } })).toEqual([
      '2018-06-04T10:00:00.000000Z',
    ]);
  });

  it('that are none reject their row, or become NULL where that is asked for', async () => {
    const none = ['yesterday', '2018-13-01', '2018-02-30T10:00:00Z', '', 'infinity', 12];
    const { rows, rejected } = await made(
      localize(),
      none.map((date_created) => ({ date_created })),
    );
    expect(rows).toEqual([]);
    expect(rejected).toMatchObject([{ code: 'DATE_UNREADABLE', rows: none.length }]);
    expect(await dates(none, { onError: 'null' })).toEqual(none.map(() => undefined));
  });
});

describe('transforms', () => {
  it('derive, filter, rename and cast by expressions that no text gets out of', async () => {
    const hostile = `'; DROP TABLE x; -- " ${'$'}{1}`;
    const { rows } = await made(
      [
        {
          type: 'derive',
          fields: {
            status: `upper(status == ${JSON.stringify(hostile)} ? "hit" : concat(status, "-", to))`,
            segments: 'number(segments) * 2 + length(status)',
          },
        },
        { type: 'filter', where: '!isNull(status) && (startsWith(status, "HIT") || endsWith(status, "7"))' },
        { type: 'cast', fields: { segments: 'long' } },
      ],
      [
        { status: hostile, segments: 1 },
        { status: 'a', to: '7', segments: 2 },
        { status: 'b', to: '8', segments: 3 },
      ],
    );
    expect(rows).toEqual([
      { status: 'HIT', segments: 2 + hostile.length },
      { status: 'A-7', to: '7', segments: 5 },
    ]);
  });

  it('flatten objects and explode lists', async () => {
    const { rows } = await made(
      [
        { type: 'explode', field: 'tags' },
        { type: 'flatten', field: 'tags', members: ['name', 'n'] },
        { type: 'derive', fields: { message_id: 'concat(message_id, "-", tags_name)' } },
        { type: 'drop', fields: ['status'] },
        { type: 'rename', fields: { tags_name: 'status', tags_n: 'tags' } },
      ],
      [
        {
          tags: [
            { name: 'a', n: [1, 2.5] },
            { name: 'b', n: { x: '"' } },
          ],
        },
        { tags: [] },
        { tags: null },
      ],
    );
    expect(rows).toEqual([
      { status: 'a', tags: [1, 2.5] },
      { status: 'b', tags: { x: '"' } },
    ]);
  });

  it('reject what does not fit, with the place and the field, and never with a value', async () => {
    const { all, rejected } = await made(
      [{ type: 'explode', field: 'tags', keepEmpty: true }],
      [
        { segments: '1.5' },
        { segments: '0x10' },
        { segments: 9_007_199_254_740_993n.toString() },
        { status: { a: 1 } },
        { tags: 'no list' },
        { message_id: null },
      ],
    );
    expect(all).toEqual([
      { message_id: 'M2', account_sid: 'AC1', segments: Number('9007199254740993') },
      // A text takes any value, as JSON writes it.
      { message_id: 'M3', account_sid: 'AC1', status: '{"a":1}' },
    ]);
    expect(rejected.map(({ code, field, rows, at }) => [code, field, rows, at])).toEqual([
      ['KEY_MISSING', 'message_id', 1, ['0:5']],
      ['NOT_A_LIST', 'tags', 1, ['0:4']],
      ['TYPE_MISMATCH', 'segments', 2, ['0:0', '0:1']],
    ]);
  });
});
