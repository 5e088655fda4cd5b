import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareDates } from '../../../src/adapters/lake/transform/date-sql.ts';
import { ShapeSql } from '../../../src/adapters/lake/transform/shape-sql.ts';
import type { ShapePlan } from '../../../src/domain/transform/transform-plan.ts';
import { changeBetween, instantShown } from '../../testkit/zone-clock.ts';

const dayMs = 86_400_000;
/** With steps of half an hour and of two, at midnight, below zero, of whole days, and in months that move. */
const zones = [
  ...['Europe/Berlin', 'Europe/Dublin', 'America/New_York', 'America/St_Johns', 'America/Sao_Paulo', 'Asia/Tehran'],
  ...['Australia/Lord_Howe', 'Antarctica/Troll', 'Africa/Casablanca', 'Africa/Cairo', 'Asia/Kathmandu', 'Asia/Gaza'],
  ...['Pacific/Apia', 'Pacific/Kwajalein', 'Pacific/Kiritimati', 'America/Caracas', 'Europe/Moscow', 'UTC'],
];

let connection: DuckDBConnection;
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  await connection.run("SET TimeZone = 'UTC'");
  await prepareDates(connection);
});
afterAll(() => connection?.closeSync());

type Dates = Extract<ShapePlan['steps'][number], { readonly type: 'localizeDates' }>;

/** What a transform makes of texts; null for what it does not read. */
async function localized(texts: readonly string[], more: Partial<Dates>): Promise<readonly (string | null)[]> {
  const step: Dates = {
    type: 'localizeDates',
    fields: ['d'],
    formats: ['iso8601', 'rfc2822'],
    accountField: 'a',
    onError: 'null',
    ...more,
  };
  const plan: ShapePlan = {
    fields: [{ name: 'd', form: 'TEXT' }],
    steps: [step],
    columns: [{ name: 'd', type: 'VARCHAR', form: 'TEXT' }],
    key: [],
    partition: null,
  };
  await connection.run('CREATE OR REPLACE TEMP TABLE given (lineward_at BIGINT, d VARCHAR)');
  const appender = await connection.createAppender('given');
  for (const [index, text] of texts.entries()) {
    appender.appendBigInt(BigInt(index));
    appender.appendVarchar(text);
    appender.endRow();
  }
  appender.closeSync();
  const rows = await connection.runAndReadAll(`SELECT d FROM (${ShapeSql.of('given', plan, [])}) ORDER BY lineward_at`);
  return rows.getRows().map(([value]) => value as string | null);
}

const iso = (instant: number | null): string | null =>
  instant === null ? null : new Date(instant).toISOString().replace('Z', '000Z');

const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** A time by a pattern; `at` is what clocks show, as if that were UTC. */
function written(at: number, pattern: string): string {
  const date = new Date(at);
  const hour = date.getUTCHours();
  const values: Readonly<Record<string, string>> = {
    Y: String(date.getUTCFullYear()),
    y: pad(date.getUTCFullYear() % 100),
    m: pad(date.getUTCMonth() + 1),
    '-m': String(date.getUTCMonth() + 1),
    d: pad(date.getUTCDate()),
    '-d': String(date.getUTCDate()),
    j: pad(Math.floor((at - Date.UTC(date.getUTCFullYear(), 0)) / dayMs) + 1, 3),
    H: pad(hour),
    '-H': String(hour),
    I: pad(hour % 12 || 12),
    '-I': String(hour % 12 || 12),
    p: hour < 12 ? 'AM' : 'PM',
    M: pad(date.getUTCMinutes()),
    S: pad(date.getUTCSeconds()),
    f: pad(date.getUTCMilliseconds(), 3).padEnd(6, '0'),
    a: days[date.getUTCDay()]?.slice(0, 3) ?? '',
    A: days[date.getUTCDay()] ?? '',
    b: months[date.getUTCMonth()]?.slice(0, 3) ?? '',
    B: months[date.getUTCMonth()] ?? '',
    z: '+0000',
    '%': '%',
  };
  return pattern.replaceAll(/%(-?[a-zA-Z%])/gu, (_, name: string) => values[name] ?? '');
}

/** Patterns with the smallest unit that they have. */
const patterns = [
  ...['%Y-%m-%d %H:%M:%S', '%d/%m/%Y %H:%M:%S', '%-d.%-m.%Y %-H:%M:%S', '%m/%d/%y %I:%M:%S %p', '%Y%m%d%H%M%S'].map(
    toSecond,
  ),
  ...['%a %b %d %H:%M:%S %Y', '%A, %-d %B %Y %-I:%M:%S%p', '%Y-%jT%H:%M:%S', '100%% %d %B %y %H:%M:%S'].map(toSecond),
  { pattern: '%d/%m/%Y %H:%M', unitMs: 60_000 },
  { pattern: '%Y-%m-%d %H:%M:%S.%f', unitMs: 1 },
];
function toSecond(pattern: string): { readonly pattern: string; readonly unitMs: number } {
  return { pattern, unitMs: 1_000 };
}
/** ISO 8601 without a zone. */
const isoWalls = [
  ...['%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S'].map(toSecond),
  { pattern: '%Y-%m-%dT%H:%M', unitMs: 60_000 },
  { pattern: '%Y-%m-%d %H:%M:%S.%f', unitMs: 1 },
  { pattern: '%Y-%m-%d', unitMs: dayMs },
];

const zone = fc.constantFrom(...zones);
/** From 1970 to 2020: what clocks will show is foretold otherwise by each edition of the data of zones. */
const anyTime = fc.integer({ min: 0, max: 50 * 365 * dayMs });
/** Times of a zone, most of them near a change of its clocks. */
const timesIn = (name: string): fc.Arbitrary<readonly number[]> =>
  fc.array(
    fc
      .tuple(anyTime, fc.integer({ min: -30, max: 30 }), fc.integer({ min: -5_400, max: 5_400 }), fc.nat(999))
      .map(([at, hours, seconds, ms]) => {
        for (let from = at; from < at + 250 * dayMs; from += 25 * dayMs) {
          const change = changeBetween(from, from + 25 * dayMs, name);
          // What clocks show around it lies within a day and some hours.
          if (change !== null) return change + (hours * 1_800 + seconds) * 1_000 + ms;
        }
        return at;
      }),
    { minLength: 40, maxLength: 40 },
  );
const rule = fc.record({
  overlap: fc.constantFrom('earlier' as const, 'later' as const),
  gap: fc.constantFrom('shift' as const, 'reject' as const),
});

test('a time that names no zone is the instant at which clocks of its zone show it, in every format and at every change', async () => {
  const given = zone.chain((name) =>
    fc.record({
      name: fc.constant(name),
      walls: timesIn(name),
      rule,
      format: fc.constantFrom(...patterns),
      isoFormat: fc.constantFrom(...isoWalls),
    }),
  );
  await fc.assert(
    fc.asyncProperty(given, async ({ name, walls, rule: by, format, isoFormat }) => {
      for (const [{ pattern, unitMs }, formats] of [
        [format, [format.pattern]],
        [isoFormat, ['iso8601']],
      ] as const) {
        const times = walls.map((wall) => Math.floor(wall / unitMs) * unitMs);
        const texts = times.map((time) => written(time, pattern));
        const { overlap, gap } = by;
        const found = await localized(texts, { formats, zone: name, overlap, gap });
        expect(found.map((one, index) => [texts[index], one])).toEqual(
          times.map((time, index) => [texts[index], iso(instantShown(time, name, by))]),
        );
      }
    }),
    { numRuns: 40 },
  );
});

const offsets = fc.integer({ min: -14 * 60, max: 14 * 60 });
const signed = (minutes: number, colon: string): string =>
  `${minutes < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(minutes) / 60))}${colon}${pad(Math.abs(minutes) % 60)}`;

/** Spellings of an instant, with the smallest unit that they have; `by` is the offset in minutes. */
const spellings: readonly { readonly unitMs: number; spell(at: number, by: number): string }[] = [
  { unitMs: 1_000, spell: (at) => `${written(at, '%Y-%m-%dT%H:%M:%S')}Z` },
  { unitMs: 1, spell: (at) => `${written(at, '%Y-%m-%dT%H:%M:%S.%f')}Z` },
  { unitMs: 1, spell: (at) => `${written(at, '%Y-%m-%d %H:%M:%S.%f').slice(0, -3)} z` },
  { unitMs: 1_000, spell: (at, by) => `${written(at + by * 60_000, '%Y-%m-%dT%H:%M:%S')}${signed(by, ':')}` },
  { unitMs: 1_000, spell: (at, by) => ` ${written(at + by * 60_000, '%Y-%m-%d %H:%M:%S')} ${signed(by, '')} ` },
  { unitMs: 60_000, spell: (at, by) => `${written(at + by * 60_000, '%Y-%m-%dt%H:%M')}${signed(by, ':')}` },
  { unitMs: 1_000, spell: (at, by) => `${written(at + by * 60_000, '%a, %d %b %Y %H:%M:%S')} ${signed(by, '')}` },
  { unitMs: 1_000, spell: (at) => `${written(at, '%-d %b %Y %H:%M:%S')} GMT` },
];

test('a text that names an offset is that instant, whatever the zone, and a number is one since 1970', async () => {
  const given = fc.record({
    name: zone,
    instants: fc.array(fc.tuple(anyTime, offsets, fc.nat(spellings.length - 1)), { minLength: 30, maxLength: 30 }),
  });
  await fc.assert(
    fc.asyncProperty(given, async ({ name, instants }) => {
      const cases = instants.map(([at, by, index]) => {
        const { unitMs = 1, spell } = spellings[index] ?? {};
        const instant = Math.floor(at / unitMs) * unitMs;
        return { instant, text: spell?.(instant, by) ?? '' };
      });
      const texts = cases.map(({ text }) => text);
      const wanted = cases.map(({ instant }) => iso(instant));
      const paired = (found: readonly (string | null)[]) => found.map((one, index) => [texts[index], one]);
      expect(paired(await localized(texts, { zone: name }))).toEqual(paired(wanted));
      const instantsAlone = cases.map(({ instant }) => instant - 25 * 365 * dayMs);
      expect(await localized(instantsAlone.map(String), { formats: ['epochMillis'], zone: name })).toEqual(
        instantsAlone.map(iso),
      );
      const seconds = instantsAlone.map((instant) => (instant / 1_000).toFixed(3));
      expect(await localized(seconds, { formats: ['epochSeconds'], zone: name })).toEqual(instantsAlone.map(iso));
    }),
    { numRuns: 30 },
  );
});

test('no other text is taken for a date: none that no calendar has, and none with something before or behind it', async () => {
  const wrong = fc.record({
    name: zone,
    at: anyTime,
    months: fc.integer({ min: 13, max: 99 }),
    junk: fc.string({ minLength: 1, maxLength: 4 }).filter((text) => /[^\s\d.:+\-TtZz]/u.test(text)),
  });
  await fc.assert(
    fc.asyncProperty(wrong, async ({ name, at, months: month, junk }) => {
      const [day, clock] = [written(at, '%Y-%m-%d'), written(at, '%H:%M:%S')];
      const year = day.slice(0, 4);
      const texts = [
        ...[`${year}-${month}-01T${clock}`, `${year}-02-30 ${clock}Z`, `${year}-04-31`, `${year}-00-10`],
        ...[
          `${day}T25:00:00`,
          `${day} 10:60:00Z`,
          `${day}T10:00:61+01:00`,
          `${day}T${clock}+24:00`,
          `${day}T${clock}+01:60`,
        ],
        ...[`${junk}${day}T${clock}Z`, `${day}T${clock}Z${junk}`, `${day}${junk}${clock}`, junk],
      ].filter((text) => !text.includes('\0'));
      const found = await localized(texts, { zone: name });
      expect(found.map((one, index) => [texts[index], one])).toEqual(texts.map((text) => [text, null]));
    }),
    { numRuns: 30 },
  );
});
